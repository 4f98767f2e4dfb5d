//go:build !amd64 || noasm

package kernel

func (Format) encodeUnits([]byte, []float32, []float32, int) bool { return false }
func (Format) decodeUnits([]float32, []byte, []float32, int) bool { return false }
func groupMaxAbs([]float32, []float32, int) bool                  { return false }
