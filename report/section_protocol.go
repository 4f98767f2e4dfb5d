package report

import (
	"fmt"
	"slices"
	"strings"
)

// title names the report.
func title(f *findings) string { return "KV codec report: " + inputLabel(f) }

// atAGlance is the facts under the title.
func atAGlance(f *findings) []pair {
	w := newWording(f)
	facts := []pair{{"input", capital(strings.TrimPrefix(w.InputFull, "the "))}}
	if !f.predictionsOnly() {
		facts = append(facts, pair{"streams", w.Shape})
	}
	facts = append(facts, pair{"sample", w.Sample})
	if f.base != "" {
		facts = append(facts, pair{"baseline", w.Base})
	}
	return append(facts, pair{"protocol", protocolName(f)})
}

func protocolName(f *findings) string {
	if f.Protocol.Name == "" {
		return "none stated"
	}
	return name(f.Protocol.Name)
}

// protocolSection says how the figures came about and what they leave out.
func protocolSection(f *findings) section {
	s := section{ID: "protocol", Title: "How it was measured", Facts: protocolFacts(f), Command: commandLine(f.Command)}
	if items := skipped(f); len(items) > 0 {
		s.Lists = append(s.Lists, list{"Left out", items})
	}
	var notices []string
	for _, n := range f.Notices {
		notices = append(notices, plain(n))
	}
	if len(notices) > 0 {
		s.Lists = append(s.Lists, list{"Notices", notices})
	}
	s.Lists = append(s.Lists, list{"What this result does not say", limits(f)})
	if t := passageTable(f); len(t.Rows) > 0 {
		s.Tables = append(s.Tables, t)
	}
	return s
}

func protocolFacts(f *findings) []pair {
	p := f.Protocol
	facts := []pair{{"protocol", protocolName(f)}}
	add := func(term, text string) {
		if text != "" {
			facts = append(facts, pair{term, text})
		}
	}
	for _, c := range p.Switches {
		add(plain(c.Name), plain(c.Value))
	}
	if p.Vector != "" {
		add("vector", "one per "+plain(p.Vector))
	}
	if p.Blocks {
		add("passages", fmt.Sprintf("blocks of at most %s, cut from one text", plural(p.PassageVectors, "vector")))
	}
	add("tensors", long(strings.Join(p.Tensors, " ")))
	if !f.predictionsOnly() {
		add("thresholds compare", plain(p.Distortion))
	}
	if p.AttentionQueries > 0 {
		add("attention", fmt.Sprintf("at most %s per %s", queries(p.AttentionQueries), unit(f)))
	}
	add("input", plain(f.Input.Name))
	add("SHA-256", plain(f.Input.SHA256))
	add("baselines", plain(strings.Join(f.Baselines, ", ")))
	add("tool", long(strings.Join(nonEmpty("kakeya "+f.Tool.Version, f.Tool.Go, f.Tool.CPU), ", ")))
	if f.Tool.Kernel != "" {
		add("kernel", plain(f.Tool.Kernel))
	}
	if finite(f.WallSeconds) && f.WallSeconds > 0 {
		add("time", significant(f.WallSeconds, 3)+" s")
	}
	return facts
}

func nonEmpty(words ...string) []string {
	return slices.DeleteFunc(words, func(w string) bool { return strings.TrimSpace(w) == "" })
}

// long is plain text that may be longer than a name.
func long(text string) string { return shorten(plain(text), 4*maxName) }

// skipped lists codecs that were left out, streams gathered by codec and reason.
func skipped(f *findings) []string {
	type key struct{ codec, reason string }
	var order []key
	streams := map[key][]string{}
	for _, s := range f.Skipped {
		k := key{s.Codec, s.Reason}
		if streams[k] == nil {
			order = append(order, k)
		}
		streams[k] = append(streams[k], s.Stream)
	}
	var items []string
	for _, k := range order {
		on := streams[k]
		where := plural(len(on), "stream")
		if len(on) <= 3 {
			for i := range on {
				on[i] = name(on[i])
			}
			where = listing(on)
		}
		items = append(items, name(k.codec)+" on "+where+": "+plain(k.reason))
	}
	return items
}

// limits are the things that a reader might take from a result and must not.
func limits(f *findings) []string {
	var items []string
	if f.Input.Synthetic {
		items = append(items, "Anything about a model: the vectors are drawn from a formula.")
	}
	switch {
	case f.Protocol.Blocks:
		items = append(items, "How texts differ: the blocks are cut from one.")
	case f.n <= 1:
		items = append(items, "How texts differ: there is one passage, so no figure has an interval.")
	}
	if len(f.Quality) == 0 {
		items = append(items, "Perplexity or answers: neither was measured, and none is projected from the errors.")
	}
	items = append(items,
		"Speed: encoding and decoding are not timed here.",
		"The memory of a server: page padding and other caches are not counted.",
		"What other streams, layers or models would give.")
	return items
}

// passageTable lists the passages.
func passageTable(f *findings) grid {
	t := grid{Title: "Passages", Cols: []column{{"id", asNumber}, {"title", asText}, {"tokens", asNumber}}, Fold: true}
	if f.Protocol.Blocks {
		t.Title = "Blocks"
	}
	for _, p := range f.Passages {
		t.Rows = append(t.Rows, []string{itoa(p.ID), name(p.Title), itoa(p.Tokens)})
	}
	return t
}

// commandLine quotes a command for a POSIX shell.
func commandLine(args []string) string {
	quoted := make([]string, len(args))
	for i, a := range args {
		quoted[i] = shellQuote(a)
	}
	return strings.Join(quoted, " ")
}

// shellQuote leaves a word of harmless characters as it is and puts any other
// in single quotes. A control character, which no renderer may print, is
// replaced.
func shellQuote(word string) string {
	word = strings.Map(func(r rune) rune {
		if r == ' ' || !strings.ContainsRune(plain(string(r)), '\uFFFD') {
			return r
		}
		return '\uFFFD'
	}, word)
	harmless := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-_./:=,@%+", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !harmless(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
