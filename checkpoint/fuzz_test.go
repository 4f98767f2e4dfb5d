package checkpoint

import (
	"bytes"
	"io/fs"
	"testing"

	"kakeyalattice/safetensors"
)

func FuzzIndex(f *testing.F) {
	for _, text := range []string{
		`{"metadata": {"total_size": 12}, "weight_map": {"a": "x.safetensors", "b": "sub/y.safetensors"}}`,
		`{"weight_map": {"a": "x", "a": "y"}}`, `{"weight_map": {"\u0061": "..\\x"}}`, `{"weight_map": {}}`, `<html>`, `[]`, ``,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c := &Checkpoint{}
		if err := c.readIndex(text); err != nil {
			return
		}
		if len(c.where) == 0 {
			t.Error("an index without tensors is accepted")
		}
		for _, s := range c.shards {
			if !fs.ValidPath(s.name) {
				t.Errorf("a shard %q", s.name)
			}
		}
	})
}

// FuzzCheckpoint reads every tensor of any file in every way.
func FuzzCheckpoint(f *testing.F) {
	for _, entries := range [][]safetensors.Entry{
		{raw("x.weight", safetensors.F8E4M3, make([]byte, 33*5), 33, 5), raw("x.scale", safetensors.F8E8M0, make([]byte, 2), 2, 1)},
		{raw("x.weight", safetensors.F8E4M3, make([]byte, 6), 2, 3), safetensors.Float32s("x.weight_scale_inv", []int{1, 1}, []float32{0.3})},
		{raw("x.weight", safetensors.I8, make([]byte, 32), 2, 16), raw("x.scale", safetensors.U8, []byte{1, 255}, 2, 1)},
		{safetensors.Int64s("x", []int{2, 2}, []int64{1, 2, 3, 4}), raw("y", safetensors.F4, []byte{1}, 2), raw("z", safetensors.BF16, nil, 0, 1<<20)},
	} {
		var b bytes.Buffer
		if err := safetensors.Write(&b, entries, nil); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		c, err := Open(bg, Memory("memory", map[string][]byte{singleFile: file}))
		if err != nil {
			return
		}
		defer c.Close()
		if _, err := c.Plan(bg, c.Names()...); err != nil {
			t.Errorf("a plan of all tensors: %v", err)
		}
		for _, name := range c.Names() {
			tensor, err := c.Lookup(bg, name)
			if err != nil {
				t.Errorf("%s of the list is not found: %v", name, err)
			}
			c.Vector(bg, name, tensor.Shape...)
			c.Int64s(bg, name, tensor.Shape...)
			if len(tensor.Shape) != 2 {
				continue
			}
			rows, cols := tensor.Shape[0], tensor.Shape[1]
			if rows > 0 && cols < 1<<20 {
				c.Rows(bg, name, cols, []int{rows - 1, 0, rows - 1})
			}
			for _, cols := range []int{cols, 2 * cols} {
				if m, err := c.Matrix(bg, name, rows, cols); err == nil {
					if err := m.Check(); err != nil {
						t.Error(err)
					}
					m.Validate()
				}
			}
		}
	})
}
