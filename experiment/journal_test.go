package experiment

import (
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"kakeyalattice/metric"

	"pgregory.net/rapid"
)

var testSettings = []Setting{{"input", "kv.safetensors"}, {"codecs", "bf16 e8:q=38"}, {"vector", "head"}}

const (
	headerLine = `{"format":"kakeya.journal/2","plan":{"input":"kv.safetensors","codecs":"bf16 e8:q=38","vector":"head"}}` + "\n"
	codeLine   = `{"kind":"code","name":"k.0+v.0","passage":2,"codec":"bf16","code":{"streams":[{"bytes":32,"distortion":{"vectors":1,"error":0.5,"energy":2,"variance":1,"cosine":1}},{"bytes":0,"skip":"why"}],"attention":0.25}}` + "\n"
	auditLine  = `{"kind":"audit","name":"k.0","passage":1,"audit":{"excess_kurtosis":0.5,"isotropy":null,"hadamard_ratio":2,"tail_one_sided":0,"tail_two_sided":-1e-300}}` + "\n"
	fitLine    = `{"kind":"fit","name":"k.0","passage":0,"codec":"fp8-tensor","fitted":"fp8-tensor:scale=0.013"}` + "\n"
)

// writeJournal returns a directory that holds a journal of the given text.
func writeJournal(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, JournalName), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return dir
}

func readJournal(t *testing.T, dir string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, JournalName))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestNewJournalStartsWithTheSettings(t *testing.T) {
	for _, resume := range []bool{false, true} {
		dir := t.TempDir()
		j, err := OpenJournal(dir, testSettings, resume)
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		if got := readJournal(t, dir); got != headerLine {
			t.Errorf("resume %t: journal is %q, want %q", resume, got, headerLine)
		}
	}
}

