// Package elementary holds logarithm, exponential, sine and cosine by IEEE 754
// additions, products and quotients alone, each rounded on its own: the results
// have the same bits on every machine. Package math uses assembly on some, and
// compilers fuse products with sums on others.
//
// Every product that is added to something is converted, which keeps compilers
// from fusing the two.
package elementary

import "math"

// Ln is the natural logarithm of a positive normal number, to within a few
// units in the last place: x = 2^e f with f about 1, and
// ln f = 2 artanh((f-1)/(f+1)) by its Taylor series.
func Ln(x float64) float64 {
	f, e := math.Frexp(x)
	if f < math.Sqrt2/2 {
		f *= 2
		e--
	}
	s := (f - 1) / (f + 1) // at most 0.172 in size
	s2 := s * s
	sum := 0.0
	for k := 21; k >= 1; k -= 2 { // the next term is below 1e-18
		sum = float64(sum*s2) + 1/float64(k)
	}
	return float64(float64(e)*math.Ln2) + float64(2*s*sum)
}

// Exp is the exponential function, to within a few units in the last place of
// normal results. See [ExpAll].
func Exp(x float64) float64 {
	v := [1]float64{x}
	ExpAll(v[:])
	return v[0]
}

// ExpAll replaces every value by its exponential: x = (k/64) ln 2 + r with
// |r| <= ln 2/128, 2^(k/64) from a table, and e^r by its Taylor series to the
// fifth power, whose next term is below 4e-17.
func ExpAll(x []float64) {
	const (
		perLn2 = 0x1.71547652b82fep+6  // 64/ln 2
		ln2Hi  = 0x1.62e42feep-7       // 32 bits of ln 2/64: products with k are exact
		ln2Lo  = 0x1.a39ef35793c76p-39 // the rest
		anchor = 0x1.8p52              // the spacing of float64 is 1 here
	)
	for i, v := range x {
		if !(v > -708 && v < 709) {
			x[i] = farExp(v)
			continue
		}
		t := float64(v*perLn2) + anchor
		kf := t - anchor
		k := math.Float64bits(t)
		r := v - kf*ln2Hi // exact: the product is, and the difference by cancellation
		r -= float64(kf * ln2Lo)
		p := 1.0/24 + float64(r*(1.0/120))
		p = 1.0/6 + float64(r*p)
		p = 0.5 + float64(r*p)
		p = 1 + float64(r*p)
		p = float64(r * p) // e^r - 1
		// The low bits of k are an integer in two's complement; its quotient by
		// 64 goes to the exponent.
		scale := math.Float64frombits(exp2[k%64] + k/64<<52)
		x[i] = scale + float64(scale*p)
	}
}

// farExp is the exponential where it overflows, or is zero or subnormal.
func farExp(x float64) float64 {
	switch {
	case x != x:
		return x
	case x >= 710:
		return math.Inf(1)
	case x <= -746:
		return 0
	}
	half := Exp(x / 2)
	return half * half
}

// Exp2Table holds the bits of 2^(j/64), for kernels that do what [ExpAll] does.
func Exp2Table() *[64]uint64 { return &exp2 }

