package experiment_test

import (
	"context"
	"fmt"
	"os"

	"kakeyalattice/codec"
	"kakeyalattice/experiment"
	"kakeyalattice/kv"
)

// ramp is a source of one stream: two passages of small vectors.
func ramp() *kv.Source {
	stream := kv.NewStream(
		kv.Stream{Name: "swa.0", Kind: kv.SWA, Dim: 8, Heads: 1, HeadDim: 8},
		[]int{16, 8},
		func(dst []float32, passage int) error {
			for i := range dst {
				dst[i] = float32(i%13) - float32(6-passage)
			}
			return nil
		})
	return &kv.Source{Streams: []*kv.Stream{stream}, Close: func() error { return nil }}
}

func Example() {
	codecs, err := codec.ParseList("bf16 fp8:group=8")
	if err != nil {
		fmt.Println(err)
		return
	}
	plan := &experiment.Plan{Source: ramp(), Codecs: codecs, AttentionQueries: 4}
	outcome, err := experiment.Run(context.Background(), plan, experiment.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range outcome.Streams[0].Codecs {
		fmt.Printf("%s: %.0f bits per vector, rel-MSE of the first passage %.2g\n", c.Spec, c.BitsPerVector(), c.Distortion[0].RelMSE())
	}
	// Output:
	// bf16: 128 bits per vector, rel-MSE of the first passage 0
	// fp8:group=8: 80 bits per vector, rel-MSE of the first passage 0.00051
}

func ExamplePlan_Units() {
	codecs, err := codec.ParseList("bf16 e8:q=10..12")
	if err != nil {
		fmt.Println(err)
		return
	}
	plan := &experiment.Plan{Source: ramp(), Codecs: codecs}
	units, err := plan.Units()
	fmt.Println(units, err) // an audit and four codecs on each of two passages
	// Output: 10 <nil>
}

// A run that was cut off goes on where it was.
func ExampleOpenJournal() {
	dir, err := os.MkdirTemp("", "kakeya")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	codecs, err := codec.ParseList("bf16")
	if err != nil {
		fmt.Println(err)
		return
	}
	plan := &experiment.Plan{Source: ramp(), Codecs: codecs}
	settings := []experiment.Setting{{Name: "input", Value: "ramp"}, {Name: "codecs", Value: "bf16"}}

	run := func(resume bool, stopAfter int) {
		journal, err := experiment.OpenJournal(dir, settings, resume)
		if err != nil {
			fmt.Println(err)
			return
		}
		defer journal.Close()
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		_, err = experiment.Run(ctx, plan, experiment.Options{Workers: 1, Journal: journal, Progress: func(done, total int) {
			if done == stopAfter {
				cancel()
			}
		}})
		fmt.Println(journal.Resumed(), "taken over:", err)
	}
	run(false, 3)
	run(true, -1)
	// Output:
	// 0 taken over: experiment: interrupted after 3 of 4 units: context canceled; continue with --resume
	// 3 taken over: <nil>
}
