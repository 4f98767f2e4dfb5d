package report

import (
	"encoding/csv"
	"io"
	"math"
	"strconv"
	"strings"

	"kakeyalattice/stats"
)

// csvColumns are the columns before those of each baseline.
var csvColumns = []string{
	"stream", "kind", "layer", "dim", "vectors", "codec", "fitted", "family", "baseline", "simulated", "pareto",
	"bits_per_vector", "bits_per_value", "bytes", "n",
	"rel_mse", "rel_mse_ci95", "rel_mse_energy", "rel_mse_energy_ci95",
	"rel_mse_energy_nope", "rel_mse_energy_rope", "cosine", "overflows",
}

// writeCSV renders a result as one row per stream and codec, with three columns
// per baseline: "cr:SPEC", "ratio:SPEC" and "ratio_ci95:SPEC". Numbers are in
// full precision; an undefined figure is an empty cell.
func writeCSV(w io.Writer, r *Result) error {
	out := csv.NewWriter(w)
	header := append([]string{}, csvColumns...)
	for _, b := range r.Baselines {
		header = append(header, cell("cr:"+b), cell("ratio:"+b), cell("ratio_ci95:"+b))
	}
	if err := out.Write(header); err != nil {
		return err
	}
	for i := range r.Streams {
		s := &r.Streams[i]
		pareto := map[string]bool{}
		for _, p := range s.Pareto {
			pareto[p] = true
		}
		for j := range s.Codecs {
			c := &s.Codecs[j]
			bytes, overflows := "", ""
			if c.Bytes != nil {
				bytes = strconv.FormatInt(*c.Bytes, 10)
			}
			if c.Overflows != nil {
				overflows = itoa(*c.Overflows)
			}
			row := []string{
				cell(s.Name), cell(string(s.Kind)), itoa(s.Layer), itoa(s.Dim), itoa(s.vectors()),
				cell(c.Codec), cell(c.Fitted), cell(c.Family),
				strconv.FormatBool(c.Baseline), strconv.FormatBool(c.Simulated), strconv.FormatBool(pareto[c.Codec]),
				number(c.BitsPerVector), number(c.perValue(s)), bytes, itoa(c.RelMSEEnergy.N),
				mean(&c.RelMSE), half(&c.RelMSE), mean(&c.RelMSEEnergy), half(&c.RelMSEEnergy),
				mean(c.RelMSEEnergyNope), mean(c.RelMSEEnergyRope), mean(&c.Cosine), overflows,
			}
			for _, b := range r.Baselines {
				cr, ok := c.CR[b]
				if !ok {
					cr = stats.Undefined
				}
				ratio := c.Ratios[b]
				row = append(row, number(float64(cr)), mean(&ratio), half(&ratio))
			}
			if err := out.Write(row); err != nil {
				return err
			}
		}
	}
	out.Flush()
	return out.Error()
}

// cell keeps a spreadsheet from taking a name for a formula: a name that
// begins like one gets an apostrophe in front.
func cell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}

func number(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return ""
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

func mean(s *stats.Stat) string {
	if s == nil || !known(*s) {
		return ""
	}
	return number(float64(s.Mean))
}

func half(s *stats.Stat) string {
	if s == nil || !bounded(*s) {
		return ""
	}
	return number(float64(s.CI95))
}
