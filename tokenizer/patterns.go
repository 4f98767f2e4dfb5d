package tokenizer

// patterns are the split expressions that have a scanner, as tokenizer.json
// files write them. Go's regexp has no look-ahead, and a scanner is several
// times as fast as an engine that has. FuzzScanners holds the scanners against
// such an engine.
var patterns = map[string]func() splitter{
	patternGPT2: func() splitter {
		return &words{classes: classes(), contractions: lowerCase, letters: letter, numbers: unlimited,
			signs: mark | punctuation | symbol | other, gpt2: true}
	},
	patternLlama3: func() splitter {
		return &words{classes: classes(), contractions: anyCase, lead: notLetterNumber, letters: letter, numbers: 3,
			signs: mark | punctuation | symbol | other, lines: true}
	},
	patternQwen2: func() splitter {
		return &words{classes: classes(), contractions: anyCase, lead: notLetterNumber, letters: letter, numbers: 1,
			signs: mark | punctuation | symbol | other, lines: true}
	},
	patternQwen35: func() splitter {
		return &words{classes: classes(), contractions: anyCase, lead: notLetterNumber, letters: letter | mark, numbers: 1,
			signs: punctuation | symbol | other, lines: true}
	},
	patternO200k: func() splitter {
		return &cased{contractions: anyCase, words: words{classes: classes(), numbers: 3,
			signs: mark | punctuation | symbol | other, lines: true, slash: true}}
	},
	patternTekken: func() splitter {
		return &cased{words: words{classes: classes(), numbers: 1,
			signs: mark | punctuation | symbol | other, lines: true, slash: true}}
	},
	patternDeepSeekNumbers: func() splitter { return numberRuns(3) },
	patternDeepSeekCJK: func() splitter {
		return runs{max: unlimited, in: func(r rune) bool {
			return 0x4E00 <= r && r <= 0x9FA5 || 0x3040 <= r && r <= 0x30FF
		}}
	},
	patternDeepSeekWords:      deepSeekWords,
	patternDeepSeekWordsQuote: deepSeekWords,
}

func deepSeekWords() splitter {
	return &words{classes: classes(), commands: true, lead: mark | number | blank | other, letters: letter | mark,
		signs: punctuation | symbol, lines: true}
}

// notLetterNumber is [^\r\n\p{L}\p{N}].
const notLetterNumber = mark | punctuation | symbol | blank | other

// numberRuns matches up to max characters of \p{N}.
func numberRuns(max int) splitter {
	t := classes()
	return runs{max: max, in: func(r rune) bool { return t.of(r) == number }}
}

const (
	patternGPT2   = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
	patternLlama3 = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	patternQwen2  = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	patternQwen35 = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	patternO200k  = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?` +
		`|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?` +
		`|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	patternTekken = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+` +
		`|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*` +
		`|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`

	// The three splits of DeepSeek-V3 and V4, one after the other.
	patternDeepSeekNumbers = `\p{N}{1,3}`
	patternDeepSeekCJK     = "[一-龥\u3040-ゟ゠-ヿ]+"
	// The last is also written with a backslash before the quote.
	patternDeepSeekWords      = "[!\"" + deepSeekRest
	patternDeepSeekWordsQuote = "[!\\\"" + deepSeekRest
	deepSeekRest              = "#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+" +
		`|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
)
