// Tokcheck holds package tokenizer against golden files, id by id, and times
// it.
//
//	go run ./tools/tokcheck TOKENIZER.json GOLDEN...
//
// TOKENIZER.json may also be a model's folder. A GOLDEN holds objects with
// "text", "ids" and, if it likes, "special" (the ids with BOS and EOS) and
// "decoded": one a line (.jsonl, what tools/tokgolden.mjs makes) or a list
// (.json). docs/tokenizer.md says how the files are made.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"kakeyalattice/tokenizer"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: tokcheck TOKENIZER.json GOLDEN...")
		os.Exit(2)
	}
	wrong, err := run(os.Args[1], os.Args[2:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if wrong > 0 {
		os.Exit(1)
	}
}

// golden is one text and what a reference implementation makes of it.
type golden struct {
	Text    string
	IDs     []int32
	Special []int32
	Decoded *string
}

func run(path string, files []string) (wrong int, err error) {
	start := time.Now()
	t, err := tokenizer.Open(path)
	if err != nil {
		return 0, err
	}
	fmt.Printf("%s: %d ids, loaded in %v\n", path, t.VocabSize(), time.Since(start).Round(time.Millisecond))
	for _, file := range files {
		c := checker{t: t}
		if err := each(file, c.check); err != nil {
			return 0, fmt.Errorf("%s: %w", file, err)
		}
		fmt.Printf("%s: %d texts, %d bytes, %d ids: %d encode, %d with special tokens, %d decode otherwise; %s\n",
			file, len(c.texts), c.bytes, c.ids, c.encode, c.special, c.decode, c.speed())
		wrong += c.encode + c.special + c.decode
	}
	return wrong, nil
}

// each calls f for the goldens of a file.
func each(file string, f func(golden)) error {
	r, err := os.Open(file)
	if err != nil {
		return err
	}
	defer r.Close()
	d := json.NewDecoder(bufio.NewReaderSize(r, 1<<20))
	if strings.HasSuffix(file, ".json") {
		var list []golden
		if err := d.Decode(&list); err != nil {
			return err
		}
		for _, g := range list {
			f(g)
		}
		return nil
	}
	for {
		var g golden
		err := d.Decode(&g)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		f(g)
	}
}

// checker counts what agrees and what does not.
type checker struct {
	t                       *tokenizer.Tokenizer
	texts                   []string
	bytes, ids              int
	encode, special, decode int // differences
}

func (c *checker) check(g golden) {
	ids := c.t.Encode(g.Text)
	c.texts, c.bytes, c.ids = append(c.texts, g.Text), c.bytes+len(g.Text), c.ids+len(ids)

	if !slices.Equal(ids, g.IDs) {
		c.encode++
		c.report(c.encode, "encode", g.Text, c.tokens(ids), c.tokens(g.IDs))
	}
	if g.Special != nil {
		if ids := c.t.EncodeWith(g.Text, tokenizer.EncodeOptions{AddSpecial: true}); !slices.Equal(ids, g.Special) {
			c.special++
			c.report(c.special, "special", g.Text, c.tokens(ids), c.tokens(g.Special))
		}
	}
	if g.Decoded != nil {
		if s := c.t.Decode(g.IDs); s != *g.Decoded {
			c.decode++
			c.report(c.decode, "decode", g.Text, s, *g.Decoded)
		}
	}
}

// speed encodes all texts again on one core, several times, and says how fast:
// by the sum of the shortest times of each text, so that what else the machine
// does counts little.
func (c *checker) speed() string {
	const rounds = 5
	shortest := make([]time.Duration, len(c.texts))
	var before, after runtime.MemStats
	for round := range rounds {
		runtime.ReadMemStats(&before)
		for i, text := range c.texts {
			start := time.Now()
			c.t.Encode(text)
			if spent := time.Since(start); round == 0 || spent < shortest[i] {
				shortest[i] = spent
			}
		}
		runtime.ReadMemStats(&after)
	}
	var sum time.Duration
	for _, d := range shortest {
		sum += d
	}
	return fmt.Sprintf("%.1f MB/s, %.2f allocations a text",
		float64(c.bytes)/1e6/max(sum, 1).Seconds(), float64(after.Mallocs-before.Mallocs)/float64(max(1, len(c.texts))))
}

func (c *checker) tokens(ids []int32) []string {
	tokens := make([]string, len(ids))
	for i, id := range ids {
		tokens[i], _ = c.t.Token(id)
	}
	return tokens
}

// report prints the first few differences.
func (c *checker) report(n int, what, text string, got, want any) {
	const most, length = 5, 400
	if n > most {
		return
	}
	short := func(format string, v any) string {
		s := fmt.Sprintf(format, v)
		return s[:min(len(s), length)]
	}
	fmt.Printf("  %s %s\n    got  %s\n    want %s\n", what, short("%q", text), short("%q", got), short("%q", want))
}
