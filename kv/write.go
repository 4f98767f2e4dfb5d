package kv

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strconv"

	"kakeyalattice/safetensors"
)

// DumpInfo is what a dump says about itself.
type DumpInfo struct {
	Protocol string // the choices that turned model and text into the streams
	Source   string // what they were made from
}

// WriteDump writes streams as a dump, all of it or nothing, float32, so that
// [OpenDump] reads them back: a tensor [tokens, heads, head_dim] a stream, or
// [tokens, head_dim] where it has one head, the passages one after the other,
// and their offsets. One passage is in memory at a time.
//
// The streams must have equally many passages, equal RopeDims (values and
// streams whose vectors are all heads of a token aside) and names that state
// their Kind and Layer.
func WriteDump(path string, streams []*Stream, info DumpInfo) error {
	if len(streams) == 0 {
		return fmt.Errorf("kv: write %s: no streams", path)
	}
	entries, err := passageEntries(streams)
	if err != nil {
		return fmt.Errorf("kv: write %s: %w", path, err)
	}
	metadata := map[string]string{}
	if info.Protocol != "" {
		metadata[metaProtocol] = info.Protocol
	}
	if info.Source != "" {
		metadata[metaSource] = info.Source
	}
	var rope *Stream // one that states rope_dims
	for _, s := range streams {
		if kind, layer := parseName(s.Name); kind != s.Kind || layer != s.Layer || isPassages(s.Name) {
			return fmt.Errorf("kv: write %s: stream %s of kind %s, layer %d: a reader would take the name for kind %s, layer %d", path, s.Name, s.Kind, s.Layer, kind, layer)
		}
		if s.Kind != Value && s.Dim == s.HeadDim {
			if rope != nil && rope.RopeDims != s.RopeDims {
				return fmt.Errorf("kv: write %s: %s has %d RoPE dimensions, %s has %d: write them to two files", path, rope.Name, rope.RopeDims, s.Name, s.RopeDims)
			}
			rope = s
		}
		entries = append(entries, streamEntry(s))
	}
	if rope != nil && rope.RopeDims > 0 {
		metadata[metaRopeDims] = strconv.Itoa(rope.RopeDims)
	}
	if err := safetensors.WriteFile(path, entries, metadata); err != nil {
		return fmt.Errorf("kv: %w", err)
	}
	return nil
}

// streamEntry is the tensor of a stream.
func streamEntry(s *Stream) safetensors.Entry {
	tokens := 0
	for p := range s.Passages() {
		tokens += s.Tokens(p)
	}
	shape := []int{tokens, s.Heads, s.HeadDim}
	if s.Heads == 1 {
		shape = []int{tokens, s.HeadDim}
	}
	return safetensors.Entry{Name: s.Name, DType: safetensors.F32, Shape: shape, Data: func(w io.Writer) error {
		var values []float32
		for p := range s.Passages() {
			var err error
			if values, err = s.Read(values, p); err != nil {
				return err
			}
			for chunk := range slices.Chunk(values, 1<<14) {
				if err := binary.Write(w, binary.LittleEndian, chunk); err != nil {
					return err
				}
			}
		}
		return nil
	}}
}

// passageEntries are the offsets: one tensor where all streams share them, else
// one a stream.
func passageEntries(streams []*Stream) ([]safetensors.Entry, error) {
	first := streams[0]
	shared := true
	for _, s := range streams {
		if s.Passages() != first.Passages() {
			return nil, fmt.Errorf("%s has %d passages, %s has %d", first.Name, first.Passages(), s.Name, s.Passages())
		}
		shared = shared && slices.Equal(s.tokens, first.tokens)
	}
	if shared {
		return []safetensors.Entry{offsetsEntry(passagesTensor, first)}, nil
	}
	var entries []safetensors.Entry
	for _, s := range streams {
		entries = append(entries, offsetsEntry(passagesTensor+"."+s.Name, s))
	}
	return entries, nil
}

func offsetsEntry(name string, s *Stream) safetensors.Entry {
	offsets := make([]int64, s.Passages()+1)
	for p := range s.Passages() {
		offsets[p+1] = offsets[p] + int64(s.Tokens(p))
	}
	return safetensors.Int64s(name, []int{len(offsets)}, offsets)
}
