package main

import (
	"io"

	"kakeyalattice/internal/atomicfile"
	"kakeyalattice/report"
)

type reportCmd struct {
	In     string `arg:"" placeholder:"RESULT" help:"A result.json, or the folder that holds one."`
	Format string `enum:"summary,md,html,csv,json" default:"summary" help:"summary, md, html, csv or json."`
	Out    string `placeholder:"FILE" help:"Write here instead of to standard output."`
}

// Help adds examples to the generated text.
func (reportCmd) Help() string {
	return `Examples:
  kakeya report kakeya-out/audit-20260102-150405
  kakeya report result.json --format html --out report.html
  kakeya report result.json --format csv | column -s, -t`
}

func (c *reportCmd) Run(t *terminal) error {
	result, err := report.Read(c.In)
	if err != nil {
		return err
	}
	render := func(w io.Writer) error {
		if c.Format == "summary" {
			return report.Summary(w, result, width(w))
		}
		return report.Render(w, result, c.Format)
	}
	if c.Out != "" {
		return atomicfile.Write(c.Out, render)
	}
	return render(t.stdout)
}
