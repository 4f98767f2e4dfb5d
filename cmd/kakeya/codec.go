package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"

	"kakeyalattice/codec"
	"kakeyalattice/kv"
	"kakeyalattice/metric"
)

type codecCmd struct {
	List      codecListCmd      `cmd:"" help:"List the codecs with their parameters and rates."`
	Encode    codecEncodeCmd    `cmd:"" help:"Encode one tensor of a file as a page."`
	Decode    codecDecodeCmd    `cmd:"" help:"Decode a page to a tensor."`
	Roundtrip codecRoundtripCmd `cmd:"" help:"Encode and decode one tensor of a file; report rate and error."`
	Inspect   codecInspectCmd   `cmd:"" help:"Report what a page holds and whether it is intact."`
}

type codecListCmd struct {
	Dim  int  `default:"512" help:"Vector dimension for the rates. Default 512."`
	JSON bool `name:"json" help:"Print JSON."`
}

// Help adds examples to the generated text.
func (codecListCmd) Help() string {
	return "Examples:\n  kakeya codec list\n  kakeya codec list --dim 128 --json"
}

// listed is one line of the list.
type listed struct {
	Spec      string   `json:"codec"` // with its default parameters
	About     string   `json:"about"`
	Simulated bool     `json:"simulated"`
	Bits      *int     `json:"bits_per_vector"` // null where the dimension is not supported
	Params    []string `json:"params"`
}

func (c *codecListCmd) Run(t *terminal) error {
	if c.Dim < 1 {
		return usagef("--dim %d: want a positive number", c.Dim)
	}
	var list []listed
	for _, name := range codec.Names() {
		spec, err := codec.Parse(name)
		if err != nil {
			return err
		}
		l := listed{Spec: spec.String(), About: codec.About(name), Simulated: spec.Simulated(), Params: codec.ParamHelp(name)}
		switch bits, err := codec.BitsPerVector(spec, c.Dim); {
		case err == nil:
			l.Bits = &bits
		case !errors.Is(err, codec.ErrDim):
			return err
		}
		list = append(list, l)
	}
	if c.JSON {
		return json.NewEncoder(t.stdout).Encode(struct {
			Dim    int      `json:"dim"`
			Codecs []listed `json:"codecs"`
		}{c.Dim, list})
	}
	w := tabwriter.NewWriter(t.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "codec\tbits at D=%d\t per value\twhat it is\n", c.Dim)
	for _, l := range list {
		bits, perValue, about := "-", "-", l.About
		if l.Bits != nil {
			bits, perValue = fmt.Sprintf("%5d", *l.Bits), fmt.Sprintf("%7.4f", float64(*l.Bits)/float64(c.Dim))
		}
		if l.Simulated {
			about += " (simulated)"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", l.Spec, bits, perValue, about)
		for _, p := range l.Params {
			fmt.Fprintf(w, "\t\t\t  %s\n", p)
		}
	}
	return w.Flush()
}

type codecRoundtripCmd struct {
	Codec  string `required:"" placeholder:"SPEC" help:"Codec, such as e8:q=38."`
	In     string `required:"" placeholder:"FILE" help:"A .safetensors or .npy file."`
	Tensor string `placeholder:"NAME" help:"Tensor of the file; not needed where it has one."`
	Out    string `placeholder:"FILE" help:"Write the decoded tensor here, float32, same name and shape; .safetensors or .npy."`
	Vector string `enum:"head,token" default:"head" help:"What a vector is: the last axis (head) or the last two axes of a [tokens, heads, dim] tensor (token)."`
	JSON   bool   `name:"json" help:"Print JSON."`
}

// Help adds examples to the generated text.
func (codecRoundtripCmd) Help() string {
	return `Examples:
  kakeya codec roundtrip --codec e8:q=38 --in cache.safetensors --tensor k.0 --out decoded.safetensors
  kakeya codec roundtrip --codec nvfp4 --in keys.npy --json`
}

// roundtrip is what the command reports. Bytes is null where the codec is
// simulated.
type roundtrip struct {
	Codec         string   `json:"codec"`
	Fitted        string   `json:"fitted,omitempty"`
	Simulated     bool     `json:"simulated"`
	Tensor        string   `json:"tensor"`
	Dim           int      `json:"dim"`
	Vectors       int      `json:"vectors"`
	Bytes         *int     `json:"bytes"`
	BitsPerVector float64  `json:"bits_per_vector"`
	RelMSE        *float64 `json:"rel_mse"`
	RelMSEEnergy  *float64 `json:"rel_mse_energy"`
	Cosine        *float64 `json:"cosine"`
}

func (c *codecRoundtripCmd) Run(t *terminal) error {
	spec, err := codec.Parse(c.Codec)
	if err != nil {
		return usageError{err}
	}
	tensor, err := kv.ReadTensor(c.In, c.Tensor)
	if err != nil {
		return err
	}
	dim, err := tensor.VectorDim(c.Vector)
	if err != nil {
		return err
	}
	result, err := codec.RoundTrip(spec, dim, tensor.Values)
	if err != nil {
		return fmt.Errorf("%s: tensor %s: %w", c.In, tensor.Name, err)
	}
	d, err := metric.Measure(tensor.Values, result.Decoded, dim, 0)
	if err != nil {
		return fmt.Errorf("%s: tensor %s: %w", c.In, tensor.Name, err)
	}
	if c.Out != "" {
		decoded := tensor
		decoded.Values = result.Decoded
		if err := kv.WriteTensor(c.Out, decoded); err != nil {
			return err
		}
	}
	return c.print(t, roundtrip{
		Codec:         spec.String(),
		Fitted:        result.Fitted,
		Simulated:     spec.Simulated(),
		Tensor:        tensor.Name,
		Dim:           dim,
		Vectors:       d.Vectors,
		Bytes:         result.Bytes,
		BitsPerVector: result.BitsPerVector,
		RelMSE:        defined(d.RelMSE()),
		RelMSEEnergy:  defined(d.RelMSEEnergy()),
		Cosine:        defined(d.MeanCosine()),
	})
}

func (c *codecRoundtripCmd) print(t *terminal, r roundtrip) error {
	if c.JSON {
		return json.NewEncoder(t.stdout).Encode(r)
	}
	w := tabwriter.NewWriter(t.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "codec\t%s\n", r.Codec)
	if r.Fitted != "" && r.Fitted != r.Codec {
		fmt.Fprintf(w, "fitted\t%s\n", r.Fitted)
	}
	fmt.Fprintf(w, "tensor\t%s, %d vectors of %d values\n", r.Tensor, r.Vectors, r.Dim)
	if r.Bytes != nil {
		fmt.Fprintf(w, "bytes\t%d\n", *r.Bytes)
	} else {
		fmt.Fprintf(w, "bytes\tnone: simulated, the rate is claimed\n")
	}
	fmt.Fprintf(w, "bits per vector\t%.6g (%.4f per value)\n", r.BitsPerVector, r.BitsPerVector/float64(r.Dim))
	fmt.Fprintf(w, "rel-MSE\t%s of the variance about the mean vector\n", figure(r.RelMSE))
	fmt.Fprintf(w, "\t%s of the energy\n", figure(r.RelMSEEnergy))
	fmt.Fprintf(w, "cosine\t%s\n", figure(r.Cosine))
	return w.Flush()
}

// defined is null in JSON where a figure is NaN.
func defined(v float64) *float64 {
	if v != v {
		return nil
	}
	return &v
}

func figure(v *float64) string {
	if v == nil {
		return "undefined"
	}
	return fmt.Sprintf("%.6g", *v)
}
