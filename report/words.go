package report

import (
	"embed"
	"fmt"
	"path/filepath"
	"strings"
	"text/template"
)

//go:embed templates
var templates embed.FS

// blockTemplates is text: the renderers escape its output for their format.
var blockTemplates = template.Must(template.ParseFS(templates, "templates/blocks.tmpl"))

// blocks are the sentences of a report, as plain text.
type blocks struct {
	Sentence   string // what was found, on what input, with what n
	OneLiner   string
	OneLinerZH string
	Headline   string
	FAQ        []question
	Paper      string
}

type question struct{ Question, Answer string }

// faqItems is the number of questions in blocks.tmpl.
const faqItems = 6

// newBlocks fills the templates.
func newBlocks(f *findings) blocks {
	w := newWording(f)
	say := func(block string) string {
		var b strings.Builder
		// The templates read strings and booleans only: an error is a mistake
		// in blocks.tmpl, which the tests execute in every branch.
		if err := blockTemplates.ExecuteTemplate(&b, block, w); err != nil {
			panic(err)
		}
		return plain(b.String())
	}
	english := func(block string) string { return capital(say(block)) }
	all := blocks{
		Sentence: english("sentence"), OneLiner: english("one-liner"), OneLinerZH: say("one-liner-zh"),
		Headline: english("headline"), Paper: english("paper"),
	}
	for i := range faqItems {
		item := fmt.Sprintf("faq-%d", i+1)
		all.FAQ = append(all.FAQ, question{english(item + "-q"), english(item + "-a")})
	}
	return all
}

