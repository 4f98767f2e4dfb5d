package main

import (
	"os"
	"path/filepath"

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
	path := c.In
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, report.ResultName)
	}
	result, err := report.ReadFile(path)
	if err != nil {
		return err
	}
	if c.Out != "" {
		return report.RenderFile(c.Out, c.Format, result)
	}
	return report.Render(t.stdout, c.Format, result, width(t.stdout))
}
