package codec

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseGivesTheCanonicalForm(t *testing.T) {
	for text, want := range map[string]string{
		"e8":                          "e8:q=38",
		"e8:q=038":                    "e8:q=38",
		"fp8":                         "fp8:group=64",
		"int6:hadamard":               "int6:group=64,hadamard",
		"int6:hadamard,group=32":      "int6:group=32,hadamard",
		"fp8-tensor":                  "fp8-tensor",
		"fp8-tensor:scale=0.01310000": "fp8-tensor:scale=0.0131",
		"nvfp4:scale=1e3":             "nvfp4:scale=1000",
		"ref-e8:q=44":                 "ref-e8:q=44",
		"e8-gs":                       "e8-gs:delta=0.09",
		"z-gs:slot=auto,delta=0.0100": "z-gs:delta=0.01,slot=auto",
		"d4-gs:delta=2,slot=0400":     "d4-gs:delta=2,slot=400",
	} {
		s, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if s.String() != want {
			t.Errorf("%s: got %s, want %s", text, s, want)
		}
	}
}

func TestParseRefusesWhatItCannotMean(t *testing.T) {
	for text, want := range map[string]string{
		"":                    "unknown codec",
		"e9":                  "unknown codec",
		"fp8-v5":              `did you mean "fp8-v4"`,
		"e8:":                 "no parameter",
		"e8:q":                "whole number from 1 to 4095",
		"e8:q=":               "lacks a value",
		"e8:q=0":              "whole number",
		"e8:q=4096":           "whole number",
		"e8:q=3.5":            "whole number",
		"e8:q=38,q=44":        "given twice",
		"e8:delta=0.1":        "it has q",
		"bf16:group=4":        "it has none",
		"int6:hadamard=1":     "takes no value",
		"fp8-tensor:scale=0":  "positive number",
		"fp8-tensor:scale=-1": "positive number",
		"nvfp4:scale=1e99":    "positive number",
		"nvfp4:scale=NaN":     "positive number",
		"e8-gs:delta=0.009":   "a number from 0.01 to 2",
		"e8-gs:delta=2.1":     "a number from 0.01 to 2",
		"e8-gs:delta=NaN":     "a number from 0.01 to 2",
		"e8-gs:slot=0":        "a whole number from 1 to 1048576, or auto",
		"e8-gs:slot=big":      "a whole number from 1 to 1048576, or auto",
		"e8-gs:slot":          "or auto",
	} {
		_, err := Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want an error with %q", text, err, want)
		}
	}
}

func TestEveryNameParsesAndRoundTrips(t *testing.T) {
	for _, name := range Names() {
		s, err := Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(s.String())
		if err != nil || again.String() != s.String() {
			t.Errorf("%s: %v, %v", s, again, err)
		}
		if About(name) == "" {
			t.Errorf("%s has no description", name)
		}
	}
}

func TestCanonicalFormIsAFixedPoint(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`(e8|d4|fp8|int6|nvfp4|fp8-tensor|e8-gs)(:(q|group|scale|delta|slot)=([0-9.]{1,6}|auto)(,hadamard)?)?`).Draw(t, "spec")
		s, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(s.String())
		if err != nil || again.String() != s.String() {
			t.Fatalf("%s -> %s -> %s, %v", text, s, again, err)
		}
	})
}

func TestParseListExpandsSweeps(t *testing.T) {
	for text, want := range map[string][]string{
		"":                            nil,
		"e8:q=38 d4;bf16":             {"e8:q=38", "d4:q=38", "bf16"},
		" e8:q=38\n; e8 ":             {"e8:q=38"},
		"e8:q=1..3":                   {"e8:q=1", "e8:q=2", "e8:q=3"},
		"e8:q=10..15/2":               {"e8:q=10", "e8:q=12", "e8:q=14"},
		"int6:group=32..64/32":        {"int6:group=32", "int6:group=64"},
		"nvfp4:scale=0.06..0.1/0.02":  {"nvfp4:scale=0.06", "nvfp4:scale=0.08", "nvfp4:scale=0.1"},
		"int8:group=8..16/8,hadamard": {"int8:group=8,hadamard", "int8:group=16,hadamard"},
		"e8-gs:delta=0.06..0.1/0.02":  {"e8-gs:delta=0.06", "e8-gs:delta=0.08", "e8-gs:delta=0.1"},
		"e8-gs:delta=1..2,slot=auto":  {"e8-gs:delta=1,slot=auto", "e8-gs:delta=2,slot=auto"},
	} {
		specs, err := ParseList(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		var got []string
		for _, s := range specs {
			got = append(got, s.String())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

func TestParseListRefusesBadSweeps(t *testing.T) {
	for text, want := range map[string]string{
		"e8:q=3..1":          "empty",
		"e8:q=1..9/0":        "step is not positive",
		"e8:q=1..9/-1":       "step is not positive",
		"e8:q=1..x":          "not of numbers",
		"e8..3":              "no key",
		"e8:q=1..9e9":        "more than",
		"e8:q=1..2..3":       "not of numbers",
		"e8:q=1..3/0.5":      "whole number",
		"e8:q=-Inf..Inf":     "empty",
		"e8:q=NaN..1":        "empty",
		"e8:q=38,e8:q=44":    "no parameter",
		"e8:q=38 nonsense":   "unknown codec",
		"bf16:x=1..2":        "no parameter",
		"e8:hadamard=1..2":   "no parameter",
		"int6:hadamard=1..2": "takes no value",
	} {
		_, err := ParseList(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want an error with %q", text, err, want)
		}
	}
}

func TestNewRefusesDimensionsAndSimulatedSpecs(t *testing.T) {
	for _, c := range []struct {
		spec string
		dim  int
		want error
	}{
		{"e8", 0, ErrDim}, {"e8", -8, ErrDim}, {"e8", 4, ErrDim}, {"e8", 12, ErrDim}, {"e8", 1 << 20, ErrDim},
		{"d4", 2, ErrDim}, {"d4", 12, ErrDim}, {"fp8-v4", 64, ErrDim}, {"fp8-v4", 100, ErrDim},
		{"ref-e8", 512, ErrSimulated},
	} {
		s, err := Parse(c.spec)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = New(s, c.dim); !errors.Is(err, c.want) {
			t.Errorf("%s at %d: got %v, want %v", c.spec, c.dim, err, c.want)
		}
	}
	if _, err := New(Spec{Name: "e8", Params: []Param{{"q", "0"}}}, 512); err == nil {
		t.Error("a spec built by hand with q=0 was accepted")
	}
	if _, err := NewSimulator(Spec{Name: "e8"}, 512); err == nil {
		t.Error("e8 was taken for a simulated codec")
	}
}

func FuzzParseList(f *testing.F) {
	for _, s := range []string{"e8:q=1..152", "fp8:group=64;bf16", "int6:group=64,hadamard", "nvfp4:scale=0.1..0.2/0.05", "e8:q=..", "a:b=c,d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		specs, err := ParseList(text)
		if err != nil {
			return
		}
		for _, s := range specs {
			again, err := Parse(s.String())
			if err != nil || again.String() != s.String() {
				t.Fatalf("%q: %s -> %s, %v", text, s, again, err)
			}
		}
	})
}
