package report

import (
	"bytes"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kakeyalattice/stats"
)

func TestAResultReadsBackAsItWasWritten(t *testing.T) {
	for name, r := range fixtures() {
		if name == "hostile" {
			continue // bytes that are not UTF-8 do not survive JSON
		}
		first := render(t, r, "json")
		back, err := ReadJSON(strings.NewReader(first))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if second := render(t, back, "json"); second != first {
			t.Errorf("%s: the second writing differs", name)
		}
		for _, format := range []string{"md", "html", "csv"} {
			if render(t, back, format) != render(t, r, format) {
				t.Errorf("%s: %s differs after reading", name, format)
			}
		}
	}
}

func TestListsAreNeverNull(t *testing.T) {
	text := render(t, &Result{Streams: []Stream{{Name: "k.0", Dim: 8}}}, "json")
	for _, field := range []string{"command", "passages", "baselines", "thresholds", "family_thresholds", "attention", "quality",
		"policies", "capacity", "skipped", "notices", "vectors", "codecs", "pareto"} {
		if !strings.Contains(text, `"`+field+`": []`) {
			t.Errorf("%s is not an empty list", field)
		}
	}
	if !strings.Contains(text, `"schema": "`+Schema+`"`) {
		t.Error("the schema is not filled in")
	}
}

func TestUndefinedFiguresAreNull(t *testing.T) {
	r := hopeless()
	r.Streams[0].Codecs[0].RelMSE.Mean = stats.Float(math.NaN())
	r.Streams[0].Codecs[0].CR["fp8:group=64"] = stats.Float(math.Inf(1))
	text := render(t, r, "json")
	if !strings.Contains(text, `"mean": null`) || !strings.Contains(text, `"fp8:group=64": null`) {
		t.Error("no null")
	}
}

