// Package metric measures what a codec does to KV vectors: distortion, the
// non-Gaussian audit of the data itself, and the error of the attention output.
// Sums are float64 in a fixed order, that of package kernel.
package metric

// Distortion is the sums behind the error of n decoded vectors of one passage;
// the ratios are methods, so that sums can be stored and merged.
type Distortion struct {
	Vectors  int     `json:"vectors"`
	Error    float64 `json:"error"`    // sum |x - x^|^2
	Energy   float64 `json:"energy"`   // sum |x|^2
	Variance float64 `json:"variance"` // sum |x - mean|^2, mean vector over the passage
	Cosine   float64 `json:"cosine"`   // sum of cosines; a zero vector counts 0
	// Rope holds the part of Error and Energy in the trailing RoPE dimensions;
	// HasRope says that the split is known.
	HasRope    bool    `json:"has_rope,omitempty"`
	RopeError  float64 `json:"rope_error,omitempty"`
	RopeEnergy float64 `json:"rope_energy,omitempty"`
}

// NonGaussian is the audit of one stream's vectors: how far they are from
// Gaussian, before and after the Hadamard rotation. Undefined figures are NaN.
type NonGaussian struct {
	ExcessKurtosis float64 // mean over coordinates of |kurtosis - 3|
	Isotropy       float64 // max / min coordinate variance
	HadamardRatio  float64 // the same after the rotation
	TailOneSided   float64 // the reference's "W2/sigma": p99(|x_rot|/std)/2.326 - 1, RMS over coordinates, not centred
	TailTwoSided   float64 // the same centred and against 2.576, the p99 of |x| of a Gaussian
}
