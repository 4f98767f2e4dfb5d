package hub

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestSettingsComeFromTheEnvironment(t *testing.T) {
	home := t.TempDir()
	tokenFile := filepath.Join(home, "elsewhere")
	if err := os.WriteFile(tokenFile, []byte(" hf_file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	hf := filepath.Join(home, "hf")
	os.Mkdir(hf, 0o777)
	if err := os.WriteFile(filepath.Join(hf, "token"), []byte("hf_home"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		env  string
		opt  Options
		want func(*Client) bool
	}{
		{"defaults", "", Options{}, func(c *Client) bool {
			return c.endpoint.String() == DefaultEndpoint && c.cache == filepath.Join(home, ".cache", "huggingface", "hub") && c.token == "" && !c.offline
		}},
		{"XDG_CACHE_HOME", "XDG_CACHE_HOME=" + home, Options{}, func(c *Client) bool { return c.cache == filepath.Join(home, "huggingface", "hub") }},
		{"HF_HOME", "HF_HOME=" + hf, Options{}, func(c *Client) bool { return c.cache == filepath.Join(hf, "hub") && c.token == "hf_home" }},
		{"HF_HOME with a tilde", "HF_HOME=~/hf", Options{}, func(c *Client) bool { return c.cache == filepath.Join(hf, "hub") }},
		{"HF_HOME with a variable", "HF_HOME=$HOME/hf", Options{}, func(c *Client) bool { return c.cache == filepath.Join(hf, "hub") }},
		{"HF_HUB_CACHE before HF_HOME", "HF_HUB_CACHE=" + home + " HF_HOME=" + hf, Options{}, func(c *Client) bool { return c.cache == home }},
		{"the older name of HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE=" + home, Options{}, func(c *Client) bool { return c.cache == home }},
		{"Options.Cache before all", "HF_HUB_CACHE=" + hf, Options{Cache: home}, func(c *Client) bool { return c.cache == home }},
		{"HF_ENDPOINT with a slash", "HF_ENDPOINT=https://hf-mirror.com/", Options{}, func(c *Client) bool { return c.endpoint.String() == "https://hf-mirror.com" }},
		{"Options.Endpoint before HF_ENDPOINT", "HF_ENDPOINT=https://a.example", Options{Endpoint: "http://b.example/hub"}, func(c *Client) bool { return c.endpoint.String() == "http://b.example/hub" }},
		{"HF_TOKEN before the file", "HF_TOKEN=hf_env HF_HOME=" + hf, Options{}, func(c *Client) bool { return c.token == "hf_env" }},
		{"the older name of HF_TOKEN", "HUGGING_FACE_HUB_TOKEN=hf_old", Options{}, func(c *Client) bool { return c.token == "hf_old" }},
		{"HF_TOKEN_PATH before HF_HOME", "HF_TOKEN_PATH=" + tokenFile + " HF_HOME=" + hf, Options{}, func(c *Client) bool { return c.token == "hf_file" }},
		{"no token file", "HF_TOKEN_PATH=" + tokenFile + "2", Options{}, func(c *Client) bool { return c.token == "" }},
		{"Options.Token before HF_TOKEN", "HF_TOKEN=hf_env", Options{Token: "hf_opt"}, func(c *Client) bool { return c.token == "hf_opt" }},
		{"no token unless asked for", "HF_TOKEN=hf_env HF_HUB_DISABLE_IMPLICIT_TOKEN=1", Options{}, func(c *Client) bool { return c.token == "" }},
		{"HF_HUB_OFFLINE", "HF_HUB_OFFLINE=1", Options{}, func(c *Client) bool { return c.offline }},
		{"HF_HUB_OFFLINE in words", "HF_HUB_OFFLINE=yes", Options{}, func(c *Client) bool { return c.offline }},
		{"HF_HUB_OFFLINE off", "HF_HUB_OFFLINE=0", Options{}, func(c *Client) bool { return !c.offline }},
		{"TRANSFORMERS_OFFLINE", "TRANSFORMERS_OFFLINE=true", Options{}, func(c *Client) bool { return c.offline }},
		{"HF_HUB_DOWNLOAD_TIMEOUT", "HF_HUB_DOWNLOAD_TIMEOUT=7", Options{}, func(c *Client) bool { return c.idle == 7*time.Second }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			newWorld(t) // empties the environment
			t.Setenv("HOME", home)
			t.Setenv("USERPROFILE", home)
			for pair := range strings.FieldsSeq(tt.env) {
				name, value, _ := strings.Cut(pair, "=")
				t.Setenv(name, value)
			}
			c, err := New(tt.opt)
			if err != nil {
				t.Fatal(err)
			}
			if !tt.want(c) {
				t.Errorf("endpoint %s, cache %s, token %q, offline %t, idle %v", c.endpoint, c.cache, c.token, c.offline, c.idle)
			}
		})
	}
}

func TestSettingsThatCannotBeUsedAreRefused(t *testing.T) {
	newWorld(t)
	dir := t.TempDir()
	for name, tt := range map[string]struct {
		opt  Options
		env  string
		word string
	}{
		"an endpoint without a scheme":   {Options{Endpoint: "huggingface.co"}, "", "HF_ENDPOINT"},
		"an endpoint of another kind":    {Options{Endpoint: "ftp://x"}, "", "HF_ENDPOINT"},
		"an endpoint with a query":       {Options{Endpoint: "https://x?y"}, "", "HF_ENDPOINT"},
		"an endpoint that is no address": {Options{Endpoint: "https://a b"}, "", "HF_ENDPOINT"},
		"a token of two lines":           {Options{Token: "hf_a\nhf_b"}, "", "position 5"},
		"a token file that is a folder":  {Options{}, dir, "HF_TOKEN"},
	} {
		t.Setenv("HF_TOKEN_PATH", tt.env)
		if _, err := New(tt.opt); err == nil || !strings.Contains(err.Error(), tt.word) || strings.Contains(err.Error(), "hf_") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
