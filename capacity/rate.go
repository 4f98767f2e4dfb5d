package capacity

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"kakeyalattice/codec"
	"kakeyalattice/synthetic"
)

// Rate is what a vector of one component takes.
type Rate struct {
	Codec string
	Bytes float64
	// How says where Bytes comes from: see the constants.
	How string
	// Align is what the bytes of a page are a multiple of; 0 for no such rule.
	Align int
}

// Where a rate comes from, the beginning of [Rate.How].
const (
	HowFixed    = "fixed size"                               // of every vector that the codec writes
	HowMeasured = "measured mean"                            // of vectors of varying length, on the vectors it names
	HowClaimed  = "claimed by a simulation that writes none" // a codec without bytes
	HowStated   = "stated"                                   // by the user
	HowEngine   = "format of serving engines"                // an indexer's
)

// RateOf returns the rate of a codec at a dimension. For a codec whose vectors
// vary in length it encodes synthetic Gaussian vectors and takes the mean.
func RateOf(spec codec.Spec, dim int) (Rate, error) {
	r := Rate{Codec: spec.String(), How: HowFixed}
	if spec.Simulated() {
		sim, err := codec.NewSimulator(spec, dim)
		if err != nil {
			return Rate{}, err
		}
		r.Bytes, r.How = float64(sim.ClaimedBits())/8, HowClaimed
		return r, nil
	}
	c, err := codec.New(spec, dim)
	if err != nil {
		return Rate{}, err
	}
	r.Codec = c.Spec().String()
	if r.Bytes = float64(c.Size().Bytes); c.Size().Fixed {
		r.Align = pageAlign(spec, dim)
		return r, nil
	}
	vectors := min(512, max(16, 1<<18/dim))
	source, err := synthetic.Source([]string{"gaussian"}, synthetic.Options{Dim: dim, Vectors: vectors, Passages: 1})
	if err != nil {
		return Rate{}, err
	}
	x, err := source.Streams[0].Read(nil, 0)
	if err != nil {
		return Rate{}, err
	}
	encoded, err := c.AppendEncode(nil, x)
	if err != nil {
		return Rate{}, err
	}
	r.Bytes = float64(len(encoded)) / float64(vectors)
	r.How = fmt.Sprintf("%s of %d synthetic Gaussian vectors", HowMeasured, vectors)
	return r, nil
}

// pageAlign is the rule of FlashMLA for the 584-byte entry of DeepSeek-V4: a
// page is a multiple of its data row, 448 codes and 64 values in BF16, without
// the scales.
func pageAlign(spec codec.Spec, dim int) int {
	if spec.Name != "fp8-v4" {
		return 0
	}
	const rope = 64
	return dim - rope + 2*rope
}

// MeasuredRate is a rate that was measured elsewhere, in bits per vector.
func MeasuredRate(codec string, bits float64, on string) Rate {
	return Rate{Codec: codec, Bytes: bits / 8, How: HowMeasured + " of " + on}
}

// The formats of the indexer's vectors in serving engines.
var indexerFormats = []string{"fp8", "fp4", "bf16"}

// IndexerRate returns the rate of an indexer's vectors: fp8, E4M3 codes and a
// float32 scale for 128 of them; fp4, E2M1 codes and a byte of scale for 32;
// bf16; or a rate that [ParseRate] reads.
func IndexerRate(text string, dim int) (Rate, error) {
	r := Rate{Codec: text, How: HowEngine}
	switch text {
	case "fp8":
		r.Bytes = float64(dim + 4*((dim+127)/128))
	case "fp4":
		r.Bytes = float64((dim+1)/2 + (dim+31)/32)
	case "bf16":
		r.Bytes = float64(2 * dim)
	default:
		r, err := ParseRate(text, dim)
		if err != nil {
			return Rate{}, fmt.Errorf("%w; %s name the formats of engines", err, strings.Join(indexerFormats, ", "))
		}
		return r, nil
	}
	return r, nil
}

// maxVectorBytes bounds a stated rate.
const maxVectorBytes = 1 << 20

// ParseRate reads a codec spec, or the bytes of a vector such as "432B".
func ParseRate(text string, dim int) (Rate, error) {
	if bytes, ok := statedBytes(text); ok {
		if !(bytes > 0 && bytes <= maxVectorBytes) {
			return Rate{}, fmt.Errorf("%s: a vector takes more than 0 and at most %d bytes", text, maxVectorBytes)
		}
		return Rate{Codec: text, Bytes: bytes, How: HowStated}, nil
	}
	spec, err := codec.Parse(text)
	if err != nil {
		return Rate{}, err
	}
	r, err := RateOf(spec, dim)
	if errors.Is(err, codec.ErrDim) {
		err = fmt.Errorf("%w; choose another codec, or state bytes as in 432B", err)
	}
	return r, err
}

// statedBytes reads a decimal number with the unit B.
func statedBytes(text string) (float64, bool) {
	number, ok := strings.CutSuffix(text, "B")
	if !ok || !decimal(number) {
		return 0, false
	}
	bytes, err := strconv.ParseFloat(number, 64)
	return bytes, err == nil
}

// decimal says whether a text is digits with at most one point.
func decimal(text string) bool {
	return text != "" && text != "." && strings.Trim(text, "0123456789.") == "" && strings.Count(text, ".") <= 1
}
