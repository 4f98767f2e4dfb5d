package eval

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"kakeyalattice/internal/atomicfile"
)

// ErrState is what the error of a state that is not that of the plan, or no state
// at all, wraps.
var ErrState = errors.New("not the state of this run")

// A state is a run between two layers: a line that says what the file is, the
// length of a header and the header as JSON, then the residual streams of the exact
// model and of each arm, float32, little endian.
const stateMagic = "kakeya.eval-state/2\n"

// mostHeader bounds the header of a state.
const mostHeader = 64 << 20

type stateHeader struct {
	Plan  string // what the state belongs to
	Layer int    // the next one
	Arms  []stateArm
}

type stateArm struct {
	Written   []Written
	Attention []LayerError
	Failed    string // why the arm has ended
	Hash      []byte // of the bytes written so far
}

// fingerprint tells plans apart whose states must not be mixed.
func (e *v4) fingerprint() string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n%s\n%d\n", e.Model.Name(), e.Mode, e.Arithmetic, e.texts.Ends)
	for _, a := range e.arms {
		fmt.Fprintf(h, "%s\n", a.out.Label())
	}
	// Writing to a hash does not fail.
	_ = binary.Write(h, binary.LittleEndian, e.texts.IDs)
	return hex.EncodeToString(h.Sum(nil))
}

// save writes the run before layer next, unless the last time took more than a
// tenth of the time since.
func (e *v4) save(next int) error {
	if e.State == "" || time.Since(e.saved) < 10*e.saving {
		return nil
	}
	began := time.Now()
	header := stateHeader{Plan: e.fingerprint(), Layer: next}
	for _, a := range e.arms {
		sum, err := a.bytes.Hash.(encoding.BinaryMarshaler).MarshalBinary()
		if err != nil {
			return err
		}
		arm := stateArm{Hash: sum, Attention: a.attention}
		if a.failed != nil {
			arm.Failed = a.failed.Error()
		}
		for _, k := range a.out.Kinds {
			arm.Written = append(arm.Written, *a.kinds[k])
		}
		header.Arms = append(header.Arms, arm)
	}
	text, err := json.Marshal(header)
	if err != nil {
		return err
	}
	err = atomicfile.Write(e.State, func(w io.Writer) error {
		b := bufio.NewWriterSize(w, 1<<20)
		// A bufio.Writer keeps its first error, which Flush returns.
		b.WriteString(stateMagic)
		b.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(text))))
		b.Write(text)
		if err := writeFloats(b, e.exact); err != nil {
			return err
		}
		for _, a := range e.arms {
			if err := writeFloats(b, a.x); err != nil {
				return err
			}
		}
		return b.Flush()
	})
	if err != nil {
		return fmt.Errorf("eval: the state before layer %d: %w; make room, or choose another --out", next, err)
	}
	e.saved = time.Now()
	e.saving = e.saved.Sub(began)
	return nil
}

// restore continues the run of a state file and returns the next layer; 0 where
// there is no file.
func (e *v4) restore() (int, error) {
	if e.State == "" {
		return 0, nil
	}
	file, err := os.Open(e.State)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer file.Close()
	next, err := e.read(bufio.NewReaderSize(file, 1<<20))
	if err != nil {
		return 0, fmt.Errorf("eval: %s: %w; start anew in another folder, or repeat the flags of the run", e.State, err)
	}
	return next, nil
}

// read takes a state over. After an error the run is of no use.
func (e *v4) read(r io.Reader) (next int, err error) {
	head := make([]byte, len(stateMagic)+8)
	if _, err := io.ReadFull(r, head); err != nil || string(head[:len(stateMagic)]) != stateMagic {
		return 0, fmt.Errorf("%w: it does not begin as one", ErrState)
	}
	size := binary.LittleEndian.Uint64(head[len(stateMagic):])
	if size > mostHeader {
		return 0, fmt.Errorf("%w: a header of %d bytes", ErrState, size)
	}
	// What is allocated follows what is there, not what the length says.
	text, err := io.ReadAll(io.LimitReader(r, int64(size)))
	if err != nil {
		return 0, err
	}
	var header stateHeader
	if err := json.Unmarshal(text, &header); err != nil {
		return 0, fmt.Errorf("%w: its header: %v", ErrState, err)
	}
	if header.Plan != e.fingerprint() || len(header.Arms) != len(e.arms) || header.Layer < 1 || header.Layer > e.cfg.Layers {
		return 0, fmt.Errorf("%w: model, texts, codecs, streams or mode differ", ErrState)
	}
	for i, a := range e.arms {
		if err := a.take(&header.Arms[i]); err != nil {
			return 0, err
		}
	}
	if err := readFloats(r, e.exact); err != nil {
		return 0, err
	}
	for _, a := range e.arms {
		if err := readFloats(r, a.x); err != nil {
			return 0, err
		}
	}
	if n, _ := io.ReadFull(r, make([]byte, 1)); n != 0 {
		return 0, fmt.Errorf("%w: it is too long", ErrState)
	}
	return header.Layer, nil
}

// take continues an arm.
func (a *armState) take(s *stateArm) error {
	if len(s.Written) != len(a.out.Kinds) {
		return fmt.Errorf("%w: %d kinds of %s", ErrState, len(s.Written), a.out.Name())
	}
	if err := a.bytes.Hash.(encoding.BinaryUnmarshaler).UnmarshalBinary(s.Hash); err != nil {
		return fmt.Errorf("%w: %v", ErrState, err)
	}
	if len(s.Attention) != len(a.attention) {
		return fmt.Errorf("%w: %d layers of %s", ErrState, len(s.Attention), a.out.Name())
	}
	for l, e := range s.Attention {
		if n := len(a.attention[l].Error); e.Layer != l || len(e.Error) != n || len(e.Energy) != n {
			return fmt.Errorf("%w: layer %d of %s", ErrState, l, a.out.Name())
		}
	}
	a.attention = s.Attention
	if s.Failed != "" {
		a.failed = errors.New(s.Failed)
	}
	for i, k := range a.out.Kinds {
		w, own := s.Written[i], a.kinds[k]
		if w.Kind != k || w.Dim != own.Dim || len(w.Error) != len(own.Error) || len(w.Energy) != len(own.Energy) {
			return fmt.Errorf("%w: streams %s of %s", ErrState, k, a.out.Name())
		}
		*own = w
	}
	return nil
}

const floatsAtATime = 1 << 16

func writeFloats(w io.Writer, x []float32) error {
	var b []byte
	for len(x) > 0 {
		n := min(len(x), floatsAtATime)
		b, _ = binary.Append(b[:0], binary.LittleEndian, x[:n])
		if _, err := w.Write(b); err != nil {
			return err
		}
		x = x[n:]
	}
	return nil
}

func readFloats(r io.Reader, x []float32) error {
	b := make([]byte, 4*floatsAtATime)
	for len(x) > 0 {
		n := min(len(x), floatsAtATime)
		if _, err := io.ReadFull(r, b[:4*n]); err != nil {
			return fmt.Errorf("%w: it ends too early", ErrState)
		}
		if err := binary.Read(bytes.NewReader(b[:4*n]), binary.LittleEndian, x[:n]); err != nil {
			return err
		}
		x = x[n:]
	}
	return nil
}
