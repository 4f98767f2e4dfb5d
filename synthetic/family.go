package synthetic

import (
	"math"
	"slices"

	"kakeyalattice/internal/elementary"
)

// family is a distribution of vectors.
type family struct {
	name, about string
	minDim      int
	// prepare draws what is fixed for the family and returns the function that
	// draws a vector.
	prepare func(n *noise, dim int) func(n *noise, vector []float32)
}

const (
	outliers     = 4  // coordinates of outlier-channel that are large
	outlierScale = 20 // how much larger
	meanScale    = 3  // of the mean vector of mean-shifted, in standard deviations
)

var families = []family{
	{"gaussian", "independent standard normal values", 1, gaussian},
	{"student-t", "independent Student t values, 3 degrees of freedom", 1, studentT},
	{"anisotropic", "normal values, coordinate scales exp(2.5 N)", 1, anisotropic},
	{"mean-shifted", "normal values, coordinate scales exp(1.5 N), about a mean vector of 3 N scales", 1, meanShifted},
	{"outlier-channel", "standard normal values, 4 coordinates 20 times larger", outliers, outlierChannel},
}

func find(name string) *family {
	i := slices.IndexFunc(families, func(f family) bool { return f.name == name })
	if i < 0 {
		return nil
	}
	return &families[i]
}

func gaussian(_ *noise, dim int) func(*noise, []float32) {
	return func(n *noise, vector []float32) {
		for i := range vector {
			vector[i] = float32(n.normal())
		}
	}
}

// studentT draws a normal value over the root of a chi-squared one over its
// degrees of freedom; the chi-squared one of 3 is a squared normal and, of 2,
// -2 ln U.
func studentT(_ *noise, dim int) func(*noise, []float32) {
	return func(n *noise, vector []float32) {
		for i := range vector {
			z, y := n.normal(), n.normal()
			chi2 := float64(y*y) - float64(2*elementary.Ln(n.uniform()))
			vector[i] = float32(z / math.Sqrt(chi2/3))
		}
	}
}

func anisotropic(shape *noise, dim int) func(*noise, []float32) {
	return scaled(shape.scales(dim, 2.5), make([]float64, dim))
}

func meanShifted(shape *noise, dim int) func(*noise, []float32) {
	scales := shape.scales(dim, 1.5)
	mean := make([]float64, dim)
	for i := range mean {
		mean[i] = meanScale * scales[i] * shape.normal()
	}
	return scaled(scales, mean)
}

func outlierChannel(shape *noise, dim int) func(*noise, []float32) {
	scales := slices.Repeat([]float64{1}, dim)
	for left := outliers; left > 0; {
		if i := shape.index(dim); scales[i] == 1 {
			scales[i] = outlierScale
			left--
		}
	}
	return scaled(scales, make([]float64, dim))
}

// scaled draws normal values of a scale and mean for each coordinate.
func scaled(scales, mean []float64) func(*noise, []float32) {
	return func(n *noise, vector []float32) {
		for i := range vector {
			vector[i] = float32(float64(scales[i]*n.normal()) + mean[i])
		}
	}
}
