package deepseek4

import "fmt"

// Mode is the arithmetic of a forward pass.
type Mode int

const (
	// Exact computes in float32 and rounds nothing: what the weights say.
	Exact Mode = iota
	// AsServed rounds as the official program does: the inputs of FP8 and FP4
	// layers to E4M3 in groups of 128, results to bfloat16, window and compressed
	// entries to E4M3, the indexer's keys and queries to E2M1 after a Hadamard
	// transform.
	AsServed
)

var modes = [...]string{"exact", "as-served"}

func (m Mode) String() string {
	if m < 0 || int(m) >= len(modes) {
		return fmt.Sprintf("Mode(%d)", int(m))
	}
	return modes[m]
}

// switches are those of the KV path.
func (m Mode) switches() Switches {
	if m == AsServed {
		return Switches{}
	}
	return Switches{Float32: true, ExactWKV: true, PlainIndexer: true}
}

// bf16 rounds to bfloat16 what the official program keeps as such.
func (m Mode) bf16(x []float32) {
	if m == AsServed {
		roundBF16(x)
	}
}
