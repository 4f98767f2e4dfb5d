package kv

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// made is a stream whose values count up over its passages.
func made(s Stream, tokens ...int) *Stream {
	return NewStream(s, tokens, func(dst []float32, p int) error {
		from := 0
		for _, n := range tokens[:p] {
			from += n * s.Heads * s.HeadDim
		}
		for i := range dst {
			dst[i] = float32(from + i)
		}
		return nil
	})
}

func TestDumpsReadBackAsTheyWereWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dump.safetensors")
	kinds := []Kind{Key, Value, Query, SWA, CSA, HCA, Indexer, Other}
	rapid.Check(t, func(t *rapid.T) {
		passages := rapid.IntRange(1, 4).Draw(t, "passages")
		vector := rapid.SampledFrom([]string{"head", "token"}).Draw(t, "vector")
		rope := rapid.IntRange(0, 3).Draw(t, "rope")
		shared := rapid.Bool().Draw(t, "shared")
		lengths := rapid.SliceOfN(rapid.IntRange(1, 5), passages, passages)
		common := lengths.Draw(t, "tokens")
		var streams []*Stream
		for layer := range rapid.IntRange(1, 4).Draw(t, "streams") {
			s := Stream{
				Kind:    rapid.SampledFrom(kinds).Draw(t, "kind"),
				Layer:   layer,
				Heads:   rapid.IntRange(1, 3).Draw(t, "heads"),
				HeadDim: rapid.IntRange(4, 6).Draw(t, "head dim"),
			}
			s.Name = fmt.Sprintf("%s.%d", s.Kind, layer)
			if s.Kind == Other {
				s.Layer = -1
			}
			s.Dim = s.HeadDim
			if vector == "token" {
				s.Dim *= s.Heads
			}
			if s.Kind != Value && s.Dim == s.HeadDim {
				s.RopeDims = rope
			}
			tokens := common
			if !shared {
				tokens = lengths.Draw(t, "tokens of the stream")
			}
			streams = append(streams, made(s, tokens...))
		}
		if err := WriteDump(path, streams, DumpInfo{Protocol: "p", Source: "s"}); err != nil {
			t.Fatal(err)
		}
		src, err := OpenDump([]string{path}, Options{Vector: vector})
		if err != nil {
			t.Fatal(err)
		}
		defer src.Close()
		if len(src.Streams) != len(streams) || len(src.Passages) != passages || src.Protocol != "p" {
			t.Fatalf("%d streams, %d passages, protocol %q; want %d, %d, p", len(src.Streams), len(src.Passages), src.Protocol, len(streams), passages)
		}
		for _, want := range streams {
			i := slices.IndexFunc(src.Streams, func(s *Stream) bool { return s.Name == want.Name })
			got := src.Streams[i]
			if got.Kind != want.Kind || got.Layer != want.Layer || got.Dim != want.Dim || got.Heads != want.Heads || got.HeadDim != want.HeadDim || got.RopeDims != want.RopeDims {
				t.Fatalf("stream %+v, want %+v", *got, *want)
			}
			for p := range passages {
				a, err1 := got.Read(nil, p)
				b, err2 := want.Read(nil, p)
				if err1 != nil || err2 != nil || !slices.Equal(a, b) {
					t.Fatalf("%s, passage %d: %v (%v), want %v (%v)", got.Name, p, a, err1, b, err2)
				}
			}
		}
	})
}

func TestWriteDumpRefuses(t *testing.T) {
	k := Stream{Name: "k.0", Kind: Key, Layer: 0, Dim: 8, Heads: 1, HeadDim: 8}
	with := func(change func(*Stream)) Stream {
		s := k
		change(&s)
		return s
	}
	broken := NewStream(k, []int{1}, func([]float32, int) error { return errors.New("source lost") })
	for _, tt := range []struct {
		name    string
		streams []*Stream
		want    string
	}{
		{"no streams", nil, "no streams"},
		{"streams of different numbers of passages", []*Stream{made(k, 1, 2), made(with(func(s *Stream) { s.Name, s.Kind = "v.0", Value }), 1)}, "k.0 has 2 passages, v.0 has 1"},
		{"two streams of one name", []*Stream{made(k, 1), made(k, 1)}, "there are two of this name"},
		{"a name of another kind", []*Stream{made(with(func(s *Stream) { s.Name = "keys" }), 1)}, "a reader would take the name for kind other, layer -1"},
		{"a name of another layer", []*Stream{made(with(func(s *Stream) { s.Layer = 1 }), 1)}, "a reader would take the name for kind k, layer 0"},
		{"the name of the offsets", []*Stream{made(with(func(s *Stream) { s.Name, s.Kind, s.Layer = "passages", Other, -1 }), 1)}, "stream passages"},
		{"streams of different RoPE dimensions", []*Stream{made(k, 1), made(with(func(s *Stream) { s.Name, s.Kind, s.RopeDims = "q.0", Query, 4 }), 1)}, "k.0 has 0 RoPE dimensions, q.0 has 4"},
		{"values that cannot be read", []*Stream{broken}, "tensor k.0: source lost"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			err := WriteDump(filepath.Join(dir, "d"), tt.streams, DumpInfo{})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("%v is left behind", left)
			}
		})
	}
}

func Example() {
	path := filepath.Join(os.TempDir(), fmt.Sprintf("example-%d.safetensors", os.Getpid()))
	defer os.Remove(path)

	// Keys of layer 0, two texts of 2 and 3 tokens, two heads of 4 dimensions.
	keys := NewStream(Stream{Name: "k.0", Kind: Key, Layer: 0, Dim: 4, Heads: 2, HeadDim: 4}, []int{2, 3},
		func(dst []float32, passage int) error {
			for i := range dst {
				dst[i] = float32(100*passage + i)
			}
			return nil
		})
	if err := WriteDump(path, []*Stream{keys}, DumpInfo{Source: "example"}); err != nil {
		fmt.Println(err)
		return
	}

	src, err := OpenDump([]string{path}, Options{Vector: "token"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer src.Close()
	for _, s := range src.Streams {
		for p := range s.Passages() {
			v, err := s.Read(nil, p)
			if err != nil {
				fmt.Println(err)
				return
			}
			fmt.Println(s.Name, p, s.Vectors(p), "vectors of", s.Dim, "from", v[0])
		}
	}
	// Output:
	// k.0 0 2 vectors of 8 from 0
	// k.0 1 3 vectors of 8 from 100
}
