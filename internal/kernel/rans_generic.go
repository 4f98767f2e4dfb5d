//go:build !amd64 || noasm

package kernel

func (*RansBatch) encodeTile(*RansAlphabet, int, int) bool      { return false }
func (*RansBatch) decodeTile(*RansAlphabet, int, int, int) bool { return false }
