package report

// document is a report before it is Markdown or HTML: what is said, in order,
// as plain text that a renderer escapes.
type document struct {
	Title    string
	Facts    []pair // what was measured, at a glance
	Blocks   blocks
	Sections []section
}

// pair is a term and what it stands for.
type pair struct{ Term, Text string }

// section is one chapter of a report.
type section struct {
	ID    string
	Title string
	Lead  string // one line under the title
	Key   string // what the columns of the section's tables mean
	// Tables come after the lead; HTML puts the section's figures before them.
	Tables []grid
	// Folded tables are many of one sort, behind one title.
	Folded      []grid
	FoldedTitle string
	// After the tables.
	Facts   []pair
	Lists   []list
	Command string // a command line to copy
}

// list is a titled list of remarks.
type list struct {
	Title string
	Items []string
}

// grid is a table: rows of text under columns.
type grid struct {
	Title string
	Cols  []column
	Rows  [][]string
	Note  string // what each figure means
	// Fold puts the table behind its title; Open shows it unfolded.
	Fold, Open bool
}

// column is a table's column: text, a name in fixed width, or numbers that are
// aligned right.
type column struct {
	Name string
	As   columnKind
}

// Number says whether the column is aligned right.
func (c column) Number() bool { return c.As == asNumber }

type columnKind int

const (
	asText columnKind = iota
	asName
	asNumber
)

// few is how many streams are listed one by one; more are gathered by kind,
// with the list folded away.
const few = 12

// newDocument lays out a result.
func newDocument(r *Result) (*findings, *document) {
	f := newFindings(r)
	if f.predictionsOnly() {
		return f, &document{
			Title:    title(f),
			Facts:    atAGlance(f),
			Blocks:   blocks{Sentence: qualitySentence(f)},
			Sections: []section{qualitySection(f), protocolSection(f)},
		}
	}
	d := &document{
		Title:    title(f),
		Facts:    atAGlance(f),
		Blocks:   newBlocks(f),
		Sections: []section{thresholdSection(f), policySection(f)},
	}
	if len(r.Capacity) > 0 {
		d.Sections = append(d.Sections, capacitySection(f))
	}
	d.Sections = append(d.Sections, codecSection(f), attentionSection(f), auditSection(f))
	if len(r.Effects) > 0 {
		d.Sections = append(d.Sections, effectsSection(f))
	}
	if len(r.Quality) > 0 {
		d.Sections = append(d.Sections, qualitySection(f))
	}
	d.Sections = append(d.Sections, protocolSection(f))
	return f, d
}
