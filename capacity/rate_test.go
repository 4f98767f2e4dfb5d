package capacity

import (
	"math"
	"strings"
	"testing"

	"kakeyalattice/codec"
	"kakeyalattice/kv"
	"kakeyalattice/synthetic"
)

// The sizes of section 4 of the fact sheet on DeepSeek-V4, at 512 values.
func TestRatesAreThoseOfTheLayoutsInUse(t *testing.T) {
	for name, want := range map[string]float64{
		"bf16": 1024, "fp8-v4": 584, "fp8-v41": 528, "fp8-tensor": 512, "nvfp4-v4": 384, "mxfp4-v4": 368,
		"fp8:group=64": 528, "e8:q=38": 412, "e8:q=44": 420, "e8-gs:delta=0.09,slot=400": 400, "432B": 432, "ref-e8:q=38": 412,
	} {
		r, err := ParseRate(name, 512)
		if err != nil || r.Bytes != want {
			t.Errorf("%s: %v bytes, %v; want %v", name, r.Bytes, err, want)
		}
	}
	for name, want := range map[string]float64{"fp8": 132, "fp4": 68, "bf16": 256, "mxfp4": 68, "100.5B": 100.5} {
		r, err := IndexerRate(name, 128)
		if err != nil || r.Bytes != want {
			t.Errorf("indexer %s: %v bytes, %v; want %v", name, r.Bytes, err, want)
		}
	}
}

func TestRatesSayWhereTheyComeFrom(t *testing.T) {
	for name, want := range map[string]string{
		"fp8-v4": HowFixed, "e8-gs:delta=0.09,slot=auto": HowFixed, "ref-e8:q=38": HowClaimed, "12B": HowStated,
		"e8-gs:delta=0.09": "measured mean of 512 synthetic Gaussian vectors", "fp8-rans": "measured mean of 512 synthetic Gaussian vectors",
	} {
		if r, err := ParseRate(name, 512); err != nil || r.How != want {
			t.Errorf("%s: %q, %v; want %q", name, r.How, err, want)
		}
	}
	if r := MeasuredRate("e8-gs:delta=0.09", 2854, "csa streams"); r.Bytes != 356.75 || r.How != "measured mean of csa streams" {
		t.Errorf("%+v", r)
	}
}

// A rate is what the encoder writes: exactly, or on average over the vectors
// that the rate names.
func TestRatesAreCountedFromBytesThatEncodersWrite(t *testing.T) {
	source, err := synthetic.Source([]string{"gaussian"}, synthetic.Options{Dim: 512, Vectors: 512, Passages: 1})
	if err != nil {
		t.Fatal(err)
	}
	x, err := source.Streams[0].Read(nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	names := append(fields(DefaultCodecs), "e8-gs:delta=0.09", "fp8-rans", "int6:group=64,hadamard")
	for _, e := range v4Engines {
		names = append(names, e.codec)
	}
	for _, name := range names {
		r, err := ParseRate(name, 512)
		if err != nil {
			t.Fatal(err)
		}
		spec, err := codec.Parse(r.Codec)
		if err != nil {
			t.Fatal(err)
		}
		trip, err := codec.RoundTrip(spec, 512, x)
		if err != nil {
			t.Fatal(err)
		}
		if got := float64(*trip.Bytes) / 512; got != r.Bytes {
			t.Errorf("%s: the encoder writes %v bytes a vector, the plan counts %v", name, got, r.Bytes)
		}
	}
}

// Section 4: a page of 64 or 256 entries takes 585.0 bytes an entry, one of 2
// takes 864.
func TestPagesOfFP8V4ArePaddedTo576Bytes(t *testing.T) {
	r, err := ParseRate("fp8-v4", 512)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ entries, page int }{{64, 65 * 576}, {256, 260 * 576}, {2, 3 * 576}} {
		part := Component{Kind: kv.CSA, Layers: 1, Vectors: 1, Dim: 512, Ratio: 1, Page: c.entries}
		for pages := 1; pages < 4; pages++ {
			for _, entries := range []int{c.entries*(pages-1) + 1, c.entries * pages} {
				if got := part.PaddedBytes(entries, 256, r); got != float64(pages*c.page) {
					t.Errorf("%d entries on pages of %d: %v bytes, want %d", entries, c.entries, got, pages*c.page)
				}
			}
		}
	}
	m := model(t, "v4-flash")
	for i, want := range []int{64, 64, 2, 64} {
		if got := m.Components[i].PageEntries(m.PageTokens); got != want {
			t.Errorf("%s: %d entries a page, want %d", m.Components[i].Name, got, want)
		}
	}
	hca := planned(t, m, uniform(t, m, "fp8-v4", ""), Options{}).Layouts[0].Components[2]
	if got := float64(hca.PaddedBytes) / float64(hca.Entries); got != 864 {
		t.Errorf("%v bytes for an HCA entry in pages", got)
	}
}

func TestRatesThatCannotBeAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":         "unknown codec",
		"0B":       "more than 0",
		"1e9B":     "unknown codec",
		"9999999B": "at most 1048576",
		"e8:q=0":   "q=0",
		"B":        "unknown codec",
	} {
		if _, err := ParseRate(text, 512); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
	if _, err := ParseRate("e8:q=38", 20); err == nil || !strings.Contains(err.Error(), "432B") {
		t.Errorf("a dimension that e8 does not support: %v", err)
	}
}

func TestSizesAreReadWithTheirUnits(t *testing.T) {
	for text, want := range map[string]int64{
		"141GB": 141e9, "141GiB": 141 << 30, "143771MiB": 143771 << 20, "0.5 GiB": 1 << 29, "12B": 12, "3kB": 3000, "2TB": 2e12, "1.5TiB": 3 << 39, "0B": 0,
	} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("%s: %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "141", "GB", "-1GB", "1e3GB", "NaNGB", "infGiB", "0x10MB", "1.2.3GB", "9999999TiB", "12 parsecs", "1_000MB"} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("%q is read as %d", text, got)
		}
	}
}

func TestContextsAreReadInTokens(t *testing.T) {
	for text, want := range map[string]int{"131072": 131072, "128Ki": 131072, "1Mi": 1 << 20, "1": 1, "1024Mi": 1 << 30} {
		if got, err := ParseContext(text); err != nil || got != want {
			t.Errorf("%s: %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0", "-4", "+4", "128K", "1M", "1e6", "1.5Mi", "Ki", "2048Mi", "99999999999999999999"} {
		if got, err := ParseContext(text); err == nil {
			t.Errorf("%q is read as %d", text, got)
		}
	}
}

func FuzzParseSize(f *testing.F) {
	for _, text := range []string{"141GB", "0.5 GiB", "1e9GB", "..B", "9223372036854775807B", "1024Mi", "128Ki"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := ParseSize(text); err == nil && (n < 0 || n > maxBytes) {
			t.Errorf("%q: %d bytes", text, n)
		}
		if n, err := ParseContext(text); err == nil && (n < 1 || n > maxContext) {
			t.Errorf("%q: %d tokens", text, n)
		}
		if b, ok := statedBytes(text); ok && (math.IsNaN(b) || b < 0) {
			t.Errorf("%q: %v bytes", text, b)
		}
	})
}
