package tokenizer

import (
	"encoding/json"
	"unicode/utf8"
)

func (p *parser) decoder(where string, data json.RawMessage, depth int) error {
	var d struct {
		typed
		Pattern        patternJSON `json:"pattern"`
		Content        string      `json:"content"`
		Start          int         `json:"start"`
		Stop           int         `json:"stop"`
		AddPrefixSpace *bool       `json:"add_prefix_space"`
		metaspaceJSON
	}
	if err := p.decode(data, where, &d); err != nil {
		return err
	}
	spec := decoderSpec(nil)
	fused := p.fused
	switch d.Type {
	case "":
		if err := p.nullOnly(where, data); err != nil {
			return err
		}
		if depth > 0 {
			return p.errorf(where, "is null")
		}
		spec = func(next decodeStage) decodeStage { return &spaceStage{next: next} }
	case "Sequence":
		return p.sequence(where, "decoders", data, depth, p.decoder)
	case "Replace":
		old, err := p.textPattern(where, d.Pattern)
		if err != nil {
			return err
		}
		if fused && utf8.RuneCountInString(old) > 1 {
			return p.errorf(where, "replacing several characters after the tokens are joined: %w", ErrUnsupported)
		}
		spec = func(next decodeStage) decodeStage {
			return &replaceStage{next: next, old: []byte(old), new: []byte(d.Content)}
		}
	case "Fuse":
		p.fused = true
		spec = func(next decodeStage) decodeStage { return &fuseStage{next: next} }
	case "Strip":
		if utf8.RuneCountInString(d.Content) != 1 {
			return p.errorf(where+".content", "%q is not one character", d.Content)
		}
		if d.Start < 0 {
			return p.errorf(where+".start", "%d is below 0", d.Start)
		}
		if d.Stop != 0 {
			return p.errorf(where+".stop", "%d, that is stripping the end: %w", d.Stop, ErrUnsupported)
		}
		spec = func(next decodeStage) decodeStage {
			return &stripStage{next: next, content: []byte(d.Content), n: d.Start}
		}
	case "Metaspace":
		m, err := p.metaspace(where, d.metaspaceJSON, d.AddPrefixSpace)
		if err != nil {
			return err
		}
		spec = func(next decodeStage) decodeStage {
			return &metaspaceStage{replaceStage: replaceStage{next: next, old: []byte(m.mark)}, keepFirst: m.prepend == prependNever}
		}
	case "ByteFallback", "ByteLevel":
		if fused {
			return p.errorf(where, "%s after the tokens are joined: %w", d.Type, ErrUnsupported)
		}
		if d.Type == "ByteFallback" {
			spec = func(next decodeStage) decodeStage { return &byteFallbackStage{next: next} }
			break
		}
		p.fused = true
		spec = func(next decodeStage) decodeStage { return &byteLevelStage{next: next} }
	default:
		return p.unsupported(where, "type", d.Type, "ByteFallback", "ByteLevel", "Fuse", "Metaspace", "Replace", "Sequence", "Strip")
	}
	p.r.decoders = append(p.r.decoders, spec)
	return nil
}
