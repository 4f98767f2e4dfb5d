package hadamard

// butterfly4 is two stages on four values.
func butterfly4(a, b, c, d float32) (float32, float32, float32, float32) {
	a, b = a+b, a-b
	c, d = c+d, c-d
	return a + c, b + d, a - c, b - d
}

// blocks8 runs the stages 1, 2 and 4.
func blocks8(x []float32) {
	for ; len(x) >= 8; x = x[8:] {
		v := (*[8]float32)(x)
		a0, a1, a2, a3 := butterfly4(v[0], v[1], v[2], v[3])
		a4, a5, a6, a7 := butterfly4(v[4], v[5], v[6], v[7])
		v[0], v[4] = a0+a4, a0-a4
		v[1], v[5] = a1+a5, a1-a5
		v[2], v[6] = a2+a6, a2-a6
		v[3], v[7] = a3+a7, a3-a7
	}
}

// blocks64 runs the stages 8, 16 and 32: radix8 with indices that need no check.
func blocks64(x []float32) {
	for ; len(x) >= 64; x = x[64:] {
		v := (*[64]float32)(x)
		for i := range 8 {
			a0, a1, a2, a3 := butterfly4(v[i], v[i+8], v[i+16], v[i+24])
			a4, a5, a6, a7 := butterfly4(v[i+32], v[i+40], v[i+48], v[i+56])
			v[i], v[i+32] = a0+a4, a0-a4
			v[i+8], v[i+40] = a1+a5, a1-a5
			v[i+16], v[i+48] = a2+a6, a2-a6
			v[i+24], v[i+56] = a3+a7, a3-a7
		}
	}
}

// radix8 runs the stages h, 2h and 4h and multiplies by scale.
func radix8(x []float32, h int, scale float32) {
	for ; len(x) >= 8*h; x = x[8*h:] {
		x0 := x[:h]
		x1 := x[h:][:len(x0)]
		x2 := x[2*h:][:len(x0)]
		x3 := x[3*h:][:len(x0)]
		x4 := x[4*h:][:len(x0)]
		x5 := x[5*h:][:len(x0)]
		x6 := x[6*h:][:len(x0)]
		x7 := x[7*h:][:len(x0)]
		for i := range x0 {
			a0, a1, a2, a3 := butterfly4(x0[i], x1[i], x2[i], x3[i])
			a4, a5, a6, a7 := butterfly4(x4[i], x5[i], x6[i], x7[i])
			x0[i], x4[i] = (a0+a4)*scale, (a0-a4)*scale
			x1[i], x5[i] = (a1+a5)*scale, (a1-a5)*scale
			x2[i], x6[i] = (a2+a6)*scale, (a2-a6)*scale
			x3[i], x7[i] = (a3+a7)*scale, (a3-a7)*scale
		}
	}
}

// radix4 runs the stages h and 2h and multiplies by scale.
func radix4(x []float32, h int, scale float32) {
	for ; len(x) >= 4*h; x = x[4*h:] {
		x0 := x[:h]
		x1 := x[h:][:len(x0)]
		x2 := x[2*h:][:len(x0)]
		x3 := x[3*h:][:len(x0)]
		for i := range x0 {
			a0, a1, a2, a3 := butterfly4(x0[i], x1[i], x2[i], x3[i])
			x0[i], x1[i], x2[i], x3[i] = a0*scale, a1*scale, a2*scale, a3*scale
		}
	}
}

// radix2 runs the stage h and multiplies by scale.
func radix2(x []float32, h int, scale float32) {
	for ; len(x) >= 2*h; x = x[2*h:] {
		x0 := x[:h]
		x1 := x[h:][:len(x0)]
		for i := range x0 {
			a, b := x0[i], x1[i]
			x0[i], x1[i] = (a+b)*scale, (a-b)*scale
		}
	}
}
