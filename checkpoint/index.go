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

// readIndex reads the weight_map of an index, the file of every tensor, into
// the empty checkpoint.
func (c *Checkpoint) readIndex(text []byte) error {
	if start := strings.TrimSpace(string(text[:min(len(text), 64)])); strings.HasPrefix(start, "<") {
		return errors.New("an HTML or XML page, not JSON: a proxy, a login or an error answered in its place; delete the file and fetch it again")
	}
	if !utf8.Valid(text) {
		return errors.New("it is not UTF-8")
	}
	const entry = 64 // bytes of one, at least, as a rule
	c.where = make(map[string]*shard, len(text)/entry)
	shards := map[string]*shard{}
	found := false
	scanner := jsonscan.New(text)
	err := scanner.Object(func(key string) error {
		if key != "weight_map" {
			return scanner.Skip()
		}
		if found {
			return errors.New("weight_map is there twice")
		}
		found = true
		return scanner.Object(func(tensor string) error {
			file, err := scanner.String()
			if err != nil {
				return fmt.Errorf("tensor %s: %w", tensor, err)
			}
			s := shards[file]
			if s == nil {
				if !isPlainName(file) {
					return fmt.Errorf("tensor %s: %q is no name of a file beside the index", tensor, file)
				}
				s = &shard{name: file, c: c}
				shards[file] = s
				c.shards = append(c.shards, s)
			}
			if other, twice := c.where[tensor]; twice {
				return fmt.Errorf("tensor %s is there twice, in %s and in %s", tensor, other.name, file)
			}
			c.where[tensor] = s
			return nil
		})
	})
	if err == nil {
		err = scanner.End()
	}
	if err == nil && len(c.where) == 0 {
		err = errors.New("weight_map is missing or empty: not an index of shards")
	}
	return err
}

// isPlainName says whether a file name of the index stays beside it, on every
// system and as a part of an address.
func isPlainName(name string) bool {
	return fs.ValidPath(name) && filepath.IsLocal(name) && !strings.ContainsAny(name, `\:?#%`) && name != "."
}
