package corpus

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// MaxBytes is the most that the files of one Open may hold together.
const MaxBytes = 1 << 30

// inFolder lists the endings of the files that are read from a folder; .raw
// and .tokens are those of the published WikiText.
var inFolder = []string{".txt", ".raw", ".tokens", ".json", ".jsonl"}

// Open reads the passages of files, of folders and of patterns such as
// "data/*.txt", in the order in which they are named.
//
//   - A folder stands for its .txt, .raw, .tokens, .json and .jsonl files in
//     name order. Other files, hidden ones and folders within it are left out.
//     A pattern stands for its matches in name order.
//   - A .jsonl file has a passage on each line, a .json file is an array of
//     them: a string, or an object with "text" and perhaps a "title" or an
//     "id". Other members are skipped. Blank lines of a .jsonl file are too.
//   - Any other file is a text. If it has the form of WikiText, each article is
//     a passage, from its title line to the last line before the next one that
//     is not blank; else the file is one passage.
//
// Texts must be UTF-8. A byte-order mark is dropped, and in texts, not within
// JSON strings, CR LF becomes LF; nothing else is changed. A text that is empty
// or blank is refused: it would count as a passage and have no tokens. So is a
// file that is named twice, since a passage counts once.
//
// Faults of content are a [*FormatError].
func Open(paths []string) ([]Passage, error) {
	names, err := Expand(paths)
	if err != nil {
		return nil, err
	}
	var list []Passage
	left := int64(MaxBytes)
	for _, name := range names {
		data, err := read(name, left)
		if err != nil {
			return nil, err
		}
		left -= int64(len(data))
		passages, err := parse(name, data)
		if err != nil {
			return nil, err
		}
		list = append(list, passages...)
	}
	for i := range list {
		list[i].ID = i
	}
	return list, nil
}

// Expand lists the files that the paths stand for.
func Expand(paths []string) ([]string, error) {
	if len(paths) == 0 {
		return nil, errors.New("corpus: no text file is named")
	}
	var names []string
	for _, path := range paths {
		_, err := os.Stat(path)
		matches := []string{path}
		if errors.Is(err, fs.ErrNotExist) && strings.ContainsAny(path, "*?[") {
			// The pattern itself is checked after the name: a file may be called "a[1].txt".
			if matches, err = filepath.Glob(path); err != nil {
				return nil, fmt.Errorf("corpus: pattern %s: %w", path, err)
			}
			if len(matches) == 0 {
				return nil, fmt.Errorf("corpus: no file matches %s: %w", path, fs.ErrNotExist)
			}
		}
		for _, match := range matches {
			found, err := filesOf(match)
			if err != nil {
				return nil, err
			}
			names = append(names, found...)
		}
	}
	seen := make(map[string]bool)
	for _, name := range names {
		clean := filepath.Clean(name)
		if seen[clean] {
			return nil, fmt.Errorf("corpus: %s is named twice; a passage must not count twice", name)
		}
		seen[clean] = true
	}
	return names, nil
}

// filesOf is a file itself, or the files of a folder.
func filesOf(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("corpus: %w", err)
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("corpus: %w", err)
	}
	var names []string
	for _, entry := range entries {
		name := entry.Name()
		if entry.IsDir() || strings.HasPrefix(name, ".") || !slices.Contains(inFolder, ending(name)) {
			continue
		}
		names = append(names, filepath.Join(path, name))
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("corpus: folder %s has no file that ends in %s", path, strings.Join(inFolder, ", "))
	}
	return names, nil
}

func ending(name string) string { return strings.ToLower(filepath.Ext(name)) }

// read returns the content of a file of at most limit bytes.
func read(name string, limit int64) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("corpus: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("corpus: %s is not a regular file; save the text in one", name)
	}
	tooLarge := fmt.Errorf("corpus: %s, %d bytes: texts of more than %d bytes in all are not read at once; name fewer files or cut it", name, info.Size(), int64(MaxBytes))
	if info.Size() > limit {
		return nil, tooLarge
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("corpus: %w", err)
	}
	defer file.Close()
	// The file may grow while it is read.
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, fmt.Errorf("corpus: %w", err)
	}
	if int64(len(data)) > limit {
		return nil, tooLarge
	}
	return data, nil
}

// parse makes passages of a file's content.
func parse(name string, data []byte) ([]Passage, error) {
	switch ending(name) {
	case ".jsonl":
		return parseLines(name, data)
	case ".json":
		return parseArray(name, data)
	}
	text, err := decodeText(name, data)
	if err != nil {
		return nil, err
	}
	if blank(text) {
		return nil, &FormatError{File: name, Reason: "the text is empty"}
	}
	if articles := parseWikiText(name, text); articles != nil {
		return articles, nil
	}
	return []Passage{{Title: stem(name), Text: text, Source: name}}, nil
}

func blank(text string) bool { return strings.TrimSpace(text) == "" }

// stem is the name of a file without folders and ending.
func stem(name string) string {
	base := filepath.Base(name)
	if s := strings.TrimSuffix(base, filepath.Ext(base)); s != "" {
		return s
	}
	return base
}
