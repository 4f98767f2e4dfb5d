//go:build !noasm

package kernel

// group is the number of values that the kernels of a level take at a time.
func (l Level) group() int {
	if l == AVX512 {
		return 128
	}
	return 64
}

// closestGroups is [Lattice.Closest] for whole groups; it returns the number of
// values done.
func (l Lattice) closestGroups(z, y []float32, factor float32) (done int) {
	level := Active()
	groups := len(y) / level.group()
	if level == Go || groups == 0 {
		return 0
	}
	t := &unbounded[0][0]
	switch {
	case level == AVX512 && l == E8:
		closestE8AVX512(&z[0], &y[0], groups, factor, t)
	case level == AVX512:
		closestD4AVX512(&z[0], &y[0], groups, factor, t)
	case l == E8:
		closestE8AVX2(&z[0], &y[0], groups, factor, t)
	default:
		closestD4AVX2(&z[0], &y[0], groups, factor, t)
	}
	return groups * level.group()
}

// closestGroups is [Box.Closest] for whole groups; it returns the number of
// values done.
func (b *Box) closestGroups(z, y []float32, factor float32) (done int) {
	level := Active()
	groups := len(y) / level.group()
	if level == Go || groups == 0 {
		return 0
	}
	switch {
	case level == AVX512 && b.lattice == E8:
		closestBoxE8AVX512(&z[0], &y[0], groups, factor, &b.tables.avx512[0][0])
	case level == AVX512:
		closestBoxD4AVX512(&z[0], &y[0], groups, factor, &b.tables.avx512[0][0])
	case b.lattice == E8:
		closestBoxE8AVX2(&z[0], &y[0], groups, factor, &b.tables.avx2[0][0])
	default:
		closestBoxD4AVX2(&z[0], &y[0], groups, factor, &b.tables.avx2[0][0])
	}
	return groups * level.group()
}
