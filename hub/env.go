package hub

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// fromEnvironment fills the fields that opt leaves open the way the official
// client does, so that one setting serves both.
func (c *Client) fromEnvironment(opt Options) error {
	c.offline = c.offline || isTrue("HF_HUB_OFFLINE") || isTrue("TRANSFORMERS_OFFLINE")
	endpoint, err := parseEndpoint(first(opt.Endpoint, os.Getenv("HF_ENDPOINT"), DefaultEndpoint))
	if err != nil {
		return err
	}
	c.endpoint = endpoint

	home, homeErr := hfHome()
	c.cache = first(opt.Cache, expand(os.Getenv("HF_HUB_CACHE")), expand(os.Getenv("HUGGINGFACE_HUB_CACHE")))
	if c.cache == "" {
		if homeErr != nil {
			return fmt.Errorf("no folder for the cache: %w; set HF_HOME or HF_HUB_CACHE", homeErr)
		}
		c.cache = filepath.Join(home, "hub")
	}
	if c.cache, err = filepath.Abs(c.cache); err != nil {
		return err
	}

	if c.token, err = token(opt.Token, home); err != nil {
		return err
	}
	if c.idle == 0 {
		if s, err := strconv.Atoi(os.Getenv("HF_HUB_DOWNLOAD_TIMEOUT")); err == nil && s > 0 && s < 1<<20 {
			c.idle = time.Duration(s) * time.Second
		}
	}
	return nil
}

// hfHome is the folder of everything that belongs to Hugging Face.
func hfHome() (string, error) {
	if dir := expand(os.Getenv("HF_HOME")); dir != "" {
		return dir, nil
	}
	if dir := expand(os.Getenv("XDG_CACHE_HOME")); dir != "" {
		return filepath.Join(dir, "huggingface"), nil
	}
	dir, err := os.UserHomeDir()
	return filepath.Join(dir, ".cache", "huggingface"), err
}

// token finds the access token; "" is a stranger's access.
func token(given, home string) (string, error) {
	source := "Options.Token"
	t := clean(given)
	if t == "" && !isTrue("HF_HUB_DISABLE_IMPLICIT_TOKEN") {
		for _, source = range []string{"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"} {
			if t = clean(os.Getenv(source)); t != "" {
				break
			}
		}
		if t == "" {
			path := expand(os.Getenv("HF_TOKEN_PATH"))
			if path == "" && home != "" {
				path = filepath.Join(home, "token")
			}
			data, err := os.ReadFile(path)
			if err != nil && !errors.Is(err, os.ErrNotExist) && path != "" {
				return "", fmt.Errorf("the token cannot be read: %w; mend the file or set HF_TOKEN", err)
			}
			t, source = clean(string(data)), path
		}
	}
	if i := strings.IndexFunc(t, func(r rune) bool { return r <= ' ' || r >= 0x7f }); i >= 0 {
		return "", fmt.Errorf("the token in %s has a character that no token has, at position %d; copy it anew from https://huggingface.co/settings/tokens", source, i+1)
	}
	return t, nil
}

// clean removes what copying a token adds.
func clean(t string) string { return strings.TrimSpace(t) }

func parseEndpoint(s string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimRight(strings.TrimSpace(s), "/"))
	if err != nil {
		return nil, fmt.Errorf("endpoint: %w; HF_ENDPOINT is an address such as %s", err, DefaultEndpoint)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("endpoint %q is not an address such as %s; correct HF_ENDPOINT", u.Redacted(), DefaultEndpoint)
	}
	return u, nil
}

// isTrue reads a switch as the official client does.
func isTrue(name string) bool {
	switch strings.ToUpper(os.Getenv(name)) {
	case "1", "ON", "YES", "TRUE":
		return true
	}
	return false
}

// expand replaces $VAR and a leading ~, as the official client does in paths.
func expand(path string) string {
	path = os.ExpandEnv(path)
	if path == "~" || strings.HasPrefix(path, "~/") || strings.HasPrefix(path, `~\`) {
		if home, err := os.UserHomeDir(); err == nil {
			path = home + path[1:]
		}
	}
	return path
}

// first returns the first string that is not empty.
func first(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}
