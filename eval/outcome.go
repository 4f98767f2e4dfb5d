package eval

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"slices"

	"kakeyalattice/kv"
)

// Outcome is what was measured.
type Outcome struct {
	Texts   []Scored // of the exact model
	Arms    []ArmOutcome
	Skipped []Skipped
	Failed  []Failed
}

// Failed is an arm that ended early, for its codec refused a value or the model's
// arithmetic left the finite numbers. Nothing else is known of it.
type Failed struct {
	Arm Arm
	Err error
}

// Skipped is a kind of streams that an arm leaves exact, for the codec does not
// support it or the model has none. An arm that would code nothing is not run.
type Skipped struct {
	Arm    Arm
	Kind   kv.Kind
	Reason string
}

// Scored is the predictions of one text.
type Scored struct {
	Tokens int // predicted: all but the first
	// NLL is the sum of -ln p of the true tokens.
	NLL float64
	// Agree counts tokens whose most likely prediction is that of the exact model,
	// and Change sums the squares of the change of the true token's probability.
	// Of the exact model they are Tokens and 0.
	Agree  int
	Change float64
}

// ArmOutcome is one arm beside the exact model.
type ArmOutcome struct {
	Arm
	Texts []Scored
	// KL holds KL(exact || arm) of every predicted token in nats, text by text; a
	// value that rounding takes below 0 is 0.
	KL      []float64
	Written []Written // by kind, in the order of Arm.Kinds
	// Attention is the error of the attention outputs, layer by layer.
	Attention []LayerError
	// SHA256 is of all bytes that the codec wrote, in hex; empty where the codec is
	// simulated.
	SHA256 string
}

// LayerError compares the outputs of the attention of a layer, what it adds to the
// hidden states, with those of the exact model: sums of |o - o'|^2 and |o|^2 over the
// tokens of each text. The arm's layer is fed what the arm's layers below it made.
type LayerError struct {
	Layer         int
	Error, Energy []float64
}

// Written is what an arm wrote of one kind of streams.
type Written struct {
	Kind      kv.Kind
	Dim       int
	Simulated bool
	Vectors   int64
	// Bytes that the codec wrote, and SideBits, the per-stream constants. Of a
	// simulated codec there are none, and Claimed is the bits that it states.
	Bytes, SideBits, Claimed int64
	// Error and Energy are the sums of |x - y|^2 and |x|^2 over the vectors of each
	// text, x before the codec and y after it.
	Error, Energy []float64
}

// Bits is what all vectors took.
func (w *Written) Bits() int64 { return 8*w.Bytes + w.SideBits + w.Claimed }

// BitsPerVector is the rate over all kinds, counted from the bytes written.
func (a *ArmOutcome) BitsPerVector() float64 {
	var bits, vectors int64
	for i := range a.Written {
		bits, vectors = bits+a.Written[i].Bits(), vectors+a.Written[i].Vectors
	}
	return float64(bits) / float64(vectors)
}

// BitsPerValue is the rate of a value, for arms whose kinds differ in dimension.
func (a *ArmOutcome) BitsPerValue() float64 {
	var bits, values int64
	for i := range a.Written {
		w := &a.Written[i]
		bits, values = bits+w.Bits(), values+w.Vectors*int64(w.Dim)
	}
	return float64(bits) / float64(values)
}

// RelMSE is the squared error of what was written to text t over its energy.
func (a *ArmOutcome) RelMSE(t int) float64 {
	var e, x float64
	for i := range a.Written {
		e, x = e+a.Written[i].Error[t], x+a.Written[i].Energy[t]
	}
	return e / x
}

// Fitted says whether the codec has per-stream constants.
func (a *ArmOutcome) Fitted() bool {
	return slices.ContainsFunc(a.Written, func(w Written) bool { return w.SideBits > 0 })
}

// digest is the hash of what an arm writes.
type digest struct{ hash.Hash }

func newDigest() digest { return digest{sha256.New()} }

func (d digest) hex() string { return hex.EncodeToString(d.Sum(nil)) }
