package kv

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// parseName reads "<kind>.<layer>". A name that is written in any other way is
// that of Kind Other and states no layer.
func parseName(name string) (Kind, int) {
	kind, number, _ := strings.Cut(name, ".")
	layer, err := strconv.Atoi(number)
	// The layer must be in shortest form, so that no two names mean one stream.
	if err != nil || layer < 0 || strconv.Itoa(layer) != number {
		return Other, -1
	}
	switch k := Kind(kind); k {
	case Key, Value, Query, SWA, CSA, HCA, Indexer:
		return k, layer
	}
	return Other, -1
}

// glob is a pattern of [path.Match] whose * and ? match every letter.
type glob struct {
	pattern string
	// plain is the pattern with "/" replaced: names are no paths, but path.Match
	// lets no wildcard match a slash.
	plain string
}

func newGlob(pattern string) (glob, error) {
	g := glob{pattern, strings.ReplaceAll(pattern, "/", "\x00")}
	if _, err := path.Match(g.plain, ""); err != nil {
		return glob{}, fmt.Errorf("kv: tensor pattern %q: %w", pattern, err)
	}
	return g, nil
}

func (g glob) match(name string) bool {
	ok, _ := path.Match(g.plain, strings.ReplaceAll(name, "/", "\x00"))
	return ok
}

// maxListed bounds the names in a message.
const maxListed = 20

func shortList(names []string) string {
	if len(names) <= maxListed {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:maxListed], ", "), len(names)-maxListed)
}

// tally collects the streams that lose vectors, by how many.
type tally map[int][]string

func (t tally) add(vectors int, stream string) {
	if vectors > 0 {
		t[vectors] = append(t[vectors], stream)
	}
}

func (t tally) String() string {
	var parts []string
	for _, vectors := range slices.Sorted(maps.Keys(t)) {
		parts = append(parts, fmt.Sprintf("%d of %s", vectors, shortList(t[vectors])))
	}
	return strings.Join(parts, "; ")
}

// Matcher says which names match one of the patterns, as [Options.Tensors] has
// them; without patterns it is nil.
func Matcher(patterns []string) (func(name string) bool, error) {
	if len(patterns) == 0 {
		return nil, nil
	}
	globs := make([]glob, len(patterns))
	for i, p := range patterns {
		var err error
		if globs[i], err = newGlob(p); err != nil {
			return nil, err
		}
	}
	return func(name string) bool {
		return slices.ContainsFunc(globs, func(g glob) bool { return g.match(name) })
	}, nil
}
