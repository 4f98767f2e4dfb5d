package report

import (
	"bytes"
	"html/template"
	"io"
	"strings"
	"unicode/utf8"
)

// page is report.html: one file with its style, script and drawings inside,
// which opens without a network.
var page = template.Must(template.New("page.tmpl").Funcs(template.FuncMap{
	"rows":  htmlRows,
	"words": strings.Fields,
}).ParseFS(templates, "templates/page.tmpl"))

// pageData is what page.tmpl reads.
type pageData struct {
	*document
	Style   template.CSS
	Script  template.JS
	Figures map[string][]figure // by section
	Version string
}

// embedded returns a file of the templates folder.
func embedded(file string) string {
	data, err := templates.ReadFile("templates/" + file)
	if err != nil {
		panic(err) // the file is part of the program
	}
	return string(data)
}

// writeHTML renders a result as a self-contained page.
func writeHTML(w io.Writer, r *Result) error {
	f, d := newDocument(r)
	data := pageData{
		document: d,
		Style:    template.CSS(embedded("page.css")),
		Script:   template.JS(embedded("page.js")),
		Figures:  map[string][]figure{},
		Version:  plain(r.Tool.Version),
	}
	for _, build := range []struct {
		section string
		figure  func(*findings) *figure
	}{
		{"thresholds", gainFigure},
		{"codecs", rateFigure},
		{"codecs", ratioFigure},
		{"audit", gateFigure},
		{"quality", qualityFigure},
	} {
		if fig := build.figure(f); fig != nil {
			data.Figures[build.section] = append(data.Figures[build.section], *fig)
		}
	}
	// A page that fails half-way must not be written.
	var b bytes.Buffer
	if err := page.Execute(&b, data); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

// htmlRows is the body of a table: the part of a page that grows with the
// result, and so is written without a template. Every cell is escaped.
func htmlRows(t grid) template.HTML {
	const short = 30 // characters that stay on one line
	var b strings.Builder
	for _, row := range t.Rows {
		b.WriteString("<tr>")
		for i, cell := range row {
			text := template.HTMLEscapeString(cell)
			switch {
			case t.Cols[i].As == asNumber:
				b.WriteString("<td>" + text + "</td>")
			case t.Cols[i].As == asName && !strings.Contains(cell, " "):
				b.WriteString(`<td class="m">` + text + "</td>")
			case utf8.RuneCountInString(cell) > short:
				b.WriteString(`<td class="w">` + text + "</td>")
			default:
				b.WriteString(`<td class="t">` + text + "</td>")
			}
		}
		b.WriteString("</tr>\n")
	}
	return template.HTML(b.String())
}
