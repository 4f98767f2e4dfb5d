package tokenizer

import (
	"encoding/json"
	"fmt"
	"slices"
)

// postProcessor sets what t puts around a text: it concerns single texts only.
func (p *parser) postProcessor(t *Tokenizer, where string, data json.RawMessage, depth int) error {
	var kind typed
	if err := p.decode(data, where, &kind); err != nil {
		return err
	}
	switch kind.Type {
	case "":
		return p.nullOnly(where, data)
	case "ByteLevel": // trims offsets, adds nothing
		return nil
	case "Sequence":
		return p.sequence(where, "processors", data, depth, func(where string, data json.RawMessage, depth int) error {
			return p.postProcessor(t, where, data, depth)
		})
	case "TemplateProcessing":
		return p.template(t, where, data)
	default:
		return p.unsupported(where, "type", kind.Type, "ByteLevel", "Sequence", "TemplateProcessing")
	}
}

// template adds the special tokens of a TemplateProcessing, outside those that
// an earlier processor has added.
func (p *parser) template(t *Tokenizer, where string, data json.RawMessage) error {
	type item struct {
		ID string `json:"id"`
	}
	var body struct {
		Single []struct {
			SpecialToken *item
			Sequence     *item
		} `json:"single"`
		SpecialTokens map[string]struct {
			IDs []int32 `json:"ids"`
		} `json:"special_tokens"`
	}
	if err := p.decode(data, where, &body); err != nil {
		return err
	}
	var around [2][]int32 // before and after the text
	texts := 0
	for i, piece := range body.Single {
		where := fmt.Sprintf("%s.single[%d]", where, i)
		switch {
		case piece.SpecialToken != nil:
			special, ok := body.SpecialTokens[piece.SpecialToken.ID]
			if !ok {
				return p.errorf(where, "%q is not in special_tokens", piece.SpecialToken.ID)
			}
			for _, id := range special.IDs {
				if _, ok := t.Token(id); !ok {
					return p.errorf(where, "%q has the id %d, which no token has", piece.SpecialToken.ID, id)
				}
			}
			around[min(texts, 1)] = append(around[min(texts, 1)], special.IDs...)
		case piece.Sequence != nil && piece.Sequence.ID == "A":
			texts++
		default:
			return p.errorf(where, "neither a SpecialToken nor the Sequence A: %w", ErrUnsupported)
		}
	}
	if texts != 1 {
		return p.errorf(where+".single", "has the text %d times: %w", texts, ErrUnsupported)
	}
	t.prefix = slices.Concat(around[0], t.prefix)
	t.suffix = slices.Concat(t.suffix, around[1])
	return nil
}
