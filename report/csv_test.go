package report

import (
	"encoding/csv"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestCSVHasOneRowPerStreamAndCodec(t *testing.T) {
	r := synthetic()
	rows, err := csv.NewReader(strings.NewReader(render(t, r, "csv"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if want := 1 + len(r.Streams)*len(r.Streams[0].Codecs); len(rows) != want {
		t.Fatalf("%d rows, want %d", len(rows), want)
	}
	at := func(row []string, column string) string { return row[slices.Index(rows[0], column)] }
	for _, row := range rows[1:] {
		if at(row, "stream") != "gaussian" || at(row, "codec") != "e8:q=38" {
			continue
		}
		c := r.Streams[0].codec("e8:q=38")
		for column, want := range map[string]float64{
			"bits_per_vector": 3296, "bits_per_value": 6.4375, "vectors": 8 * 2048, "n": 8,
			"rel_mse": float64(c.RelMSE.Mean), "ratio:fp8-v4": float64(c.Ratios["fp8-v4"].Mean),
			"ratio_ci95:fp8-v4": float64(c.Ratios["fp8-v4"].CI95), "cr:bf16": 8192. / 3296,
		} {
			if got, err := strconv.ParseFloat(at(row, column), 64); err != nil || got != want {
				t.Errorf("%s = %q, want %v in full precision", column, at(row, column), want)
			}
		}
		return
	}
	t.Error("no row of e8:q=38 on gaussian")
}

func TestUndefinedFiguresAreEmptyCells(t *testing.T) {
	rows, err := csv.NewReader(strings.NewReader(render(t, fixtures()["one passage"], "csv"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	half := slices.Index(rows[0], "rel_mse_ci95")
	if rows[1][half] != "" {
		t.Errorf("one passage has the half-width %q", rows[1][half])
	}
}

func TestNoNameIsAFormula(t *testing.T) {
	rows, err := csv.NewReader(strings.NewReader(render(t, fixtures()["hostile"], "csv"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		for i, c := range row {
			if _, err := strconv.ParseFloat(c, 64); err != nil && c != "" && strings.ContainsRune("=+-@\t\r", rune(c[0])) {
				t.Errorf("column %s: %q", rows[0][i], c)
			}
		}
	}
	if got := cell("=1+1"); got != "'=1+1" {
		t.Errorf("cell = %q", got)
	}
}
