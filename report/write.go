package report

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"kakeyalattice/internal/atomicfile"
)

// format is one rendering of a result.
type format struct {
	name  string // for [Render]
	file  string // in an output folder
	write func(io.Writer, *Result) error
}

// formats in the order in which [Write] writes them: the result first, since
// the others can be made from it.
var formats = []format{
	{"json", FileName, writeJSON},
	{"md", "report.md", writeMarkdown},
	{"html", "report.html", writeHTML},
	{"csv", "result.csv", writeCSV},
}

// Formats lists the names that [Render] knows.
func Formats() []string {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = f.name
	}
	return names
}

// Render writes a result to w in one of the [Formats].
func Render(w io.Writer, r *Result, name string) error {
	i := slices.IndexFunc(formats, func(f format) bool { return f.name == name })
	if i < 0 {
		return fmt.Errorf("report: unknown format %q; known are %s", name, strings.Join(Formats(), ", "))
	}
	return formats[i].write(w, r)
}

// Write writes result.json, report.md, report.html and result.csv to a folder
// that exists. A file appears whole or not at all.
func Write(dir string, r *Result) error {
	for _, f := range formats {
		err := atomicfile.Write(filepath.Join(dir, f.file), func(w io.Writer) error { return f.write(w, r) })
		if err != nil {
			return fmt.Errorf("report: %w; choose a folder that can be written with --out", err)
		}
	}
	return nil
}
