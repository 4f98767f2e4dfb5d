// Package nano holds a small trained DeepSeek-V4, for runs without a model at hand:
// the architecture, tensor names and number formats of the release, 8.7 million
// parameters. README.md is its model card.
package nano

import (
	_ "embed"

	"kakeyalattice/checkpoint"
)

// Name is what commands and reports call the model.
const Name = "nano"

var (
	//go:embed model.safetensors
	weights []byte
	//go:embed config.json
	config []byte
	//go:embed tokenizer.json
	tokens []byte
	//go:embed tokenizer_config.json
	tokenNames []byte
)

// Files are those of the checkpoint.
func Files() checkpoint.Files {
	return checkpoint.Memory(Name, map[string][]byte{
		"model.safetensors":     weights,
		"config.json":           config,
		"tokenizer.json":        tokens,
		"tokenizer_config.json": tokenNames,
	})
}
