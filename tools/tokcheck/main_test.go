package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestGoldensThatAgreeAndOneThatDoesNot(t *testing.T) {
	const vocabulary = "../../tokenizer/testdata/qwen2.json"
	other := filepath.Join(t.TempDir(), "other.json")
	if err := os.WriteFile(other, []byte(`[{"text": "a", "ids": [1, 2]}, {"text": "", "ids": [], "decoded": "x"}]`), 0o666); err != nil {
		t.Fatal(err)
	}
	wrong, err := run(vocabulary, []string{"../../tokenizer/testdata/qwen2.golden.jsonl", other})
	if err != nil {
		t.Fatal(err)
	}
	if wrong != 2 {
		t.Errorf("%d differences, want 2", wrong)
	}
	if _, err := run(vocabulary, []string{vocabulary}); err == nil {
		t.Error("no error for a file without goldens")
	}
}
