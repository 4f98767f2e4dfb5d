package corpus_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"kakeyalattice/corpus"
)

func ExampleBuiltin() {
	for _, p := range corpus.Builtin()[:2] {
		heading, _, _ := strings.Cut(p.Text, "\n")
		fmt.Printf("%d %s: %s\n", p.ID, p.Title, heading)
	}
	// Output:
	// 0 topology: What Survives Stretching
	// 1 the Renaissance: Florence and the Uses of the Past
}

// A folder of a text and of a file with a passage on each line.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "corpus")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for name, content := range map[string]string{
		"letter.txt": "Dear reader, ...\n",
		"news.jsonl": `{"title": "Harbour", "text": "The ferry is late."}` + "\n" + `"Rain until Friday."` + "\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666); err != nil {
			log.Fatal(err)
		}
	}
	list, err := corpus.Open([]string{dir})
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range list {
		fmt.Printf("%d %s: %s\n", p.ID, p.Title, strings.TrimSpace(p.Text))
	}
	// Output:
	// 0 letter: Dear reader, ...
	// 1 Harbour: The ferry is late.
	// 2 news 2: Rain until Friday.
}
