package lattice

// ClosestZn sets z to the closest point of Z^n to y, n = len(y) = len(z):
// every coordinate rounded to the nearest integer, halves to even.
func ClosestZn(z, y []float32) {
	z = z[:len(y)]
	for i, v := range y {
		z[i] = (v + magic) - magic
	}
}
