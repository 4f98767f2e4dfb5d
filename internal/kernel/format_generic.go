//go:build !amd64 || noasm

package kernel

func (Format) encodeUnits([]byte, []float32, []float32, int) bool { return false }
func (Format) decodeUnits([]float32, []byte, []float32, int) bool { return false }
func groupMaxAbs([]float32, []float32, int) bool                  { return false }

func encodeE4M3Powers([]byte, []byte, []float32, float32, float32) (float32, bool) { return 0, false }

func decodeE4M3Powers([]float32, []byte, []byte) bool { return false }
