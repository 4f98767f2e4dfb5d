//go:build !amd64 || noasm

package kernel

func hadamardVector([]float32) bool { return false }
