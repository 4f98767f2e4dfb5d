// Serve runs a fake Hub on the loopback device until it is interrupted, for
// programs that are told of it by HF_ENDPOINT:
//
//	go run ./internal/fakehub/serve ORG/NAME=DIR...
//
// At the end it says what was asked of it and how many bytes were sent.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"strings"

	"kakeyalattice/internal/fakehub"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: serve ORG/NAME=DIR...")
		os.Exit(2)
	}
	hub := fakehub.Start()
	defer hub.Close()
	for _, arg := range os.Args[1:] {
		id, dir, _ := strings.Cut(arg, "=")
		files, err := fakehub.FromFS(os.DirFS(dir))
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
