package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kakeyalattice/capacity"
	"kakeyalattice/internal/fakehub"
)

const flash = "../../capacity/testdata/v4-flash.json"

func TestPlanReadsAFileOrAFolder(t *testing.T) {
	text, err := os.ReadFile(flash)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "config.json"), text, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"--config", flash}, {"--model", folder}} {
		code, stdout, stderr := outputOf(t.Context(), append([]string{"plan", "--context", "1Mi", "--gpus", "4xH200,8xB200"}, args...)...)
		if code != 0 || stderr != "" {
			t.Fatalf("exit code %d: %s", code, stderr)
		}
		for _, want := range []string{args[1] + " at 1,048,576 tokens:", "3.76 GiB in fp8-v4 and 2.85 GiB in e8:q=38, 24 % less", "3066.0", "693.0", "8xB200"} {
			if !strings.Contains(strings.Join(strings.Fields(stdout), " "), want) {
				t.Errorf("no %q in\n%s", want, stdout)
			}
		}
	}
}

func TestPlanReadsAModelOfTheHub(t *testing.T) {
	text, err := os.ReadFile(flash)
	if err != nil {
		t.Fatal(err)
	}
	h := fakehub.Start()
	defer h.Close()
	h.Add("deepseek-ai/DeepSeek-V4-Flash").Commit("main", fakehub.Files{"config.json": fakehub.Small(text)})
	t.Setenv("HF_ENDPOINT", h.URL)
	t.Setenv("HF_HOME", t.TempDir())
	t.Setenv("HF_HUB_CACHE", "")
	t.Setenv("HF_TOKEN", "")
	t.Setenv("HF_HUB_OFFLINE", "")
	args := []string{"plan", "--model", "deepseek-ai/DeepSeek-V4-Flash", "--context", "1Mi"}
	for _, offline := range []string{"", "1"} { // the second time from the cache
		t.Setenv("HF_HUB_OFFLINE", offline)
		code, stdout, stderr := outputOf(t.Context(), args...)
		if code != 0 || stderr != "" || !strings.Contains(stdout, "deepseek-ai/DeepSeek-V4-Flash at 1,048,576 tokens") || !strings.Contains(stdout, "3066.0") {
			t.Fatalf("exit code %d: %s%s", code, stderr, stdout)
		}
	}
	t.Setenv("HF_HUB_OFFLINE", "")
	if code, _, stderr := outputOf(t.Context(), "plan", "--model", "nobody/nothing"); code != 1 || !strings.Contains(stderr, "nobody/nothing") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

func TestPlanPrintsItsContractAsJSON(t *testing.T) {
	code, stdout, stderr := outputOf(t.Context(), "plan", "--config", flash, "--context", "131072", "--json", "--indexer", "fp4",
		"--codecs", "e8:q=38 432B", "--policy", "mine: swa=e8:q=38 csa=e8-gs:delta=0.09,slot=auto hca=fp8-v4",
		"--gpus", "2", "--gpu-memory", "96GiB", "--weights", "100GB", "--reserve", "1GiB", "--utilisation", "0.95", "--parallel", "tensor", "--page-tokens", "128")
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	var p capacity.Plan
	if err := json.Unmarshal([]byte(stdout), &p); err != nil {
		t.Fatal(err)
	}
	mine := p.Layout("mine")
	if p.Context != 131072 || p.Model != flash || p.Focus != "e8:q=38" || p.PageTokens != 128 || p.Layout("432B") == nil || mine == nil {
		t.Fatalf("%s", stdout)
	}
	if c := mine.Components[3]; c.Name != "indexer" || c.BytesPerVector != 68 || c.PageEntries != 32 {
		t.Errorf("%+v", c)
	}
	n := p.Nodes[0]
	if n.GPUs != 2 || n.GPUMemory != 96<<30 || n.WeightsPerGPU != 50e9 || n.Reserve != 1<<30 || n.Parallel != capacity.Tensor || n.Utilisation != 0.95 || n.Layouts[0].Sequences < 1 {
		t.Errorf("%+v", n)
	}
}

func TestPlansThatCannotBeMadeSayWhatToDo(t *testing.T) {
	llama := write(t, "config.json", []byte(`{"model_type":"llama","hidden_size":64,"intermediate_size":8,"num_hidden_layers":1,"num_attention_heads":1,"vocab_size":9,"max_position_embeddings":100}`))
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no model":             {nil, 2, "--model DIR"},
		"two models":           {[]string{"--config", flash, "--model", "."}, 2, "--model"},
		"no such file":         {[]string{"--config", "nowhere.json"}, 1, "nowhere.json"},
		"a folder without one": {[]string{"--model", t.TempDir()}, 1, "config.json"},
		"no model at all":      {[]string{"--model", "DeepSeek"}, 2, "neither a folder, nor a repository"},
		"no JSON":              {[]string{"--config", write(t, "c.json", []byte("<html>"))}, 1, "c.json"},
		"another model":        {[]string{"--config", write(t, "c.json", []byte(`{"model_type":"gpt2"}`))}, 1, "gpt2"},
		"a context in words":   {[]string{"--config", flash, "--context", "1M"}, 2, "1Mi"},
		"an unknown GPU":       {[]string{"--config", flash, "--gpus", "4xH300"}, 2, "known are"},
		"memory of no GPU":     {[]string{"--config", flash, "--gpu-memory", "80GB"}, 2, "--gpus"},
		"memory without unit":  {[]string{"--config", flash, "--gpus", "4", "--gpu-memory", "80"}, 2, "--gpu-memory"},
		"an unknown codec":     {[]string{"--config", flash, "--codecs", "e9"}, 2, "e9"},
		"a codec too wide":     {[]string{"--config", llama, "--codecs", "fp8-v4"}, 2, "fp8-v4"},
		"half a policy":        {[]string{"--config", flash, "--policy", "swa=e8"}, 2, "csa"},
		"a share above one":    {[]string{"--config", flash, "--utilisation", "1.5"}, 2, "--utilisation"},
		"no share":             {[]string{"--config", flash, "--utilisation", "NaN"}, 2, "--utilisation"},
		"weights unknown":      {[]string{"--config", llama, "--gpus", "L4"}, 2, "--weights"},
		"pages of nothing":     {[]string{"--config", flash, "--page-tokens", "-1"}, 2, "--page-tokens"},
	} {
		code, _, stderr := outputOf(t.Context(), append([]string{"plan"}, c.args...)...)
		if code != c.code || !strings.Contains(stderr, c.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: exit code %d, want %d: %q lacks %q", name, code, c.code, stderr, c.want)
		}
	}
}

func TestPlanOfALlama(t *testing.T) {
	config := write(t, "config.json", []byte(`{"model_type":"qwen2","hidden_size":896,"intermediate_size":4864,"num_hidden_layers":24,
		"num_attention_heads":14,"num_key_value_heads":2,"vocab_size":151936,"max_position_embeddings":32768,"torch_dtype":"bfloat16","tie_word_embeddings":true}`))
	code, stdout, stderr := outputOf(t.Context(), "plan", "--config", config, "--gpus", "L4")
	if code != 0 || stderr != "" {
		t.Fatal(stderr)
	}
	for _, want := range []string{"32,768 tokens", "bf16", "q8_0", "494032768 parameters"} {
		if !strings.Contains(strings.Join(strings.Fields(stdout), " "), want) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}
}
