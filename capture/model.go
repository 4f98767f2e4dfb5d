package capture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"kakeyalattice/checkpoint"
	"kakeyalattice/tokenizer"
)

// Model is an opened checkpoint with what its config says of its family.
type Model struct {
	*checkpoint.Checkpoint
	family string // model_type
	config []byte
}

// OpenModel opens the model that lies in files.
func OpenModel(ctx context.Context, files checkpoint.Files) (*Model, error) {
	config, err := files.ReadFile(ctx, "config.json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s has no config.json: not a model in Hugging Face's layout: %w", files.Name(), err)
	}
	if err != nil {
		return nil, err
	}
	var family struct {
		ModelType string `json:"model_type"`
	}
	if err := json.Unmarshal(config, &family); err != nil {
		return nil, fmt.Errorf("%s: config.json: %w", files.Name(), err)
	}
	ck, err := checkpoint.Open(ctx, files)
	if err != nil {
		return nil, err
	}
	return &Model{ck, family.ModelType, config}, nil
}

// DeepSeekV4 says whether the model is a DeepSeek-V4; all others are of the Llama
// family, or not known.
func (m *Model) DeepSeekV4() bool { return m.family == "deepseek_v4" }

func (j *Job) model(ctx context.Context, name string) (*Model, error) {
	files, err := j.Files(ctx, name)
	if err != nil {
		return nil, err
	}
	return OpenModel(ctx, files)
}

// Tokenizer reads the model's tokenizer, with its special tokens where the
// model names them.
func (m *Model) Tokenizer(ctx context.Context) (*tokenizer.Tokenizer, error) {
	data, err := m.ReadFile(ctx, "tokenizer.json")
	if err != nil {
		return nil, fmt.Errorf("%s: no tokenizer: %w", m.Name(), err)
	}
	t, err := tokenizer.Parse(m.Name()+"/tokenizer.json", data)
	if err != nil {
		return nil, err
	}
	config, err := m.ReadFile(ctx, "tokenizer_config.json")
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return nil, err
	}
	return t.WithConfig(m.Name()+"/tokenizer_config.json", config)
}
