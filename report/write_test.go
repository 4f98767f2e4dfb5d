package report

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWriteLeavesFourFilesAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	for range 2 { // the second time over the first
		if err := Write(dir, hopeless()); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if got := strings.Join(names, " "); got != "report.html report.md result.csv result.json" {
		t.Errorf("files: %s", got)
	}
	data, err := os.ReadFile(filepath.Join(dir, "report.md"))
	if err != nil || string(data) != render(t, hopeless(), "md") {
		t.Errorf("report.md is not what Render gives: %v", err)
	}
}

func TestWriteNeedsItsFolder(t *testing.T) {
	err := Write(filepath.Join(t.TempDir(), "absent"), hopeless())
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "--out") {
		t.Errorf("error %v", err)
	}
}

func TestAnUnknownFormatIsRefusedWithTheKnownOnes(t *testing.T) {
	err := Render(io.Discard, hopeless(), "pdf")
	if err == nil || !strings.Contains(err.Error(), "json, md, html, csv") {
		t.Errorf("error %v", err)
	}
}
