package kernel

// GroupMaxAbs sets dst[i] to the largest magnitude of group i of the finite
// values x. Groups are of the given length but for the last, which may be
// shorter.
func GroupMaxAbs(dst, x []float32, group int) {
	if n := len(x) - len(x)%group; n > 0 && group%unit == 0 && groupMaxAbs(dst, x[:n], group) {
		dst, x = dst[n/group:], x[n:]
	}
	for i := 0; len(x) > 0; i++ {
		n := min(group, len(x))
		dst[i] = MaxAbs(x[:n])
		x = x[n:]
	}
}
