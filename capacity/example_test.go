package capacity_test

import (
	"fmt"
	"log"
	"os"

	"kakeyalattice/capacity"
	"kakeyalattice/kv"
)

// A cache of DeepSeek-V4-Flash as engines store it, and with a codec per kind
// whose rates were measured.
func ExampleModel_Plan() {
	text, err := os.ReadFile("testdata/v4-flash.json")
	if err != nil {
		log.Fatal(err)
	}
	model, err := capacity.ParseModel(text)
	if err != nil {
		log.Fatal(err)
	}
	stored, err := model.ParseLayouts("fp8-v4", "fp8")
	if err != nil {
		log.Fatal(err)
	}
	measured, err := model.Layout("measured", map[kv.Kind]capacity.Rate{
		kv.SWA: capacity.MeasuredRate("e8:q=38", 3296, "3 streams"),
		kv.CSA: capacity.MeasuredRate("e8-gs:delta=0.0925", 2833.1, "3 streams"),
		kv.HCA: capacity.MeasuredRate("e8:q=44", 3360, "3 streams"),
	})
	if err != nil {
		log.Fatal(err)
	}
	node, err := capacity.ParseNode("4xH200", 0)
	if err != nil {
		log.Fatal(err)
	}
	plan, err := model.Plan(append(stored, measured), capacity.Options{Context: 1 << 20, Nodes: []capacity.Node{node}})
	if err != nil {
		log.Fatal(err)
	}
	for i, l := range plan.Layouts {
		fmt.Printf("%s: %d MiB a sequence, %d sequences on %s\n", l.Name, l.TotalBytes>>20, plan.Nodes[0].Layouts[i].Sequences, plan.Nodes[0].Name)
	}
	// Output:
	// fp8-v4: 3853 MiB a sequence, 84 sequences on 4xH200
	// measured: 2620 MiB a sequence, 128 sequences on 4xH200
}

func ExampleModel_ParsePolicy() {
	text, err := os.ReadFile("testdata/v4-flash.json")
	if err != nil {
		log.Fatal(err)
	}
	model, err := capacity.ParseModel(text)
	if err != nil {
		log.Fatal(err)
	}
	policy, err := model.ParsePolicy("careful: *=e8:q=38 hca=e8:q=44 indexer=fp4", "")
	if err != nil {
		log.Fatal(err)
	}
	for _, kind := range []kv.Kind{kv.SWA, kv.CSA, kv.HCA, kv.Indexer} {
		fmt.Println(policy.Name, kind, policy.Rates[kind].Bytes)
	}
	// Output:
	// careful swa 412
	// careful csa 412
	// careful hca 420
	// careful indexer 68
}
