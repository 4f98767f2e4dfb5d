package report

import (
	"testing"

	"kakeyalattice/decide"
	"kakeyalattice/stats"
)

func TestVerdictsSayNoMoreThanTheInterval(t *testing.T) {
	one := stats.Stat{Mean: 0.79, CI95: stats.Undefined, N: 1}
	for _, c := range []struct {
		stat stats.Stat
		want verdict
		text string
	}{
		// The published ratios of the SWA and the HCA stream.
		{stat(0.790, 0.005), less, "less error"},
		{stat(1.043, 0.051), tied, "statistically tied"},
		{stat(1.2, 0.1), more, "more error"},
		{stat(1, 0), tied, "statistically tied"},
		{stat(0.95, 0.05), tied, "statistically tied"},
		{one, single, "one passage"},
		{stats.Stat{}, unmeasured, "–"},
	} {
		if got := judge(c.stat); got != c.want || got.String() != c.text {
			t.Errorf("judge(%v ± %v) = %v, want %v", c.stat.Mean, c.stat.CI95, got, c.text)
		}
	}
}

func TestTheOutcomeFollowsFromTheDecisions(t *testing.T) {
	for name, want := range map[string]outcome{
		"synthetic": saves, "one passage": saves, "blocks": saves, "v4": saves, "simulated only": saves,
		"hostile": someHold, "hopeless": noneHolds, "no baseline": noBaseline, "no streams": noBaseline,
	} {
		if got := newFindings(fixtures()[name]).outcome; got != want {
			t.Errorf("%s: outcome %d, want %d", name, got, want)
		}
	}
}

func TestTheHeadlineRestsOnThePairedViewWhereThereIsAnInterval(t *testing.T) {
	for name, want := range map[string]decide.View{"synthetic": decide.Paired, "blocks": decide.Paired, "one passage": decide.Point} {
		if got := newFindings(fixtures()[name]).view; got != string(want) {
			t.Errorf("%s: view %s, want %s", name, got, want)
		}
	}
}

func TestAFirstBaselineThatNoStreamHasIsPassedOver(t *testing.T) {
	r := dump(8, false)
	r.Baselines = append([]string{"fp8-v4"}, r.Baselines...)
	if f := newFindings(r); f.base != "fp8:group=64" {
		t.Errorf("base = %q", f.base)
	}
}

func TestAPolicyThatSavesNothingIsNoHeadline(t *testing.T) {
	r := synthetic()
	for i := range r.Policies {
		r.Policies[i].CR["fp8-v4"] = 1
	}
	f := newFindings(r)
	if f.outcome != someHold || f.policy != nil {
		t.Errorf("outcome %d with policy %v", f.outcome, f.policy)
	}
}

func TestOneCodecPerKindIsPreferredUnlessOneForAllIsAsSmall(t *testing.T) {
	if p := newFindings(synthetic()).policy; p.Name != "uniform" || p.Weights != "layers" {
		t.Errorf("synthetic streams of one kind: policy %s weighted by %s", p.Name, p.Weights)
	}
	if p := newFindings(v4(auditCodecs)).policy; p.Name != "per-kind" {
		t.Errorf("three kinds: policy %s", p.Name)
	}
}

func TestAgainstBF16ByArithmetic(t *testing.T) {
	r := synthetic()
	f := newFindings(r)
	// 8192 bits over those of e8:q=38, 3296 bits; published as 2.49x.
	if got := times(f.bf16(f.policy)); got != "2.49" {
		t.Errorf("measured: %s", got)
	}
	delete(f.policy.CR, "bf16")
	if got := times(f.bf16(f.policy)); got != "2.49" {
		t.Errorf("by arithmetic: %s", got)
	}
	r.Streams[0].Dim = 64
	if finite(f.bf16(f.policy)) {
		t.Error("streams of different dimensions have no common ratio")
	}
}
