package eval

import (
	"testing"

	"kakeyalattice/capture"
	"kakeyalattice/internal/fakemodel"
)

// The figures of V4-Flash come from its configuration alone: 160 GB of tensors,
// and residual streams of 4 x 4096 float32 for each token and run.
func TestTheCostOfV4FlashIsKnownWithoutItsWeights(t *testing.T) {
	m, err := capture.OpenModel(t.Context(), fakemodel.DeepSeekV4(fakemodel.Flash(), 1))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	long := texts(2048, 2048, 2048, 2048, 2048, 2048, 2048, 2048)
	c, err := Estimate(t.Context(), &Plan{Model: m, Texts: long, Arms: arms(t, m, "e8:q=38"), Mode: InForward})
	if err != nil {
		t.Fatal(err)
	}
	if want := int64(2) * 16384 * 4 * 4096 * 4; c.Residual != want {
		t.Errorf("residual streams take %d bytes, want %d", c.Residual, want)
	}
	// The MTP layer is not read.
	if c.Bytes < 150e9 || c.Bytes > 159_609_485_896 {
		t.Errorf("%d bytes are read", c.Bytes)
	}
	// About 14 billion active parameters: 28 GFLOP a token and run, more with what
	// attention takes.
	if perToken := c.FLOP / 2 / 16384; perToken < 24e9 || perToken > 36e9 {
		t.Errorf("%.3g FLOP a token", perToken)
	}
	if c.Memory < c.Residual+2*3e9 || c.Memory > 20e9 {
		t.Errorf("%d bytes of memory", c.Memory)
	}
	t.Log(c)
}

func TestACodecWithAConstantCostsAnotherPass(t *testing.T) {
	m := tiny(t, false)
	cost := func(spec string) float64 {
		c, err := Estimate(t.Context(), &Plan{Model: m, Texts: texts(64), Arms: arms(t, m, spec), Mode: InForward})
		if err != nil {
			t.Fatal(err)
		}
		return c.FLOP
	}
	if plain, fitted := cost("bf16"), cost("nvfp4"); !(fitted > plain && fitted < 1.6*plain) {
		t.Errorf("%g FLOP, %g with a fit", plain, fitted)
	}
}
