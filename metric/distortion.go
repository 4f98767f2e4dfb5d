package metric

import "math"

// RelMSE is Error / Variance: the error relative to what the vectors hold
// beyond their mean, the form that published thresholds use. NaN where the
// passage has no variance (one vector, or all equal).
func (d Distortion) RelMSE() float64 {
	if d.Variance <= d.Energy*varianceNoise {
		return math.NaN()
	}
	return ratio(d.Error, d.Variance)
}

// varianceNoise is the Variance / Energy at or below which Variance may be the
// rounding of the means alone, each good to a few 2^-53 of itself. Float32
// values that differ in their last bit give about 2^-48 over the number of
// values, far above it.
const varianceNoise = 0x1p-96

// RelMSEEnergy is Error / Energy. NaN where all vectors are zero.
func (d Distortion) RelMSEEnergy() float64 { return ratio(d.Error, d.Energy) }

// RelMSEEnergyRope is [Distortion.RelMSEEnergy] of the trailing RoPE
// dimensions alone. NaN where the split is unknown or those are zero.
func (d Distortion) RelMSEEnergyRope() float64 {
	if !d.HasRope {
		return math.NaN()
	}
	return ratio(d.RopeError, d.RopeEnergy)
}

// RelMSEEnergyNope is [Distortion.RelMSEEnergy] of the leading dimensions that
// carry no position. NaN where the split is unknown or those are zero or none.
func (d Distortion) RelMSEEnergyNope() float64 {
	if !d.HasRope {
		return math.NaN()
	}
	return ratio(max(d.Error-d.RopeError, 0), d.Energy-d.RopeEnergy)
}

// MeanCosine is the mean over vectors of the cosine between a vector and its
// decoded form, where a zero vector counts 0. NaN where there are no vectors.
func (d Distortion) MeanCosine() float64 { return ratio(d.Cosine, float64(d.Vectors)) }

// ratio is a/b, NaN where b is not positive: an error relative to nothing is
// undefined even when it is 0.
func ratio(a, b float64) float64 {
	if !(b > 0) {
		return math.NaN()
	}
	return a / b
}

// cosine is the cosine of two vectors from their dot product and squared
// norms, 0 where one is zero. It cannot overflow or underflow: squares of
// float32 values and their products lie within 1e-180 to 1e170.
func cosine(dot, xx, yy float64) float64 {
	if xx == 0 || yy == 0 {
		return 0
	}
	return min(max(dot/math.Sqrt(xx*yy), -1), 1)
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
