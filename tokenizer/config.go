package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// WithConfig returns a tokenizer that also knows what a tokenizer_config.json
// says: BOS, EOS and PAD, where the vocabulary has them, and, where the file
// states add_bos_token or add_eos_token, whether AddSpecial adds them, whatever
// the post-processor does. Nothing else of the file is used; t stays as it is.
func (t *Tokenizer) WithConfig(name string, data []byte) (*Tokenizer, error) {
	var config struct {
		BOS    specialJSON `json:"bos_token"`
		EOS    specialJSON `json:"eos_token"`
		PAD    specialJSON `json:"pad_token"`
		AddBOS *bool       `json:"add_bos_token"`
		AddEOS *bool       `json:"add_eos_token"`
	}
	p := parser{name: name}
	if err := p.decode(data, "", &config); err != nil {
		return nil, err
	}
	c := *t
	for _, s := range []struct {
		token *string
		id    *int32
	}{{config.BOS.token, &c.bos}, {config.EOS.token, &c.eos}, {config.PAD.token, &c.pad}} {
		if s.token != nil {
			id, ok := t.ID(*s.token)
			if !ok {
				id = -1
			}
			*s.id = id
		}
	}
	without := func(ids []int32, id int32) []int32 {
		return slices.DeleteFunc(slices.Clone(ids), func(x int32) bool { return x == id })
	}
	if add := config.AddBOS; add != nil {
		if *add && c.bos < 0 {
			return nil, p.errorf("add_bos_token", "is true, but %s", config.BOS.missing("bos_token"))
		}
		if c.bos >= 0 {
			c.prefix = without(c.prefix, c.bos)
			if *add {
				c.prefix = slices.Concat([]int32{c.bos}, c.prefix)
			}
		}
	}
	if add := config.AddEOS; add != nil {
		if *add && c.eos < 0 {
			return nil, p.errorf("add_eos_token", "is true, but %s", config.EOS.missing("eos_token"))
		}
		if c.eos >= 0 {
			c.suffix = without(c.suffix, c.eos)
			if *add {
				c.suffix = append(c.suffix, c.eos)
			}
		}
	}
	return &c, nil
}

// specialJSON is a token of tokenizer_config.json: a string, an object with the
// content, or null.
type specialJSON struct{ token *string }

func (s *specialJSON) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(data, []byte("{")) {
		var object struct {
			Content *string `json:"content"`
		}
		err := json.Unmarshal(data, &object)
		s.token = object.Content
		return err
	}
	return json.Unmarshal(data, &s.token)
}

func (s specialJSON) missing(key string) string {
	if s.token == nil {
		return key + " is missing"
	}
	return fmt.Sprintf("%s %q is not in the vocabulary", key, *s.token)
}
