package metric

// dot returns sum q[i] k[i] over the length of q; k may be longer. Lane i mod 8
// takes element i, the last n mod 8 elements go to lane 0, and the lanes are
// added in pairs.
func dot(q []float64, k []float32) float64 {
	var s0, s1, s2, s3, s4, s5, s6, s7 float64
	k = k[:len(q)]
	for len(q) >= 8 && len(k) >= 8 {
		s0 += float64(q[0] * float64(k[0]))
		s1 += float64(q[1] * float64(k[1]))
		s2 += float64(q[2] * float64(k[2]))
		s3 += float64(q[3] * float64(k[3]))
		s4 += float64(q[4] * float64(k[4]))
		s5 += float64(q[5] * float64(k[5]))
		s6 += float64(q[6] * float64(k[6]))
		s7 += float64(q[7] * float64(k[7]))
		q, k = q[8:], k[8:]
	}
	for i, x := range q {
		s0 += float64(x * float64(k[i]))
	}
	return ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7))
}

// weightedSum sets o to the sum of w[j] times row j of v, a row every stride
// elements; a row is as long as o. Rows are added four at a time, as
// (0+1) + (2+3), the last len(w) mod 4 one by one.
func weightedSum(o, w []float64, v []float32, stride int) {
	clear(o)
	n := len(o)
	for len(w) >= 4 {
		w0, w1, w2, w3 := w[0], w[1], w[2], w[3]
		r0, r1, r2, r3 := v[:n], v[stride:][:n], v[2*stride:][:n], v[3*stride:][:n]
		for i := range r0 {
			o[i] += (float64(w0*float64(r0[i])) + float64(w1*float64(r1[i]))) +
				(float64(w2*float64(r2[i])) + float64(w3*float64(r3[i])))
		}
		w = w[4:]
		if len(w) > 0 {
			v = v[4*stride:]
		}
	}
	for j, x := range w {
		for i, y := range v[j*stride:][:n] {
			o[i] += float64(x * float64(y))
		}
	}
}
