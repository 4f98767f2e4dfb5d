package capture

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"slices"
	"sync"

	"kakeyalattice/internal/kernel"
	"kakeyalattice/kv"
)

// store holds captured values in a temporary file, so that the streams of all
// layers need not be in memory. Its methods may be called at the same time.
type store struct {
	file *os.File

	mu   sync.Mutex
	size int64
}

// newStore makes the file in dir, or in the system's temporary folder where dir
// is empty.
func newStore(dir string) (*store, error) {
	f, err := os.CreateTemp(dir, "kakeya-capture-*")
	if err != nil {
		return nil, fmt.Errorf("capture: no temporary file: %w; set TMPDIR to a folder with room", err)
	}
	// Where the system allows it, the name goes at once: nothing is left
	// behind, however the process ends.
	_ = os.Remove(f.Name())
	return &store{file: f}, nil
}

func (s *store) close() error {
	err := s.file.Close()
	if _, gone := os.Stat(s.file.Name()); gone == nil {
		return os.Remove(s.file.Name())
	}
	return err
}

// span is where the values of one passage of a stream lie.
type span struct {
	at     int64
	values int
	bf16   bool // every value is exactly a bfloat16 and takes two bytes, not four
}

func (p span) bytes() int {
	if p.bf16 {
		return 2 * p.values
	}
	return 4 * p.values
}

// put appends values.
func (s *store) put(values []float32) (span, error) {
	p := span{values: len(values), bf16: !slices.ContainsFunc(values, func(v float32) bool { return math.Float32bits(v)&0xffff != 0 })}
	b := make([]byte, p.bytes())
	if p.bf16 {
		kernel.EncodeBF16(b, values)
	} else {
		for i, v := range values {
			binary.LittleEndian.PutUint32(b[4*i:], math.Float32bits(v))
		}
	}
	s.mu.Lock()
	p.at = s.size
	s.size += int64(len(b))
	s.mu.Unlock()
	if _, err := s.file.WriteAt(b, p.at); err != nil {
		return span{}, fmt.Errorf("capture: temporary file: %w; set TMPDIR to a folder with room", err)
	}
	return p, nil
}

// get fills dst with the values of a span.
func (s *store) get(dst []float32, p span) error {
	if len(dst) != p.values {
		return fmt.Errorf("capture: %d values wanted, %d are stored", len(dst), p.values)
	}
	b := make([]byte, p.bytes())
	if _, err := s.file.ReadAt(b, p.at); err != nil {
		return fmt.Errorf("capture: temporary file: %w", err)
	}
	if p.bf16 {
		kernel.DecodeBF16(dst, b)
		return nil
	}
	for i := range dst {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return nil
}

// draft is a stream that is being captured, passage by passage.
type draft struct {
	kv.Stream
	spans  []span
	tokens []int
}

func (d *draft) add(s *store, passage int, values []float32) error {
	p, err := s.put(values)
	if err != nil {
		return err
	}
	d.spans[passage], d.tokens[passage] = p, len(values)/(d.Heads*d.HeadDim)
	return nil
}

func newDraft(stream kv.Stream, passages int) *draft {
	return &draft{Stream: stream, spans: make([]span, passages), tokens: make([]int, passages)}
}

// stream is the finished draft.
func (d *draft) stream(s *store) *kv.Stream {
	return kv.NewStream(d.Stream, d.tokens, func(dst []float32, passage int) error {
		return s.get(dst, d.spans[passage])
	})
}