func TestFilesThatAreNoResultAreRefusedWithTheNextStep(t *testing.T) {
	good := render(t, hopeless(), "json")
	for name, c := range map[string]struct{ text, want string }{
		"an empty file":             {"", "empty file"},
		"white space":               {" \n ", "empty file"},
		"a truncated file":          {good[:len(good)/2], "truncated after"},
		"a cut last brace":          {strings.TrimRight(good, "}\n"), "truncated after"},
		"text":                      {"kakeya report", "not JSON at byte"},
		"a list":                    {"[1, 2]", "not an object: not a result of kakeya"},
		"another program's object":  {`{"results": []}`, `no field "schema"`},
		"a later schema":            {`{"schema": "kakeya.result/2"}`, `this version reads "kakeya.result/1"`},
		"two results":               {good + good, "not JSON at byte"},
		"a string for a number":     {strings.Replace(good, `"layer": 3`, `"layer": "3"`, 1), "field streams.layer"},
		"a dimension of zero":       {strings.Replace(good, `"dim": 512`, `"dim": 0`, 1), "streams[0] (hca.3): dim 0"},
		"a rate below zero":         {strings.Replace(good, `"bits_per_vector": 4224`, `"bits_per_vector": -1`, 1), "bits_per_vector -1"},
		"overflows below zero":      {strings.Replace(good, `"rel_mse": {`, `"overflows": -1, "rel_mse": {`, 1), "-1 overflows"},
		"more values than measured": {strings.Replace(good, `"n": 8`, `"n": 9`, 1), "n = 9 beside 8 values"},
	} {
		_, err := ReadJSON(strings.NewReader(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: the error is not one line: %v", name, err)
		}
	}
}

func TestFieldsOfLaterVersionsAreSkipped(t *testing.T) {
	text := strings.Replace(render(t, hopeless(), "json"), `"tool": {`, `"later": {"a": [1]}, "tool": {"more": true,`, 1)
	if _, err := ReadJSON(strings.NewReader(text)); err != nil {
		t.Error(err)
	}
}

func TestReadTakesAFileOrItsFolder(t *testing.T) {
	dir := t.TempDir()
	if err := Write(dir, hopeless()); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, filepath.Join(dir, FileName)} {
		if r, err := Read(path); err != nil || r.Streams[0].Name != "hca.3" {
			t.Errorf("Read(%s): %v", path, err)
		}
	}
	if _, err := Read(filepath.Join(dir, "absent")); err == nil || !strings.Contains(err.Error(), "give a result.json") {
		t.Errorf("absent file: %v", err)
	}
	bad := filepath.Join(dir, "bad.json")
	if err := os.WriteFile(bad, []byte("{"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(bad); err == nil || !strings.Contains(err.Error(), bad) {
		t.Errorf("the error does not name the file: %v", err)
	}
}

// Whatever is read without an error can be rendered in every format.
func FuzzReadJSON(f *testing.F) {
	f.Add([]byte(`{"schema":"kakeya.result/1"}`))
	f.Add([]byte(`{"schema":"kakeya.result/1","baselines":["a"],"streams":[{"name":"x","dim":1,"codecs":[{"codec":"a","baseline":true,"bits_per_vector":1e-300},` +
		`{"codec":"e8","bits_per_vector":1,"rel_mse_energy":{"mean":0,"n":1,"values":[0]},"ratios":{"a":{"mean":-1e308,"ci95":1e308,"n":2,"values":[1,null]}},"cr":{"a":1e308}}]}]}`))
	f.Add([]byte(`{"schema":"kakeya.result/1","thresholds":[{"threshold":"A","view":"point","admissible":true}],"policies":[{"name":"uniform","choices":{"*":"x"}}],` +
		`"attention":[{"streams":["x"],"codecs":[{"codec":"e8"}]}],"skipped":[{}],"passages":[{}]}`))
	f.Add([]byte(`{"schema":"kakeya.result/1","baselines":["b"],"streams":[{"name":"k.0","kind":"k","dim":8,"vectors":[3],` +
		`"audit":{"isotropy_variance_ratio":{"mean":1e300,"n":1,"values":[1]},"excess_kurtosis_abs":{"mean":-5,"ci95":1e-320,"n":2,"values":[1,1]}},"codecs":[` +
		`{"codec":"b","baseline":true,"bits_per_vector":80,"rel_mse_energy":{"mean":1e-3,"n":1,"values":[1]},"ratios":{"b":{"mean":1,"ci95":0,"n":2,"values":[1,1]}},"cr":{"b":1}},` +
		`{"codec":"e8:q=2","bits_per_vector":40,"rel_mse_energy":{"mean":1e-320,"n":1,"values":[1]},"ratios":{"b":{"mean":0.5,"ci95":0.1,"n":2,"values":[1,1]}},"cr":{"b":2}}]}],` +
		`"thresholds":[{"stream":"k.0","baseline":"b","threshold":"A","view":"paired","admissible":true,"codec":"e8:q=2","bits_per_vector":40,"cr":{"b":2},"held_out":{"choices":{"":1}}}],` +
		`"policies":[{"name":"uniform","baseline":"b","threshold":"A","view":"paired","weights":"layers","choices":{"*":"e8:q=2"},"bits_per_vector":40,"cr":{"b":2}}]}`))
	f.Add([]byte(`{"schema":"kakeya.result/1","capacity":[{"context":-1,"base":"a|b","focus":"x","weights":{"bytes":-1},"layouts":[{"name":"a|b","bytes_per_vector":1e300,` +
		`"components":[{"name":"swa","codec":"c","bytes":-9223372036854775808}]},{"name":"x"}],"nodes":[{"name":"n","free_per_gpu":-9223372036854775808,"layouts":[{"name":"x","sequences":-5}]}]},{}]}`))
	f.Add([]byte("[]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ReadJSON(bytes.NewReader(data))
		if err != nil {
			return
		}
		for _, format := range Formats() {
			if err := Render(io.Discard, r, format); err != nil {
				t.Fatalf("%s: %v", format, err)
			}
		}
		if err := Summary(io.Discard, r, 80); err != nil {
			t.Fatal(err)
		}
	})
}
