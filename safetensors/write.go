package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"unicode/utf8"

	"kakeyalattice/internal/atomicfile"
)

// Entry is a tensor to write.
type Entry struct {
	Name  string
	DType DType // one whose size is known
	Shape []int
	// Data writes the values, little endian and row-major: exactly as many
	// bytes as DType and Shape say. It is called once, so that a tensor need
	// not be in memory.
	Data func(w io.Writer) error
}

// Float32s is an F32 entry of values that are in memory.
func Float32s(name string, shape []int, values []float32) Entry {
	return Entry{Name: name, DType: F32, Shape: shape, Data: func(w io.Writer) error { return writeValues(w, values) }}
}

// Int64s is an I64 entry of values that are in memory.
func Int64s(name string, shape []int, values []int64) Entry {
	return Entry{Name: name, DType: I64, Shape: shape, Data: func(w io.Writer) error { return writeValues(w, values) }}
}

// Raw is an entry of values that are encoded already.
func Raw(name string, dtype DType, shape []int, data []byte) Entry {
	return Entry{Name: name, DType: dtype, Shape: shape, Data: func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}}
}

// writeValues encodes in chunks, so that the copy stays small.
func writeValues[T float32 | int64](w io.Writer, values []T) error {
	for chunk := range slices.Chunk(values, 1<<13) {
		if err := binary.Write(w, binary.LittleEndian, chunk); err != nil {
			return err
		}
	}
	return nil
}

// Write writes a file: the header, then every tensor as its Data hands it
// over. Tensors with wider elements come first, else in the order given, so
// that every value is aligned in a mapped file.
func Write(w io.Writer, tensors []Entry, metadata map[string]string) error {
	tensors = wideFirst(tensors)
	header, placed, err := encodeHeader(tensors, metadata)
	if err != nil {
		return err
	}
	if _, err := w.Write(header); err != nil {
		return err
	}
	for i, t := range tensors {
		counted := &counter{w: w}
		if err := t.Data(counted); err != nil {
			return fmt.Errorf("safetensors: tensor %s: %w", t.Name, err)
		}
		if size := placed[i].End - placed[i].Begin; counted.n != size {
			return unwritable(t, "its data is %d bytes, %s of shape %v takes %d", counted.n, t.DType, t.Shape, size)
		}
	}
	return nil
}

// WriteFile writes the file path, all of it or nothing: see [Write].
func WriteFile(path string, tensors []Entry, metadata map[string]string) error {
	err := atomicfile.Write(path, func(w io.Writer) error { return Write(w, tensors, metadata) })
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// Layout returns what [Write] puts before the data of tensors, and where it
// puts the data of each, in the order of the file: for a file that is written,
// or made up, in parts. The Data of the entries is not used.
func Layout(tensors []Entry, metadata map[string]string) (header []byte, placed []Tensor, err error) {
	return encodeHeader(wideFirst(tensors), metadata)
}

func wideFirst(tensors []Entry) []Entry {
	tensors = slices.Clone(tensors)
	slices.SortStableFunc(tensors, func(a, b Entry) int { return cmp.Compare(b.DType.Size(), a.DType.Size()) })
	return tensors
}

// encodeHeader returns the length field and the header, padded so that the
// data starts on a multiple of 8 bytes, and the place of every tensor.
func encodeHeader(tensors []Entry, metadata map[string]string) (header []byte, placed []Tensor, err error) {
	b := bytes.NewBuffer(make([]byte, prefix, 1<<10))
	separator := byte('{')
	field := func(key string, value any) error {
		b.WriteByte(separator)
		separator = ','
		if err := writeJSON(b, key); err != nil {
			return err
		}
		b.WriteByte(':')
		return writeJSON(b, value)
	}
	if len(metadata) > 0 {
		for key, value := range metadata {
			if !utf8.ValidString(key) || !utf8.ValidString(value) {
				return nil, nil, &FormatError{Offset: -1, Reason: fmt.Sprintf("metadata %q is not UTF-8", key)}
			}
		}
		if err := field(metadataKey, metadata); err != nil {
			return nil, nil, err
		}
	}
	seen := map[string]bool{}
	var end int64
	for _, t := range tensors {
		size, err := t.size()
		switch {
		case err != nil:
			return nil, nil, err
		case t.Name == metadataKey || !utf8.ValidString(t.Name):
			return nil, nil, unwritable(t, "the name cannot be used: %q", t.Name)
		case seen[t.Name]:
			return nil, nil, unwritable(t, "there are two of this name")
		case size > math.MaxInt64-end:
			return nil, nil, unwritable(t, "the file would be longer than 2^63 bytes")
		}
		seen[t.Name] = true
		err = field(t.Name, struct {
			DType   DType    `json:"dtype"`
			Shape   []int    `json:"shape"`
			Offsets [2]int64 `json:"data_offsets"`
		}{t.DType, append([]int{}, t.Shape...), [2]int64{end, end + size}}) // never null
		if err != nil {
			return nil, nil, err
		}
		placed = append(placed, Tensor{t.Name, t.DType, t.Shape, end, end + size})
		end += size
	}
	if separator == '{' {
		b.WriteByte('{')
	}
	b.WriteByte('}')
	for b.Len()%8 != 0 {
		b.WriteByte(' ')
	}
	header = b.Bytes()
	if n := len(header) - prefix; n > MaxHeader {
		return nil, nil, &FormatError{Offset: -1, Reason: fmt.Sprintf("header of %d bytes is longer than the limit of %d: write fewer tensors a file", n, MaxHeader)}
	}
	binary.LittleEndian.PutUint64(header, uint64(len(header)-prefix))
	return header, placed, nil
}

// writeJSON writes a value without the escapes that HTML would need.
func writeJSON(b *bytes.Buffer, value any) error {
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return err
	}
	b.Truncate(b.Len() - 1) // the encoder ends with a newline
	return nil
}

// size is the number of bytes of the entry's values.
func (t Entry) size() (int64, error) {
	if bits[t.DType] == 0 {
		return 0, unwritable(t, "the size of dtype %s is unknown", t.DType)
	}
	n := 1
	for _, axis := range t.Shape {
		if axis < 0 {
			return 0, unwritable(t, "shape %v has a negative axis", t.Shape)
		}
		if axis > 0 && n > math.MaxInt/8/axis {
			return 0, unwritable(t, "shape %v has more elements than can be counted", t.Shape)
		}
		n *= max(1, axis)
	}
	if slices.Contains(t.Shape, 0) {
		n = 0
	}
	size, ok := t.DType.Bytes(n)
	if !ok {
		return 0, unwritable(t, "shape %v of %s fills no whole number of bytes", t.Shape, t.DType)
	}
	return size, nil
}

func unwritable(t Entry, format string, args ...any) error {
	return &FormatError{Tensor: t.Name, Offset: -1, Reason: fmt.Sprintf(format, args...)}
}

// counter counts what goes through it.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
