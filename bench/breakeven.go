package bench

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Link is a way for vectors to another place, at its nominal speed.
type Link struct {
	Name   string  `json:"name"`
	GBPerS float64 `json:"gb_per_s"`
}

// Links are those that a cache tier commonly sits behind: a fast NVMe disk, and the
// line rates of networks and of PCIe, one direction.
var Links = []Link{{"25 GbE", 3.125}, {"NVMe", 7}, {"100 GbE", 12.5}, {"PCIe 4 x16", 31.5}, {"PCIe 5 x16", 63}}

// width is that of the link's column.
func (l Link) width() int { return max(len(l.Name), len("x10.00")) }

// BreakEven says up to which speed of a link it pays to send vectors coded rather than
// as they are. Speeds count the bytes of a raw vector, R: 2 a value in bfloat16. With c
// the bytes of a coded one, t_e and t_d the times to encode and decode it, and B the
// link's speed:
//
//   - Streaming: encoding, sending and decoding overlap, so that a vector takes the
//     longest of t_e, c/B and t_d instead of R/B. That is less while B < R/max(t_e, t_d).
//   - Waiting: a page is encoded, then sent, then decoded: t_e + c/B + t_d instead of
//     R/B. That is less while B < (R-c)/(t_e+t_d).
type BreakEven struct {
	Codec          string  `json:"codec"`
	Threads        int     `json:"threads"`
	Kernel         string  `json:"kernel"`
	BytesPerVector float64 `json:"bytes_per_vector"`
	EncodeGBPerS   float64 `json:"encode_gb_per_s"` // of raw vectors
	DecodeGBPerS   float64 `json:"decode_gb_per_s"`
	Streaming      float64 `json:"streaming_gb_per_s"`
	Waiting        float64 `json:"waiting_gb_per_s"`
	// Gains are how many times sooner a stream has passed each of the links.
	Gains []LinkGain `json:"gains"`
}

// LinkGain is the gain of a stream on a link: below 1 it loses.
type LinkGain struct {
	Link
	Gain float64 `json:"gain"`
}

// BreakEven works out the break-even speeds from the report's fastest kernel: one for
// each codec and number of threads that encoding and decoding were timed with.
func (r *Report) BreakEven() []BreakEven {
	fastest := map[string]*Result{}
	key := func(c *Result, op string) string { return fmt.Sprint(c.Codec, " ", op, " ", c.Threads) }
	for i := range r.Results {
		c := &r.Results[i]
		if best := fastest[key(c, c.Op)]; best == nil || c.NsPerVector < best.NsPerVector {
			fastest[key(c, c.Op)] = c
		}
	}
	var list []BreakEven
	for i := range r.Results {
		e := &r.Results[i]
		d := fastest[key(e, "decode")]
		if e.Op != "encode" || fastest[key(e, "encode")] != e || d == nil {
			continue
		}
		list = append(list, breakEven(e, d))
	}
	slices.SortStableFunc(list, func(a, b BreakEven) int { return cmp.Compare(a.Threads, b.Threads) })
	return list
}

func breakEven(e, d *Result) BreakEven {
	raw := float64(2 * e.Dim)
	b := BreakEven{
		Codec: e.Codec, Threads: e.Threads, Kernel: e.Kernel, BytesPerVector: e.BytesPerVector,
		EncodeGBPerS: raw / e.NsPerVector, DecodeGBPerS: raw / d.NsPerVector,
		Streaming: raw / max(e.NsPerVector, d.NsPerVector),
		Waiting:   max(0, (raw-e.BytesPerVector)/(e.NsPerVector+d.NsPerVector)),
	}
	for _, l := range Links {
		coded := max(e.NsPerVector, e.BytesPerVector/l.GBPerS, d.NsPerVector)
		b.Gains = append(b.Gains, LinkGain{l, raw / l.GBPerS / coded})
	}
	return b
}

// WriteBreakEven writes break-even speeds as an aligned table.
func WriteBreakEven(out io.Writer, dim int, list []BreakEven) error {
	fmt.Fprintf(out, `D = %d; GB/s count raw vectors, %d bytes of bfloat16
streaming: sending coded vectors is faster on links below this, encoding, link and decoding side by side
waiting:   the same for a page that is encoded, then sent, then decoded
`, dim, 2*dim)
	width := len("codec")
	for _, b := range list {
		width = max(width, len(b.Codec))
	}
	head := fmt.Sprintf("\n%-*s  %7s  %12s  %6s  %6s  %9s  %7s", width, "codec", "threads", "bytes/vector", "encode", "decode", "streaming", "waiting")
	for _, l := range Links {
		head += "  " + fmt.Sprintf("%*s", l.width(), l.Name)
	}
	fmt.Fprintln(out, head)
	under := strings.Repeat(" ", width+2+7+2+12+2+6+2+6+2+9+2+7)
	for _, l := range Links {
		under += fmt.Sprintf("  %*s", l.width(), fmt.Sprintf("%.3g", l.GBPerS))
	}
	fmt.Fprintln(out, under)
	var err error
	for _, b := range list {
		line := fmt.Sprintf("%-*s  %7d  %12.4g  %6s  %6s  %9s  %7s", width, b.Codec, b.Threads, b.BytesPerVector,
			digits(b.EncodeGBPerS), digits(b.DecodeGBPerS), digits(b.Streaming), digits(b.Waiting))
		for _, g := range b.Gains {
			line += fmt.Sprintf("  %*s", g.width(), fmt.Sprintf("x%.2f", g.Gain))
		}
		_, err = fmt.Fprintln(out, line)
	}
	return err
}
