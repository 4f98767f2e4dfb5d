package fakehub

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"path"
	"sync"
)

// Files is the content of a commit, by path inside the repository.
type Files map[string]*File

// File is one file of a repository.
type File struct {
	content io.ReaderAt
	size    int64
	large   bool
	hash    func() string // the ETag that the Hub gives
}

// Small is a file that the Hub keeps in git and serves itself.
func Small(content []byte) *File {
	return newFile(bytes.NewReader(content), int64(len(content)), false)
}

// Large is a file that the Hub keeps with Git LFS and has its storage host serve.
func Large(content []byte) *File {
	return newFile(bytes.NewReader(content), int64(len(content)), true)
}

// LargeReader is a large file that is read as it is served, at any offset and
// from many goroutines. Its SHA-256 is computed when first needed, which reads
// all of it; sha256, 64 hexadecimal digits, saves that, and may be made up
// where no client downloads the whole file.
func LargeReader(content io.ReaderAt, size int64, sha256 string) *File {
	f := newFile(content, size, true)
	if sha256 != "" {
		f.hash = func() string { return sha256 }
	}
	return f
}

func newFile(content io.ReaderAt, size int64, large bool) *File {
	f := &File{content: content, size: size, large: large}
	f.hash = sync.OnceValue(func() string {
		var h hash.Hash
		if large {
			h = sha256.New()
		} else { // git's name of a blob
			h = sha1.New()
			fmt.Fprintf(h, "blob %d\x00", size)
		}
		if _, err := io.Copy(h, io.NewSectionReader(content, 0, size)); err != nil {
			panic("fakehub: content cannot be read: " + err.Error())
		}
		return hex.EncodeToString(h.Sum(nil))
	})
	return f
}

// lfsSize is the size from which the Hub asks for Git LFS, whatever the name.
const lfsSize = 10 << 20

// FromFS takes every file of a tree. Weights and files above 10 MiB are large,
// as the Hub has it. Files that support io.ReaderAt (os.DirFS) stay open until
// the process ends and are read as they are served; others are loaded.
func FromFS(tree fs.FS) (Files, error) {
	files := Files{}
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := tree.Open(name)
		if err != nil {
			return err
		}
		info, err := f.Stat()
		if err != nil {
			return err
		}
		content, ok := f.(io.ReaderAt)
		if !ok {
			data, err := io.ReadAll(f)
			f.Close()
			if err != nil {
				return err
			}
			content = bytes.NewReader(data)
		}
		ext := path.Ext(name)
		files[name] = newFile(content, info.Size(), ext == ".safetensors" || ext == ".bin" || info.Size() > lfsSize)
		return nil
	})
	return files, err
}
