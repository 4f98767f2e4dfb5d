package decide

import (
	"maps"
	"testing"
)

func TestEntriesOfACacheAtAContext(t *testing.T) {
	for _, c := range []struct {
		kind    string
		context int
		want    int
	}{
		{"swa", 100, 100}, {"swa", 128, 128}, {"swa", 1 << 20, 128},
		{"csa", 3, 0}, {"csa", 1 << 20, 262144}, {"indexer", 1 << 20, 262144},
		{"hca", 127, 0}, {"hca", 1 << 20, 8192},
		{"k", 4096, 4096}, {"v", 4096, 4096}, {"other", 4096, 4096},
	} {
		if got := Entries(c.kind, c.context); got != c.want {
			t.Errorf("%s at %d: got %d, want %d", c.kind, c.context, got, c.want)
		}
	}
}

func TestWeightsNameThemselves(t *testing.T) {
	streams := []Stream{{Name: "k.0", Kind: "k"}, {Name: "csa.2", Kind: "csa"}}
	if w := LayerWeights(streams); w.Name != "layers" || !maps.Equal(w.ByStream, map[string]float64{"k.0": 1, "csa.2": 1}) {
		t.Errorf("got %+v", w)
	}
	if w := EntryWeights(streams, 8192); w.Name != "bytes@8192" || !maps.Equal(w.ByStream, map[string]float64{"k.0": 8192, "csa.2": 2048}) {
		t.Errorf("got %+v", w)
	}
}

func TestStreamsOfAKindShareItsLayers(t *testing.T) {
	streams := []Stream{{Name: "csa.2", Kind: "csa"}, {Name: "csa.4", Kind: "csa"}, {Name: "hca.3", Kind: "hca"}, {Name: "k.0", Kind: "k"}}
	w := LayerWeights(streams).Times(streams, map[string]int{"csa": 21, "hca": 20})
	if !maps.Equal(w.ByStream, map[string]float64{"csa.2": 10.5, "csa.4": 10.5, "hca.3": 20, "k.0": 1}) {
		t.Errorf("got %v", w.ByStream)
	}
}

// DeepSeek-V4-Flash at 1 Mi tokens: CSA entries are 97.0 % of the main cache,
// HCA 2.9 %, the windows of all 43 layers 0.1 %.
func TestEntryWeightsOfV4AtAMillionTokens(t *testing.T) {
	streams := []Stream{{Name: "swa", Kind: "swa"}, {Name: "csa", Kind: "csa"}, {Name: "hca", Kind: "hca"}}
	w := EntryWeights(streams, 1<<20).Times(streams, map[string]int{"swa": 43, "csa": 21, "hca": 20}).ByStream
	total := w["swa"] + w["csa"] + w["hca"]
	near(t, "CSA", w["csa"]/total, 0.970, 5e-4)
	near(t, "HCA", w["hca"]/total, 0.029, 5e-4)
	near(t, "SWA", w["swa"]/total, 0.001, 5e-4)
}