func TestResumedJournalKeepsWholeLinesAndCutsATornOne(t *testing.T) {
	whole := headerLine + codeLine + auditLine + fitLine
	for _, c := range []struct{ name, tail string }{
		{"nothing after the last line end", ""},
		{"half a line", codeLine[:40]},
		{"a whole line without its end", strings.TrimSuffix(codeLine, "\n")},
		{"zeros from a lost block", "\x00\x00\x00\x00"},
		{"a last line that is not JSON", "{\"kind\"\n"},
		{"a last line of an unknown kind", `{"kind":"dance"}` + "\n"},
		{"a last line whose spec does not parse", `{"kind":"fit","fitted":"nonsense"}` + "\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := writeJournal(t, whole+c.tail)
			j, err := OpenJournal(dir, testSettings, true)
			if err != nil {
				t.Fatal(err)
			}
			if len(j.entries) != 3 || j.entries[0].Code == nil || j.entries[1].Audit == nil || j.entries[2].Fitted == "" {
				t.Errorf("entries are %+v", j.entries)
			}
			if err := j.append(entry{key: key{Kind: fitKind}, Fitted: "bf16"}); err != nil {
				t.Fatal(err)
			}
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			want := whole + `{"kind":"fit","name":"","passage":0,"fitted":"bf16"}` + "\n"
			if got := readJournal(t, dir); got != want {
				t.Errorf("journal is\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestJournalWithAHalfWrittenHeaderStartsAnew(t *testing.T) {
	for _, cut := range []int{0, 1, 12, 40, len(headerLine) - 1} {
		dir := writeJournal(t, headerLine[:cut])
		j, err := OpenJournal(dir, testSettings, true)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		if got := readJournal(t, dir); got != headerLine {
			t.Errorf("cut at %d: journal is %q", cut, got)
		}
	}
}

func TestJournalIsRefused(t *testing.T) {
	for _, c := range []struct {
		name, text string
		plan       []Setting
		resume     bool
		want       string // part of the error
	}{
		{"where one exists and resume was not asked for", headerLine, testSettings, false,
			"a run is recorded there; continue it with --resume or use another --out"},
		{"where the settings differ", headerLine + codeLine,
			[]Setting{{"codecs", "bf16"}, {"input", "kv.safetensors"}, {"queries", "64"}}, true,
			"made with other settings: codecs: was bf16 e8:q=38, now bf16; queries: was unset, now 64; vector: was head, now unset; use another --out or the same flags"},
		{"where the settings differ, even if lines cannot be read", headerLine + "?\n" + codeLine, []Setting{{"codecs", "bf16"}}, true,
			"made with other settings"},
		{"where a line in the middle is not valid", headerLine + codeLine + "{]\n" + auditLine, testSettings, true,
			"line 3: invalid character"},
		{"where a line in the middle has no record", headerLine + `{"kind":"code"}` + "\n" + auditLine, testSettings, true,
			`line 2: no record of kind "code"`},
		{"where the file is another one", "timestamp,loss\n1,2\n", testSettings, true,
			"line 1: not a journal of format kakeya.journal/2"},
		{"where the file is another one without a line end", "loss", testSettings, true,
			"line 1: not a journal of format kakeya.journal/2"},
		{"where the format is another", strings.Replace(headerLine, "/2", "/1", 1), testSettings, true,
			"line 1: not a journal of format kakeya.journal/2"},
		{"where the settings are no texts", `{"format":"kakeya.journal/2","plan":{"a":1}}` + "\n", testSettings, true,
			"line 1: not a journal of format kakeya.journal/2"},
		{"where a setting is given twice", "", []Setting{{"a", "1"}, {"a", "1"}}, false,
			`setting "a" is given twice`},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := writeJournal(t, c.text)
			j, err := OpenJournal(dir, c.plan, c.resume)
			if err == nil {
				j.Close()
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error is %q, want one line with %q", err, c.want)
			}
			if got := readJournal(t, dir); got != c.text {
				t.Errorf("the refused file was changed to %q", got)
			}
		})
	}
	t.Run("where the directory is missing", func(t *testing.T) {
		if _, err := OpenJournal(filepath.Join(t.TempDir(), "none"), nil, false); err == nil || !strings.Contains(err.Error(), "choose another --out") {
			t.Errorf("error is %v", err)
		}
	})
}

func TestJournalIsLockedWhileOpen(t *testing.T) {
	dir := t.TempDir()
	j, err := OpenJournal(dir, testSettings, false)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := OpenJournal(dir, testSettings, true); err == nil {
		second.Close()
		t.Skip("no file locks on this system")
	} else if !strings.Contains(err.Error(), "another process is writing to it") {
		t.Errorf("error is %v", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if j, err = OpenJournal(dir, testSettings, true); err != nil {
		t.Fatalf("after the first was closed: %v", err)
	}
	j.Close()
}

func TestJournalWritesNothingAfterAFailure(t *testing.T) {
	j, err := OpenJournal(t.TempDir(), testSettings, false)
	if err != nil {
		t.Fatal(err)
	}
	j.file.Close()
	first := j.append(entry{})
	if first == nil {
		t.Fatal("a closed file was written to")
	}
	if second := j.append(entry{}); second != first {
		t.Errorf("second write: %v, want the first error again", second)
	}
	if err := j.Close(); err == nil {
		t.Error("Close hides the failure")
	}
}

// Every float64 of a record must come back as it was, or a resumed run would
// differ from one that was not interrupted.
func TestEntriesSurviveTheJournal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		float := rapid.Float64().Filter(func(f float64) bool { return !math.IsInf(f, 0) && !math.IsNaN(f) })
		code := &codeRecord{}
		for range rapid.IntRange(1, 2).Draw(t, "streams") {
			code.Streams = append(code.Streams, streamRecord{
				Bytes: rapid.Int64().Draw(t, "bytes"),
				Distortion: metric.Distortion{
					Vectors: rapid.Int().Draw(t, "vectors"), Error: float.Draw(t, "error"), Energy: float.Draw(t, "energy"),
					Variance: float.Draw(t, "variance"), Cosine: float.Draw(t, "cosine"),
					HasRope: rapid.Bool().Draw(t, "rope"), RopeError: float.Draw(t, "rope error"), RopeEnergy: float.Draw(t, "rope energy"),
				},
				Skip: rapid.String().Draw(t, "skip"),
			})
		}
		if rapid.Bool().Draw(t, "attended") {
			f := float.Draw(t, "attention")
			code.Attention = &f
		}
		name := rapid.String()
		want := []entry{
			{key: key{codeKind, name.Draw(t, "name"), rapid.Int().Draw(t, "passage"), "bf16"}, Code: code},
			{key: key{auditKind, name.Draw(t, "name"), 0, ""}, Audit: recordAudit(metric.NonGaussian{
				ExcessKurtosis: float.Draw(t, "kurtosis"), Isotropy: float.Draw(t, "isotropy"), HadamardRatio: float.Draw(t, "hadamard"),
				TailOneSided: float.Draw(t, "one-sided"), TailTwoSided: float.Draw(t, "two-sided"),
			})},
		}
		text := []byte(headerLine)
		for _, e := range want {
			line, err := marshalLine(e)
			if err != nil {
				t.Fatal(err)
			}
			text = append(text, line...)
		}
		got, err := parseJournal(text)
		if err != nil {
			t.Fatal(err)
		}
		if got.size != len(text) || !reflect.DeepEqual(got.entries, want) {
			t.Errorf("got %+v, want %+v", got.entries, want)
		}
	})
}

func TestUndefinedAuditFiguresAreNullInTheJournal(t *testing.T) {
	line, err := marshalLine(entry{Audit: recordAudit(metric.NonGaussian{ExcessKurtosis: math.NaN(), Isotropy: math.Inf(1)})})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(line), `"excess_kurtosis":null,"isotropy":null,"hadamard_ratio":0`) {
		t.Errorf("line is %s", line)
	}
	g := recordAudit(metric.NonGaussian{Isotropy: math.Inf(1)}).figures()
	if !math.IsNaN(g.Isotropy) {
		t.Errorf("an infinite figure is %v before the journal and NaN after it", g.Isotropy)
	}
}

