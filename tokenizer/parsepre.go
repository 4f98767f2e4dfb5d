package tokenizer

import (
	"encoding/json"
	"unicode/utf8"
)

func (p *parser) preTokenizer(where string, data json.RawMessage, depth int) error {
	var s struct {
		typed
		Pattern          patternJSON `json:"pattern"`
		Behavior         string      `json:"behavior"`
		Invert           bool        `json:"invert"`
		AddPrefixSpace   *bool       `json:"add_prefix_space"`
		UseRegex         *bool       `json:"use_regex"`
		IndividualDigits bool        `json:"individual_digits"`
		metaspaceJSON
	}
	if err := p.decode(data, where, &s); err != nil {
		return err
	}
	if s.Type != "" && p.byteLevel {
		return p.errorf(where, "%s after ByteLevel: %w", s.Type, ErrUnsupported)
	}
	var st stage
	var err error
	switch s.Type {
	case "":
		return p.nullOnly(where, data)
	case "Sequence":
		return p.sequence(where, "pretokenizers", data, depth, p.preTokenizer)
	case "Split":
		st, err = p.split(where, s.Pattern, s.Behavior, s.Invert)
	case "ByteLevel":
		p.byteLevel = true
		if s.AddPrefixSpace == nil || *s.AddPrefixSpace {
			st.rewrite = prefixSpace{}
		}
		if s.UseRegex == nil || *s.UseRegex {
			st.splitter = patterns[patternGPT2]()
		}
	case "Digits":
		st.splitter = numberRuns(unlimited)
		if s.IndividualDigits {
			st.splitter = numberRuns(1)
		}
	case "Metaspace":
		var m metaspace
		if m, err = p.metaspace(where, s.metaspaceJSON, s.AddPrefixSpace); err == nil {
			st.rewrite = m
			if s.Split == nil || *s.Split {
				st.splitter = literal{m.mark, mergedWithNext}
			}
		}
	default:
		return p.unsupported(where, "type", s.Type, "ByteLevel", "Digits", "Metaspace", "Sequence", "Split")
	}
	if err != nil {
		return err
	}
	p.r.stages = append(p.r.stages, st)
	return nil
}

// split makes the stage of a Split.
func (p *parser) split(where string, pattern patternJSON, name string, invert bool) (stage, error) {
	behaviors := map[string]behavior{
		"Isolated": isolated, "Removed": isolated, "MergedWithPrevious": mergedWithPrevious,
		"MergedWithNext": mergedWithNext, "Contiguous": contiguous,
	}
	b, known := behaviors[name]
	if !known {
		return stage{}, p.unsupported(where, "behavior", name, "Isolated", "Removed", "MergedWithPrevious", "MergedWithNext", "Contiguous")
	}
	if pattern.Regex == nil {
		text, err := p.textPattern(where, pattern)
		if err != nil {
			return stage{}, err
		}
		if invert {
			return stage{}, p.errorf(where, "invert of a string: %w", ErrUnsupported)
		}
		return stage{splitter: literal{text, b}, dropMatches: name == "Removed"}, nil
	}
	scanner, ok := patterns[*pattern.Regex]
	if !ok {
		return stage{}, p.unsupported(where+".pattern", "regular expression", *pattern.Regex,
			"those of GPT-2, Llama 3, Qwen2, Qwen3.5, o200k, Tekken and DeepSeek-V3")
	}
	switch {
	case name == "Isolated": // inverted or not, the parts are the same
		return stage{splitter: scanner()}, nil
	case name == "Removed" && invert: // what the pattern matches is kept
		return stage{splitter: scanner(), dropGaps: true}, nil
	default:
		return stage{}, p.unsupported(where, "behavior of a regular expression", name, "Isolated", "Removed with invert")
	}
}

// metaspaceJSON is what the pre-tokenizer and the decoder Metaspace share. In
// older files add_prefix_space stands for prepend_scheme.
type metaspaceJSON struct {
	Replacement   string `json:"replacement"`
	PrependScheme string `json:"prepend_scheme"`
	Split         *bool  `json:"split"`
}

func (p *parser) metaspace(where string, j metaspaceJSON, addPrefixSpace *bool) (metaspace, error) {
	m := metaspace{mark: j.Replacement}
	if utf8.RuneCountInString(m.mark) != 1 {
		return m, p.errorf(where+".replacement", "%q is not one character", m.mark)
	}
	switch j.PrependScheme {
	case "", "always":
	case "first":
		m.prepend = prependFirst
	case "never":
		m.prepend = prependNever
	default:
		return m, p.unsupported(where, "prepend_scheme", j.PrependScheme, "always", "first", "never")
	}
	if addPrefixSpace != nil && !*addPrefixSpace {
		if j.PrependScheme != "" && m.prepend != prependNever {
			return m, p.errorf(where, "add_prefix_space is false, but prepend_scheme is %q", j.PrependScheme)
		}
		m.prepend = prependNever
	}
	return m, nil
}
