package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"kakeyalattice/internal/jsonscan"
)

// parseIndex reads the weight_map of an index: the file of every tensor.
func parseIndex(text []byte) (map[string]string, error) {
	if start := strings.TrimSpace(string(text[:min(len(text), 64)])); strings.HasPrefix(start, "<") {
		return nil, errors.New("an HTML or XML page, not JSON: a proxy, a login or an error answered in its place; delete the file and fetch it again")
	}
	if !utf8.Valid(text) {
		return nil, errors.New("it is not UTF-8")
	}
	var weightMap map[string]string
	scanner := jsonscan.New(text)
	err := scanner.Object(func(key string) error {
		if key != "weight_map" {
			return scanner.Skip()
		}
		if weightMap != nil {
			return errors.New("weight_map is there twice")
		}
		weightMap = map[string]string{}
		return scanner.Object(func(tensor string) error {
			file, err := scanner.String()
			if err != nil {
				return fmt.Errorf("tensor %s: %w", tensor, err)
			}
			if other, twice := weightMap[tensor]; twice {
				return fmt.Errorf("tensor %s is there twice, in %s and in %s", tensor, other, file)
			}
			if !isPlainName(file) {
				return fmt.Errorf("tensor %s: %q is no name of a file beside the index", tensor, file)
			}
			weightMap[tensor] = file
			return nil
		})
	})
	if err == nil {
		err = scanner.End()
	}
	if err == nil && len(weightMap) == 0 {
		err = errors.New("weight_map is missing or empty: not an index of shards")
	}
	return weightMap, err
}

// isPlainName says whether a file name of the index stays beside it, on every
// system and as a part of an address.
func isPlainName(name string) bool {
	return fs.ValidPath(name) && filepath.IsLocal(name) && !strings.ContainsAny(name, `\:?#%`) && name != "."
}
