package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"kakeyalattice/cluster"
)

// inputFile is a file that a run reads.
type inputFile struct {
	Path   string // on the coordinator, absolute
	SHA256 string
	Size   int64
	Sent   bool // it is in the object store, under its SHA256
}

// mostSent bounds the files that are sent to workers through JetStream, together.
const mostSent = 256 << 20

func inputs(expand func([]string) ([]string, error), paths []string) ([]inputFile, error) {
	names, err := expand(paths)
	if err != nil {
		return nil, err
	}
	var list []inputFile
	for _, name := range names {
		path, err := filepath.Abs(name)
		if err != nil {
			return nil, err
		}
		f := inputFile{Path: path}
		if f.SHA256, f.Size, err = digestOf(path); err != nil {
			return nil, err
		}
		list = append(list, f)
	}
	return list, nil
}

func digestOf(path string) (sum string, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	size, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), size, err
}

func pointers(files []inputFile) []*inputFile {
	list := make([]*inputFile, len(files))
	for i := range files {
		list[i] = &files[i]
	}
	return list
}

// send stores input files for workers that lack them, if they are small enough.
func send(ctx context.Context, co *cluster.Coordinator, files []*inputFile) error {
	var total int64
	for _, f := range files {
		total += f.Size
	}
	if total > mostSent {
		co.Note(fmt.Sprintf("the input files have %d MB, more than the %d that are sent: workers need them under the same paths", total>>20, mostSent>>20))
		return nil
	}
	for _, f := range files {
		if err := co.SendInput(ctx, f.SHA256, f.Path); err != nil {
			return err
		}
		f.Sent = true
	}
	return nil
}

// here finds files on this machine, or fetches what the coordinator sent.
func here(ctx context.Context, conn *cluster.Conn, job, temp string, files []inputFile) ([]string, error) {
	var paths []string
	for i, f := range files {
		if sum, _, err := digestOf(f.Path); err == nil && sum == f.SHA256 {
			paths = append(paths, f.Path)
			continue
		}
		if !f.Sent {
			return nil, fmt.Errorf("%s with sha256 %.12s is not here, and was too large to be sent: copy it, or share the folder", f.Path, f.SHA256)
		}
		// A name of its own keeps the order, and .npy names their tensors after the file.
		path := filepath.Join(temp, fmt.Sprint(i), filepath.Base(f.Path))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, err
		}
		to, err := os.Create(path)
		if err != nil {
			return nil, err
		}
		err = conn.Input(ctx, job, f.SHA256, to)
		if err := errors.Join(err, to.Close()); err != nil {
			return nil, err
		}
		if sum, _, err := digestOf(path); err != nil || sum != f.SHA256 {
			return nil, fmt.Errorf("%s arrived damaged: %w", f.Path, errors.Join(err, os.ErrInvalid))
		}
		paths = append(paths, path)
	}
	return paths, nil
}
