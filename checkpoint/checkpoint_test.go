package checkpoint

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"kakeyalattice/safetensors"
)

var bg = context.Background()

// sharded writes a checkpoint folder: the entries of each file, and an index.
func sharded(t testing.TB, files map[string][]safetensors.Entry) string {
	t.Helper()
	dir := t.TempDir()
	index := struct {
		WeightMap map[string]string `json:"weight_map"`
	}{map[string]string{}}
	for name, entries := range files {
		if err := safetensors.WriteFile(filepath.Join(dir, name), entries, nil); err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			index.WeightMap[e.Name] = name
		}
	}
	text, err := json.Marshal(index)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, indexFile), text, 0o666); err != nil {
		t.Fatal(err)
	}
	return dir
}

func opened(t testing.TB, files Files) *Checkpoint {
	t.Helper()
	c, err := Open(bg, files)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func TestShardsAreReadAsOneSetOfTensors(t *testing.T) {
	dir := sharded(t, map[string][]safetensors.Entry{
		"a.safetensors": {safetensors.Float32s("x", []int{2, 2}, []float32{1, 2, 3, 4})},
		"b.safetensors": {safetensors.Int64s("ids", []int{3}, []int64{7, -8, 9}), safetensors.Float32s("y", []int{1}, []float32{5})},
	})
	c := opened(t, Dir(dir))
	x, err := c.Vector(bg, "x", 2, 2)
	if err != nil || !slices.Equal(x, []float32{1, 2, 3, 4}) {
		t.Errorf("x is %v (%v)", x, err)
	}
	ids, err := c.Int64s(bg, "ids", 3)
	if err != nil || !slices.Equal(ids, []int64{7, -8, 9}) {
		t.Errorf("ids are %v (%v)", ids, err)
	}
	rows, err := c.Rows(bg, "x", 2, []int{1, 0, 1})
	if err != nil || !slices.Equal(rows, []float32{3, 4, 1, 2, 3, 4}) {
		t.Errorf("rows are %v (%v)", rows, err)
	}
	m, err := c.Matrix(bg, "x", 2, 2)
	if err != nil || m.Format != F32 {
		t.Fatalf("matrix %v (%v)", m, err)
	}
	row := make([]float32, 2)
	if m.Row(row, 1); !slices.Equal(row, []float32{3, 4}) {
		t.Errorf("row 1 is %v", row)
	}
	needs, err := c.Plan(bg, "y", "x", "x")
	if err != nil || len(needs) != 2 || needs[0] != (Need{"b.safetensors", "y", 4, 4}) || needs[1] != (Need{"a.safetensors", "x", 16, 16}) {
		t.Errorf("plan %v (%v)", needs, err)
	}
}
