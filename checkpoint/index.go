package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
)

// parseIndex reads the weight_map of an index: the file of every tensor.
func parseIndex(text []byte) (map[string]string, error) {
	var index struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(text, &index); err != nil {
		if strings.HasPrefix(strings.TrimSpace(string(text[:min(len(text), 64)])), "<") {
			return nil, errors.New("an HTML or XML page, not JSON: a proxy, a login or an error answered in its place")
		}
		return nil, err
	}
	if len(index.WeightMap) == 0 {
		return nil, errors.New("weight_map is missing or empty: not an index of shards")
	}
	for tensor, file := range index.WeightMap {
		if path.IsAbs(file) || path.Clean(file) != file || strings.HasPrefix(file, "..") || strings.Contains(file, `\`) || file == "." {
			return nil, fmt.Errorf("tensor %s: %q is no name of a file beside the index", tensor, file)
		}
	}
	return index.WeightMap, nil
}
