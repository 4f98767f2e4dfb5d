package capacity

import (
	"encoding/json"
	"fmt"
	"strings"

	"kakeyalattice/model/deepseek4"
)

// ParseModel reads a config.json: DeepSeek-V4, Llama, Qwen2 and Qwen3.
func ParseModel(text []byte) (*Model, error) {
	var head struct {
		ModelType string          `json:"model_type"`
		Ratios    json.RawMessage `json:"compress_ratios"` // of DeepSeek's own config, which has no model_type
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, fmt.Errorf("config.json: %w; give the config.json of a Hugging Face model", err)
	}
	switch t := head.ModelType; {
	case t == "deepseek_v41":
		return nil, fmt.Errorf("config.json: model_type %s: DeepSeek-V4.1 writes compressed entries in four layers only and codes them in another way; this program plans DeepSeek-V4", t)
	case strings.HasPrefix(t, "deepseek_v4"), t == "" && len(head.Ratios) > 0:
		c, err := deepseek4.ParseConfig(text)
		if err != nil {
			return nil, err
		}
		return FromDeepSeek4(c)
	case t == "llama" || t == "qwen2" || t == "qwen3":
		var c llamaConfig
		if err := json.Unmarshal(text, &c); err != nil {
			return nil, fmt.Errorf("config.json: %w", err)
		}
		return fromLlama(&c)
	case t == "":
		return nil, fmt.Errorf("config.json: no model_type; give the config.json of a Hugging Face model")
	default:
		return nil, fmt.Errorf("config.json: model_type %q: this program plans deepseek_v4, llama, qwen2 and qwen3", t)
	}
}
