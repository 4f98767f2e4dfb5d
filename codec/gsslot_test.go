package codec

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestAutomaticSlotsAreNumbersInTheCodecsSpec(t *testing.T) {
	for _, c := range []struct {
		spec string
		dim  int
		want string
	}{
		{"e8-gs:slot=auto", 512, "e8-gs:delta=0.09,slot=358"},
		{"e8-gs:slot=auto", 64, "e8-gs:delta=0.09,slot=48"},
		{"e8-gs:slot=auto", 8, "e8-gs:delta=0.09,slot=9"},
		{"z-gs:delta=1,slot=auto", 128, "z-gs:delta=1,slot=39"},
	} {
		codec := mustNew(t, c.spec, c.dim)
		if got := codec.Spec().String(); got != c.want {
			t.Errorf("%s at %d: %s, want %s", c.spec, c.dim, got, c.want)
		}
		again := mustNew(t, codec.Spec().String(), c.dim)
		if again.Spec().String() != c.want || again.Size() != codec.Size() {
			t.Errorf("%s at %d makes %s", c.want, c.dim, again.Spec())
		}
	}
}

func TestSlotsThatDoNotHoldEveryVectorAreRefusedWithOneThatDoes(t *testing.T) {
	for _, name := range []string{"e8-gs", "d4-gs", "z-gs"} {
		for _, dim := range []int{8, 64, 512} {
			for _, delta := range []string{"0.01", "0.09", "0.3", "2"} {
				spec := fmt.Sprintf("%s:delta=%s,slot=", name, delta)
				least := leastSlot(t, spec, dim)
				s, err := Parse(fmt.Sprint(spec, least-1))
				if err != nil {
					t.Fatal(err)
				}
				if _, err := New(s, dim); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("slot=%d", least)) {
					t.Errorf("%s at %d: error %v, want the advice slot=%d", s, dim, err, least)
				}
			}
		}
	}
}

// leastSlot returns the smallest slot of a spec that ends with "slot=".
func leastSlot(t testing.TB, spec string, dim int) int {
	t.Helper()
	s := mustNew(t, spec+"1000000", dim).(*gsFixed).shape
	return s.leastSlot()
}

func TestTheSmallestSlotsHoldEveryVector(t *testing.T) {
	classes := map[byte]int{}
	for _, name := range []string{"e8-gs", "d4-gs", "z-gs"} {
		for _, dim := range []int{8, 64, 512} {
			for _, delta := range []string{"0.01", "0.05", "0.09", "0.2", "0.5", "1", "2"} {
				spec := fmt.Sprintf("%s:delta=%s,slot=", name, delta)
				c := mustNew(t, fmt.Sprint(spec, leastSlot(t, spec, dim)), dim)
				try := func(what string, x []float32) {
					if err := checkGainShapeError(c, x); err != nil {
						t.Errorf("%s at %d, %s: %v", c.Spec(), dim, what, err)
					}
					b, _ := c.AppendEncode(nil, x)
					classes[b[0]%slotClasses]++
				}
				for what, x := range toughVectors(dim) {
					try(what, x)
				}
				for source := range sources(dim) {
					try(source, sourceVectors(t, source, 1, dim, 5))
				}
				for seed := range uint64(5) {
					try("few large coordinates", fewLarge(dim, seed))
				}
			}
		}
	}
	t.Logf("vectors by class: %v", classes)
	for class := range byte(slotClasses) {
		if classes[class] == 0 {
			t.Errorf("no vector was coded with class %d", class)
		}
	}
}

// fewLarge is a vector whose rotation has few magnitudes: points that lie alike
// in all blocks are the longest.
func fewLarge(dim int, seed uint64) []float32 {
	r := rand.New(rand.NewPCG(seed, 2))
	x := make([]float32, dim)
	for range 1 + r.IntN(4) {
		x[r.IntN(dim)] = float32(r.NormFloat64())
	}
	x[r.IntN(dim)] = 1
	return x
}

func TestRecordsOfAnyVectorAreNoLongerThanTheSize(t *testing.T) {
	// checkGainShapeError looks at the size.
	rapid.Check(t, func(rt *rapid.T) {
		dim := rapid.SampledFrom([]int{8, 64, 256}).Draw(rt, "dim")
		name := rapid.SampledFrom([]string{"e8-gs", "d4-gs", "z-gs"}).Draw(rt, "name")
		delta := rapid.SampledFrom([]string{"0.01", "0.05", "0.09", "0.2", "0.5", "1", "2"}).Draw(rt, "delta")
		c := mustNew(t, name+":delta="+delta, dim)
		x := fewLarge(dim, rapid.Uint64().Draw(rt, "seed"))
		if err := checkGainShapeError(c, x); err != nil {
			rt.Fatal(err)
		}
	})
}

func TestOverflowsAreCountedFromTheBytes(t *testing.T) {
	// Slots of half the bits that Gaussian vectors would like: none fits at first.
	const n, dim = 5, 64
	spec := "e8-gs:delta=0.09,slot="
	tight := mustNew(t, fmt.Sprint(spec, leastSlot(t, spec, dim)), dim)
	ample := mustNew(t, "e8-gs:slot=auto", dim)
	x := gaussianVectors(n, dim, 1)
	clear(x[dim : 2*dim]) // zero vectors fit
	for c, want := range map[Codec]int{tight: n - 1, ample: 0} {
		b, err := c.AppendEncode(nil, x)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.(Overflower).Overflows(b); got != want {
			t.Errorf("%s: %d overflows, want %d", c.Spec(), got, want)
		}
	}
	if _, ok := mustNew(t, "e8-gs", dim).(Overflower); ok {
		t.Error("a codec without slots counts overflows")
	}
}

func TestAutomaticSlotsHoldNearlyAllGaussianVectors(t *testing.T) {
	// Fewer than one in 100,000; a sample of 1,000,000 vectors of 512 values at
	// delta = 0.09 had none, and 1,154 in slots that are a byte smaller.
	for _, c := range []struct {
		spec   string
		dim, n int
	}{
		{"e8-gs:delta=0.09,slot=auto", 512, 2000},
		{"e8-gs:delta=0.09,slot=auto", 64, 15_000},
		{"e8-gs:delta=0.5,slot=auto", 128, 5000},
		{"d4-gs:delta=0.2,slot=auto", 64, 10_000},
		{"z-gs:delta=0.05,slot=auto", 8, 30_000},
	} {
		codec := mustNew(t, c.spec, c.dim)
		b, err := codec.AppendEncode(nil, gaussianVectors(c.n, c.dim, 2))
		if err != nil {
			t.Fatal(err)
		}
		if n := codec.(Overflower).Overflows(b); n != 0 {
			t.Errorf("%s at %d: %d of %d vectors overflow", c.spec, c.dim, n, c.n)
		}
	}
}

func TestSlotDecodersRefuseWhatNoEncoderWrites(t *testing.T) {
	const dim = 16
	c := mustNew(t, "e8-gs:delta=0.09,slot=30", dim)
	x := gaussianVectors(1, dim, 3)
	good, err := c.AppendEncode(nil, x)
	if err != nil {
		t.Fatal(err)
	}
	raw := c.(*gsFixed).shape.rawBytes
	padding := append([]byte(nil), good...)
	padding[len(good)-raw-1] = 1
	zero := make([]byte, len(good))
	zero[len(zero)-1] = 1
	for name, b := range map[string][]byte{"padding": padding, "a zero vector with raw bits": zero} {
		if err := checkAnyBytes(t, c, b); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}
