package report

import (
	"encoding/xml"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The anchors are those of rate-distortion theory: at rel-MSE 1e-3 a Gaussian
// needs 4.983 bits a value, ideal E8 5.129 (0.146 more).
func TestTheReferenceLinesHitTheirAnchors(t *testing.T) {
	if got := gaussian(4.98289); math.Abs(got-1e-3) > 1e-7 {
		t.Errorf("R(D) at 4.983 bits: %v", got)
	}
	if got := idealE8(4.98289 + 0.14597); math.Abs(got-1e-3) > 1e-6 {
		t.Errorf("ideal E8 at 5.129 bits: %v", got)
	}
	if got := idealE8(3) / gaussian(3); math.Abs(got-1.2243) > 1e-4 {
		t.Errorf("distortion of ideal E8 over the bound: %v, want 1.2243", got)
	}
}

func TestTheFrontLeavesOutWhatIsBeatenOrSimulated(t *testing.T) {
	points := []ratePoint{
		{codec: "beaten", rate: 7, distortion: 2e-3},
		{codec: "fine", rate: 8, distortion: 1e-4},
		{codec: "simulated", rate: 4, distortion: 1e-5, simulated: true},
		{codec: "coarse", rate: 4.5, distortion: 1e-2},
		{codec: "same rate, worse", rate: 4.5, distortion: 2e-2},
		{codec: "middle", rate: 6, distortion: 1e-3},
	}
	var names []string
	for _, p := range front(points) {
		names = append(names, p.codec)
	}
	if got := strings.Join(names, " "); got != "coarse middle fine" {
		t.Errorf("front: %s", got)
	}
}

func TestLabelsNeitherOverlapNorLeaveTheFrame(t *testing.T) {
	frame := box{50, 50, 500, 300}
	rapid.Check(t, func(t *rapid.T) {
		var labels []label
		var marks []box
		for range rapid.IntRange(0, 60).Draw(t, "labels") {
			at := point{rapid.Float64Range(50, 550).Draw(t, "x"), rapid.Float64Range(50, 350).Draw(t, "y")}
			labels = append(labels, label{rapid.StringMatching(`[a-z0-9:=]{1,26}`).Draw(t, "text"), at, rapid.IntRange(0, 4).Draw(t, "rank")})
			marks = append(marks, box{at.x - 6, at.y - 6, 12, 12})
		}
		taken := marks
		for _, p := range placeLabels(labels, marks, frame) {
			area := p.area(textWidth(p.text, labelSize))
			if !area.inside(frame) {
				t.Fatalf("%q lies outside the frame at %v", p.text, area)
			}
			for _, b := range taken {
				if area.overlaps(b) {
					t.Fatalf("%q at %v overlaps %v", p.text, area, b)
				}
			}
			taken = append(taken[:len(taken):len(taken)], area)
		}
	})
}

func TestTheMostImportantLabelIsPlacedFirst(t *testing.T) {
	frame := box{0, 0, 120, 40}
	at := point{20, 20}
	placed := placeLabels([]label{{"least important", at, 4}, {"baseline", at, 0}}, []box{{14, 14, 12, 12}}, frame)
	if len(placed) == 0 || placed[0].text != "baseline" {
		t.Errorf("placed: %v", placed)
	}
}

func TestTicksAreRoundAndInside(t *testing.T) {
	for _, c := range []struct {
		s    scale
		n    int
		want []float64
	}{
		{scale{lo: 4.1, hi: 9.8}, 10, []float64{5, 6, 7, 8, 9}},
		{scale{lo: 0.57, hi: 1.63}, 8, []float64{0.6, 0.8, 1, 1.2, 1.4, 1.6}},
		{scale{lo: 3e-5, hi: 0.2, log: true}, 6, []float64{1e-4, 1e-3, 1e-2, 1e-1}},
		{scale{lo: 1, hi: 1}, 5, nil},
		{scale{lo: math.NaN(), hi: 1}, 5, nil},
		{scale{lo: 0, hi: math.Inf(1)}, 5, nil},
	} {
		got := c.s.ticks(c.n)
		if len(got) != len(c.want) {
			t.Errorf("ticks of %v: %v, want %v", c.s, got, c.want)
			continue
		}
		for i := range got {
			if math.Abs(got[i]-c.want[i]) > 1e-9*math.Abs(c.want[i]) {
				t.Errorf("ticks of %v: %v, want %v", c.s, got, c.want)
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := scale{lo: rapid.Float64().Draw(t, "lo"), hi: rapid.Float64().Draw(t, "hi"), log: rapid.Bool().Draw(t, "log")}
		if n := len(s.ticks(6)); n > 400 {
			t.Fatalf("%d ticks on %v", n, s)
		}
	})
}

func TestPowersOfTenHaveSuperscripts(t *testing.T) {
	for v, want := range map[float64]string{1e-3: "10⁻³", 1: "10⁰", 1e12: "10¹²"} {
		if got := powerOfTen(v); got != want {
			t.Errorf("powerOfTen(%v) = %s", v, got)
		}
	}
}

func TestDrawingsEscapeEveryText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		s := newSVG(100, 100, text, text)
		s.text("tick", math.NaN(), 1, start, text)
		s.mark(kins[0], 1, 2, true, true, true, text)
		d := xml.NewDecoder(strings.NewReader(string(s.html())))
		depth := 0
		for {
			token, err := d.Token()
			if err != nil {
				if depth != 0 || err.Error() != "EOF" {
					t.Fatalf("%q: %v", text, err)
				}
				return
			}
			switch e := token.(type) {
			case xml.StartElement:
				depth++
				if !strings.Contains(" svg title desc text g path circle ", " "+e.Name.Local+" ") {
					t.Fatalf("%q opens %s", text, e.Name.Local)
				}
			case xml.EndElement:
				depth--
			}
		}
	})
}

func TestEveryFamilyHasItsKin(t *testing.T) {
	for codec, want := range map[string]string{
		"e8:q=38": "E8 lattice", "ref-e8:q=38": "E8 lattice", "e8-gs:delta=0.09": "entropy-coded lattice", "d4:q=38": "D4 lattice",
		"int6:group=64,hadamard": "integers", "q8_0": "integers", "fp8-v4": "8-bit floats", "nvfp4-v4": "4-bit floats",
		"bf16": "storage formats", "fp16": "storage formats", "z-gs:delta=1": "entropy-coded lattice", "unheard-of": "other",
	} {
		if got := kins[kinOf(&Codec{Codec: codec})].label; got != want {
			t.Errorf("%s: %s, want %s", codec, got, want)
		}
	}
}