// A figure that the audit gains must not be lost on the way through a record.
func TestAuditRecordHasEveryFigure(t *testing.T) {
	figures := reflect.TypeFor[metric.NonGaussian]()
	record := reflect.TypeFor[auditRecord]()
	for i := range figures.NumField() {
		if name := figures.Field(i).Name; i >= record.NumField() || record.Field(i).Name != name {
			t.Errorf("auditRecord lacks %s", name)
		}
	}
}

func FuzzParseJournal(f *testing.F) {
	f.Add([]byte(headerLine + codeLine + auditLine + fitLine))
	f.Add([]byte(headerLine + codeLine[:60]))
	f.Add([]byte(headerLine + "{}\n" + codeLine))
	f.Add([]byte(headerLine[:20]))
	f.Add([]byte(`{"format":"kakeya.journal/2","plan":{"a":["b"]}}` + "\n"))
	f.Add([]byte("\n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parseJournal(data)
		if c.size < 0 || c.size > len(data) {
			t.Fatalf("%d whole bytes of %d", c.size, len(data))
		}
		if err != nil {
			return
		}
		if c.size > 0 && data[c.size-1] != '\n' {
			t.Fatal("the whole part does not end with a line")
		}
		again, err := parseJournal(data[:c.size])
		if err != nil || again.size != c.size || len(again.entries) != len(c.entries) {
			t.Fatalf("the whole part reads differently: %v", err)
		}
		for _, e := range c.entries {
			if _, err := marshalLine(e); err != nil {
				t.Fatalf("an entry that was read cannot be written: %v", err)
			}
		}
	})
}
