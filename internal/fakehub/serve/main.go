// Serve runs a fake Hub on the loopback device until it is interrupted, for
// programs that are told of it by HF_ENDPOINT:
//
//	go run ./internal/fakehub/serve ORG/NAME=CONTENT...
//
// CONTENT is a folder, or a made-up model in the shape of a real one, flash
// (DeepSeek-V4-Flash) or qwen2 (Qwen2-0.5B); a folder after a plus sign adds
// its files, such as a tokenizer:
//
//	go run ./internal/fakehub/serve deepseek-ai/DeepSeek-V4-Flash=flash+tokenizer/
//
// Figures on made-up weights say nothing about the model. At the end it says what was asked of it and how many bytes were sent.
package main

import (
	"fmt"
	"maps"
	"os"
	"os/signal"
	"strings"

	"kakeyalattice/internal/fakehub"
	"kakeyalattice/internal/fakemodel"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: serve ORG/NAME=DIR|flash[+DIR]|qwen2[+DIR]...")
		os.Exit(2)
	}
	hub := fakehub.Start()
	defer hub.Close()
	for _, arg := range os.Args[1:] {
		id, content, _ := strings.Cut(arg, "=")
		files, err := filesOf(content)
		if err != nil {
			fmt.Fprintf(os.Stderr, "serve: %s: %v\n", arg, err)
			os.Exit(1)
		}
		fmt.Printf("# %s: %d files, commit %s\n", id, len(files), hub.Add(id).Commit("main", files))
	}
	fmt.Printf("export HF_ENDPOINT=%s\n", hub.URL)

	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt)
	<-stop
	list := hub.Requests()
	for _, r := range list {
		fmt.Printf("# %-7s %-4s %d %9d bytes %s %s\n", r.Host, r.Method, r.Status, r.Bytes, r.Header.Get("Range"), r.Path)
	}
	fmt.Printf("# %d requests; %d bytes from the Hub, %d from storage\n", len(list), hub.BytesSent(fakehub.HubHost), hub.BytesSent(fakehub.StorageHost))
}

// seed is that of all made-up weights.
const seed = 1

func filesOf(content string) (fakehub.Files, error) {
	name, dir, more := strings.Cut(content, "+")
	var m *fakemodel.Model
	switch name {
	case "flash":
		m = fakemodel.DeepSeekV4(fakemodel.Flash(), seed)
	case "qwen2":
		m = fakemodel.LlamaFamily(fakemodel.Qwen2(), seed)
	default:
		return fakehub.FromFS(os.DirFS(content))
	}
	files := m.HubFiles()
	if more {
		added, err := fakehub.FromFS(os.DirFS(dir))
		if err != nil {
			return nil, err
		}
		maps.Copy(files, added)
	}
	return files, nil
}