// exp2[j] holds the bits of 2^(j/64).
var exp2 = func() (bits [64]uint64) {
	for j, v := range [64]float64{
		0x1.0000000000000p0, 0x1.02c9a3e778061p0, 0x1.059b0d3158574p0, 0x1.0874518759bc8p0,
		0x1.0b5586cf9890fp0, 0x1.0e3ec32d3d1a2p0, 0x1.11301d0125b51p0, 0x1.1429aaea92de0p0,
		0x1.172b83c7d517bp0, 0x1.1a35beb6fcb75p0, 0x1.1d4873168b9aap0, 0x1.2063b88628cd6p0,
		0x1.2387a6e756238p0, 0x1.26b4565e27cddp0, 0x1.29e9df51fdee1p0, 0x1.2d285a6e4030bp0,
		0x1.306fe0a31b715p0, 0x1.33c08b26416ffp0, 0x1.371a7373aa9cbp0, 0x1.3a7db34e59ff7p0,
		0x1.3dea64c123422p0, 0x1.4160a21f72e2ap0, 0x1.44e086061892dp0, 0x1.486a2b5c13cd0p0,
		0x1.4bfdad5362a27p0, 0x1.4f9b2769d2ca7p0, 0x1.5342b569d4f82p0, 0x1.56f4736b527dap0,
		0x1.5ab07dd485429p0, 0x1.5e76f15ad2148p0, 0x1.6247eb03a5585p0, 0x1.6623882552225p0,
		0x1.6a09e667f3bcdp0, 0x1.6dfb23c651a2fp0, 0x1.71f75e8ec5f74p0, 0x1.75feb564267c9p0,
		0x1.7a11473eb0187p0, 0x1.7e2f336cf4e62p0, 0x1.82589994cce13p0, 0x1.868d99b4492edp0,
		0x1.8ace5422aa0dbp0, 0x1.8f1ae99157736p0, 0x1.93737b0cdc5e5p0, 0x1.97d829fde4e50p0,
		0x1.9c49182a3f090p0, 0x1.a0c667b5de565p0, 0x1.a5503b23e255dp0, 0x1.a9e6b5579fdbfp0,
		0x1.ae89f995ad3adp0, 0x1.b33a2b84f15fbp0, 0x1.b7f76f2fb5e47p0, 0x1.bcc1e904bc1d2p0,
		0x1.c199bdd85529cp0, 0x1.c67f12e57d14bp0, 0x1.cb720dcef9069p0, 0x1.d072d4a07897cp0,
		0x1.d5818dcfba487p0, 0x1.da9e603db3285p0, 0x1.dfc97337b9b5fp0, 0x1.e502ee78b3ff6p0,
		0x1.ea4afa2a490dap0, 0x1.efa1bee615a27p0, 0x1.f50765b6e4540p0, 0x1.fa7c1819e90d8p0,
	} {
		bits[j] = math.Float64bits(v)
	}
	return bits
}()

// SinCos returns sine and cosine to within 2^-52 for |x| up to 2^20, the angle
// reduced by multiples of pi/2 in two parts.
func SinCos(x float64) (sin, cos float64) {
	const (
		perQuarter = 0x1.45f306dc9c883p-1  // 2/pi
		quarterHi  = 0x1.921fb544p+0       // 33 bits of pi/2: products with k are exact
		quarterLo  = 0x1.0b4611a626331p-34 // the rest
	)
	k := math.RoundToEven(x * perQuarter)
	r := x - float64(k*quarterHi)
	r -= float64(k * quarterLo)
	s, c := taylorSinCos(r)
	switch int64(k) & 3 {
	case 0:
		return s, c
	case 1:
		return c, -s
	case 2:
		return -s, -c
	default:
		return -c, s
	}
}

// taylorSinCos is for |r| up to a little above pi/4; the terms left out are
// below 1e-17.
func taylorSinCos(r float64) (sin, cos float64) {
	z := r * r
	s := -1.0/1307674368000 + float64(z*(1.0/355687428096000))
	s = 1.0/6227020800 + float64(z*s)
	s = -1.0/39916800 + float64(z*s)
	s = 1.0/362880 + float64(z*s)
	s = -1.0/5040 + float64(z*s)
	s = 1.0/120 + float64(z*s)
	s = -1.0/6 + float64(z*s)
	sin = r + float64(float64(r*z)*s)
	c := 1.0/20922789888000 - float64(z*(1.0/6402373705728000))
	c = -1.0/87178291200 + float64(z*c)
	c = 1.0/479001600 + float64(z*c)
	c = -1.0/3628800 + float64(z*c)
	c = 1.0/40320 + float64(z*c)
	c = -1.0/720 + float64(z*c)
	c = 1.0/24 + float64(z*c)
	c = -0.5 + float64(z*c)
	cos = 1 + float64(z*c)
	return sin, cos
}
