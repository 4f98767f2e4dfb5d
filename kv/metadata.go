package kv

import (
	"fmt"
	"strconv"
	"strings"
)

// The keys of a dump's metadata.
const (
	metaRopeDims = "rope_dims"
	metaProtocol = "protocol"
	metaSource   = "source"
)

// metadata is what a file says about all its streams.
type metadata struct {
	ropeDims int // 0 where it says nothing
	source   string
}

// maxSource bounds the part of a file's own words that is repeated.
const maxSource = 300

func readMetadata(file *container) (metadata, error) {
	m := metadata{source: oneLine(file.metadata[metaSource], maxSource)}
	if text, ok := file.metadata[metaRopeDims]; ok {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return m, fmt.Errorf("kv: %s: rope_dims %q: want a whole number", file.path, text)
		}
		m.ropeDims = n
	}
	return m, nil
}

// oneLine makes text fit a line: white space and control characters become
// single spaces, and at most limit letters stay.
func oneLine(text string, limit int) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f }), " ")
	if letters := []rune(text); len(letters) > limit {
		return string(letters[:limit]) + "..."
	}
	return text
}
