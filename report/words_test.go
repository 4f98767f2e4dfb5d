package report

import (
	"regexp"
	"strings"
	"testing"

	"kakeyalattice/stats"
)

// all is every sentence of the blocks.
func (b blocks) all() map[string]string {
	texts := map[string]string{"sentence": b.Sentence, "one-liner": b.OneLiner, "headline": b.Headline, "paper": b.Paper, "one-liner-zh": b.OneLinerZH}
	for _, q := range b.FAQ {
		texts["question "+q.Question] = q.Question
		texts["answer to "+q.Question] = q.Answer
	}
	return texts
}

func TestSentencesAreWholeForEveryOutcome(t *testing.T) {
	broken := regexp.MustCompile(`NaN|Inf|%!|<no value>|\{\{|\}\}|  | ,| \.|\(\)|\.\.|×0\b`)
	for name, r := range fixtures() {
		if name == "hostile" {
			continue // its names look broken on purpose
		}
		b := newBlocks(newFindings(r))
		if len(b.FAQ) != faqItems {
			t.Errorf("%s: %d questions", name, len(b.FAQ))
		}
		for what, text := range b.all() {
			if m := broken.FindString(text); text == "" || m != "" {
				t.Errorf("%s: %s holds %q: %s", name, what, m, text)
			}
		}
		if strings.Count(b.Sentence, ". ") > 0 || !strings.HasSuffix(b.Sentence, ".") {
			t.Errorf("%s: not one sentence: %s", name, b.Sentence)
		}
	}
}

// What limits a finding is said wherever the finding is.
func TestShortFormsCarryTheirQualification(t *testing.T) {
	short := func(r *Result) []string {
		b := newBlocks(newFindings(r))
		return []string{b.Sentence, b.OneLiner, b.Headline, b.Paper}
	}
	for _, c := range []struct {
		name string
		want string
	}{
		{"one passage", "one passage, no interval"},
		{"blocks", "blocks of one text"},
		{"synthetic", "ynthetic input"},
		{"simulated only", "imulated"},
	} {
		for _, text := range short(fixtures()[c.name]) {
			if !strings.Contains(text, c.want) {
				t.Errorf("%s: %q is not said in: %s", c.name, c.want, text)
			}
			if c.name == "one passage" && strings.Contains(text, "95 %") {
				t.Errorf("one passage has no confidence: %s", text)
			}
		}
	}
	for want, name := range map[string]string{"仅一段文本，无置信区间": "one passage", "并非独立文本": "blocks", "合成数据": "synthetic", "模拟编码": "simulated only"} {
		if got := newBlocks(newFindings(fixtures()[name])).OneLinerZH; !strings.Contains(got, want) {
			t.Errorf("%s: %q is not said in: %s", name, want, got)
		}
	}
}

func TestPerplexityIsNeverClaimed(t *testing.T) {
	honest := regexp.MustCompile(`perplexity (was|were) not measured|no measurement of perplexity|Does it keep perplexity`)
	for name, r := range fixtures() {
		for what, text := range newBlocks(newFindings(r)).all() {
			rest := honest.ReplaceAllString(text, "")
			if strings.Contains(strings.ToLower(rest), "perplexity") || strings.Contains(rest, "困惑度") {
				t.Errorf("%s: %s speaks of perplexity: %s", name, what, text)
			}
		}
	}
	r := synthetic()
	r.Quality = append(r.Quality, Quality{})
	b := newBlocks(newFindings(r))
	if strings.Contains(b.Paper, "not measured") || strings.Contains(b.FAQ[4].Answer, "Not measured") {
		t.Errorf("quality was measured: %s %s", b.Paper, b.FAQ[4].Answer)
	}
}

func TestATiedStreamIsCalledTied(t *testing.T) {
	r := hopeless()
	c := r.Streams[0].codec("e8:q=38")
	c.Ratios["fp8:group=64"] = stat(1.043, 0.051)
	if got := newBlocks(newFindings(r)).Sentence; !strings.Contains(got, "1.043 ± 0.051 times its error (statistically tied)") {
		t.Errorf("closest codec: %s", got)
	}
	// A policy may hold in the mean of a stream and be tied on it.
	r = synthetic()
	c = r.Streams[3].codec("e8:q=38")
	c.Ratios["fp8-v4"] = stat(0.99, 0.03)
	b := newBlocks(newFindings(r))
	const want = "with less squared error on 4 and statistically tied with it on 1 of the 5 streams"
	for _, text := range []string{b.Sentence, b.OneLiner, b.Headline, b.FAQ[0].Answer} {
		if !strings.Contains(text, want) {
			t.Errorf("want %q in: %s", want, text)
		}
	}
	if !strings.HasPrefix(b.FAQ[0].Answer, "In the mean, yes") {
		t.Errorf("answer: %s", b.FAQ[0].Answer)
	}
}

func TestAnErrorOfZeroHasNoRatio(t *testing.T) {
	r := synthetic()
	r.Streams[0].codec("e8:q=38").Ratios["fp8-v4"] = stats.Summarize(nil)
	if got := newBlocks(newFindings(r)).Sentence; !strings.Contains(got, "less squared error on 4 and without a ratio on 1 of the 5 streams") {
		t.Error(got)
	}
}

func TestThePublishedFormOfTheFinding(t *testing.T) {
	b := newBlocks(newFindings(synthetic()))
	for text, want := range map[string]string{
		b.Sentence: "e8:q=38 stores synthetic vectors (gaussian, student-t, anisotropic, mean-shifted, outlier-channel) in 3296 bits per vector " +
			"against 4672 for fp8-v4, 1.42 times fewer, with less squared error on each of the 5 streams (n = 8 passages; synthetic input: says nothing about a model).",
		b.OneLiner: "e8:q=38 compresses the synthetic vectors 1.42× against fp8-v4 (2.49× against bf16), with less squared error on each of the 5 streams, " +
			"measured over n = 8 passages, each stream judged at 95 % confidence. Synthetic input: this says nothing about a model.",
		b.OneLinerZH: "用 e8:q=38，可将合成向量相对 fp8-v4 压缩 1.42 倍（相对 bf16 为 2.49 倍），在全部 5 个流上平方误差均更小（n = 8 段文本，各流 95 % 置信）。输入为合成数据，不能说明任何模型的情况。",
		b.Headline:   "29.5 % fewer KV bits than fp8-v4, with less squared error on each of the 5 streams (n = 8, 95 %; synthetic input)",
	} {
		if text != want {
			t.Errorf("got  %s\nwant %s", text, want)
		}
	}
}

func TestByteWeightsAnswerForMemory(t *testing.T) {
	got := newBlocks(newFindings(v4(auditCodecs))).FAQ[3].Answer
	if !strings.Contains(got, "at a context of 1048576 tokens") {
		t.Errorf("answer on memory: %s", got)
	}
}

func TestSentencesBeginWithACapitalUnlessWithASpec(t *testing.T) {
	for in, want := range map[string]string{
		"on 3 of": "On 3 of", "e8:q=38 stores": "e8:q=38 stores", "q8_0 for v": "q8_0 for v", "": "", "one of": "One of",
	} {
		if got := capital(in); got != want {
			t.Errorf("capital(%q) = %q, want %q", in, got, want)
		}
	}
}
