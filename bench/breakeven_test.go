package bench

import (
	"math"
	"strings"
	"testing"
)

// Worked out by hand: vectors of 1,000 bytes, coded in 400 at 250 ns and decoded in
// 100 ns.
func TestBreakEvenFollowsItsFormulas(t *testing.T) {
	r := &Report{Dim: 500, Results: []Result{
		{Codec: "c", Op: "encode", Dim: 500, Kernel: "go", Threads: 1, NsPerVector: 900, BytesPerVector: 400},
		{Codec: "c", Op: "decode", Dim: 500, Kernel: "go", Threads: 1, NsPerVector: 800, BytesPerVector: 400},
		{Codec: "c", Op: "encode", Dim: 500, Kernel: "avx2", Threads: 1, NsPerVector: 250, BytesPerVector: 400},
		{Codec: "c", Op: "decode", Dim: 500, Kernel: "avx2", Threads: 1, NsPerVector: 100, BytesPerVector: 400},
		{Codec: "d", Op: "encode", Dim: 500, Kernel: "go", Threads: 1, NsPerVector: 100, BytesPerVector: 1000},
	}}
	list := r.BreakEven()
	if len(list) != 1 {
		t.Fatalf("%+v", list)
	}
	b := list[0]
	for _, c := range []struct {
		what      string
		got, want float64
	}{
		{"encode", b.EncodeGBPerS, 4}, {"decode", b.DecodeGBPerS, 10}, {"streaming", b.Streaming, 4}, {"waiting", b.Waiting, 600. / 350},
		{"25 GbE", b.Gains[0].Gain, 320 / 250.},       // 1000/3.125 ns raw; 400/3.125 = 128 ns coded, encoding takes longer
		{"PCIe 5", b.Gains[4].Gain, 1000 / 63. / 250}, // loses
	} {
		if math.Abs(c.got-c.want) > 1e-12 {
			t.Errorf("%s: %v, want %v", c.what, c.got, c.want)
		}
	}
	if b.Kernel != "avx2" {
		t.Errorf("kernel %s", b.Kernel)
	}
	var out strings.Builder
	if err := WriteBreakEven(&out, 500, list); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
	if last := lines[len(lines)-1]; !strings.Contains(last, "x1.28") || len(last) != len(lines[len(lines)-3]) {
		t.Errorf("the table:\n%s", out.String())
	}
}

func TestBreakEvenOfARun(t *testing.T) {
	list := quick(t, Options{Codecs: specs(t, "bf16 e8:q=38"), Kernels: Kernels()[len(Kernels())-1:]}).BreakEven()
	if len(list) != 2 || list[0].BytesPerVector != 256 || list[0].Waiting != 0 || list[1].Waiting <= 0 || list[1].Streaming <= list[1].Waiting {
		t.Errorf("%+v", list)
	}
}