// capital raises the first letter of a sentence, unless it begins with a codec
// spec, which is written as it is.
func capital(text string) string {
	first, _, _ := strings.Cut(text, " ")
	if strings.ContainsAny(first, ":=_-0123456789") || text == "" || text[0] < 'a' || text[0] > 'z' {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// wording is the phrases that blocks.tmpl is filled with.
type wording struct {
	Outcome                       string // saves, some, none, no-baseline
	Threshold                     string
	Single, Blocks                bool
	Synthetic, Quality, Attention bool
	Streams                       bool // any was measured

	Input, InputFull, InputZH    string
	Shape                        string
	StreamsText, StreamsZH       string
	Sample, SampleZH, Unit       string
	NoInterval                   string
	AtConfidence, Method         string
	Tags, Short                  string
	Base, BaseOr                 string
	Simulated, SimulatedZH       string // codecs of the headline without bytes, and the verb
	Choice, ChoiceZH, ChoiceList string
	Stores, Compresses, Needs    string
	Bits, BaseBits, OnAverage    string
	MemoryCR, Context, Holds100  string
	CR, CRBF16, Saved            string
	Yes, Errors, ErrorsZH        string
	RatioSpan, HighestRatio      string
	CountedHow, SelectionNote    string
	QualityNote, HeldOut         string
	InModel                      string // what the codecs of the headline do to predictions
	Bootstrap                    string
	Held, HeldZH, Rest           string
	GainSpan, GainList           string
	Holds, HoldsNot              string
	HoldsZH, HoldsNotZH          string
	Closest, Gates               string
}

func newWording(f *findings) *wording {
	w := &wording{
		Outcome:   [...]string{"no-baseline", "none", "some", "saves"}[f.outcome],
		Threshold: noRegression,
		Synthetic: f.Input.Synthetic, Quality: len(f.Quality) > 0, Attention: len(f.Attention) > 0,
		Streams: len(f.Streams) > 0,
		Blocks:  f.Protocol.Blocks, Single: !f.intervals,
		Base: name(f.base), BaseOr: "a baseline", Unit: "passage",
	}
	if f.base != "" {
		w.BaseOr = w.Base
	}
	w.input(f)
	w.sample(f)
	w.outcomes(f)
	switch f.outcome {
	case saves:
		w.saving(f)
	case someHold:
		w.partly(f)
	case noneHolds:
		if s, c := f.closest(); c != nil {
			w.Closest = fmt.Sprintf("%s on %s, %s times its error%s, at %s bits per vector",
				name(c.Codec), name(s.Name), interval(c.Ratios[f.base]), inWords(judge(c.Ratios[f.base])), bits(c.BitsPerVector))
			w.simulated(f, []string{c.Codec})
		}
	}
	w.tags(f)
	w.gates(f)
	return w
}

// input names what was measured.
func (w *wording) input(f *findings) {
	lo, hi := f.dims()
	dim := "D = " + span(float64(lo), float64(hi), bits)
	w.StreamsText, w.StreamsZH = plural(len(f.Streams), "stream"), itoa(len(f.Streams))+" 个流"
	w.Shape = w.StreamsText + ", " + dim
	label := inputLabel(f)
	switch {
	case f.Input.Synthetic:
		w.Input, w.InputZH = "the synthetic vectors", "合成向量"
		w.InputFull = "synthetic vectors (" + label + ")"
		return
	case f.Input.Kind == "dump":
		w.Input, w.InputZH = "the KV dump "+label, " KV 转储 "+label+" "
	default:
		w.Input, w.InputZH = "the KV cache of "+label, " "+label+" 的 KV 缓存"
	}
	w.InputFull = w.Input
}

// inputLabel is the input's name, of a file without its folder.
func inputLabel(f *findings) string {
	label := f.Input.Name
	if f.Input.Kind == "dump" {
		label = filepath.Base(label)
	}
	if f.Input.Fed != "" {
		return name(label) + " (fed " + name(f.Input.Fed) + ")"
	}
	return name(label)
}

// sample says what n is.
func (w *wording) sample(f *findings) {
	n := itoa(f.n)
	switch {
	case f.Protocol.Blocks && f.n > 1:
		w.Unit = "block"
		w.Sample = "n = " + n + " blocks of one text, not independent passages"
		w.SampleZH = "n = " + n + " 个取自同一文本的分块，并非独立文本"
	case f.n == 0:
		w.Sample, w.SampleZH = "no passages", "没有文本"
	case f.n == 1:
		w.Sample, w.SampleZH = "one passage, no interval", "仅一段文本，无置信区间"
	case !f.intervals:
		w.Sample, w.SampleZH = n+" passages, no interval", n+" 段文本，无置信区间"
	default:
		w.Sample, w.SampleZH = "n = "+n+" passages", "n = "+n+" 段文本"
	}
	w.NoInterval = "there is one passage"
	if f.n != 1 {
		w.NoInterval = "no ratio is defined in two passages of a stream"
	}
	if f.intervals {
		w.AtConfidence = ", each stream judged at 95 % confidence"
		w.Method = " (mean of the per-" + w.Unit + " ratio, two-sided 95 % Student t interval)"
		w.SampleZH += "，各流 95 % 置信"
	}
	w.InModel = f.inModel()
	switch {
	case w.InModel != "":
		w.QualityNote = strings.ToLower(w.InModel[:1]) + w.InModel[1:]
	case w.Quality:
		w.QualityNote = "quality figures are reported separately"
	default:
		w.QualityNote = "perplexity was not measured"
	}
}

// outcomes are the phrases for holding threshold A.
func (w *wording) outcomes(f *findings) {
	if f.intervals {
		w.Holds, w.HoldsNot = "is shown to have no more error", "is shown to have no more error"
		w.HoldsZH, w.HoldsNotZH = "误差确认不增大", "被确认误差不增大"
		return
	}
	w.Holds, w.HoldsNot = "has no more error", "has no more error"
	w.HoldsZH, w.HoldsNotZH = "误差未增大", "做到误差不增大"
}

// tags are the qualifications that every short form carries.
func (w *wording) tags(f *findings) {
	if w.Simulated != "" {
		w.Tags += "; " + strings.ToLower(w.Simulated[:1]) + w.Simulated[1:] + " simulated, no bytes exist"
	}
	if w.Synthetic {
		w.Tags += "; synthetic input: says nothing about a model"
	}
	var short []string
	switch {
	case f.n <= 1:
		short = append(short, "one passage, no interval")
	case f.Protocol.Blocks:
		short = append(short, itoa(f.n)+" blocks of one text")
	case f.intervals:
		short = append(short, "n = "+itoa(f.n)+", 95 %")
	default:
		short = append(short, itoa(f.n)+" passages, no interval")
	}
	if w.Simulated != "" {
		short = append(short, "simulated")
	}
	if w.Synthetic {
		short = append(short, "synthetic input")
	}
	w.Short = " (" + strings.Join(short, "; ") + ")"
}

// gates counts the streams that each gate of the audit fires on.
func (w *wording) gates(f *findings) {
	var parts []string
	for _, g := range gates {
		if !g.Gated {
			continue
		}
		fired, measured := 0, 0
		for i := range f.Streams {
			if s := g.Of(&f.Streams[i].Audit); known(s) {
				measured++
				if float64(s.Mean) > g.Limit {
					fired++
				}
			}
		}
		if measured > 0 {
			parts = append(parts, fmt.Sprintf("%s (above %s) on %d", g.Phrase, plainNumber(g.Limit), fired))
		}
	}
	w.Gates = listing(parts)
}
