package eval_test

import (
	"context"
	"fmt"

	"kakeyalattice/capture"
	"kakeyalattice/codec"
	"kakeyalattice/eval"
	"kakeyalattice/internal/fakemodel"
)

func ExampleRun() {
	ctx := context.Background()
	// Any folder of a model will do: checkpoint.Dir("./Qwen2-0.5B").
	m, err := capture.OpenModel(ctx, fakemodel.LlamaFamily(fakemodel.TinyQwen2(), 1))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	spec, _ := codec.Parse("fp8:group=64")
	_, kinds := eval.Kinds(m)
	out, err := eval.Run(ctx, &eval.Plan{
		Model: m,
		Texts: []capture.Text{{Title: "counting", IDs: []int32{1, 2, 3, 4, 5, 6, 7, 8}}},
		Arms:  []eval.Arm{{Codec: spec, Kinds: kinds}},
		Mode:  eval.InForward,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	a := out.Arms[0]
	fmt.Println(a.Label(), "predicts", a.Texts[0].Tokens, "tokens at", a.BitsPerValue(), "bits a value")
	// Output: fp8:group=64 on k,v predicts 7 tokens at 9 bits a value
}
