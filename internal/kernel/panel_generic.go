//go:build !amd64 || noasm

package kernel

func (Tiles) copyRows([]byte, int, []byte, int, int, int, int) int { return 0 }

func (Tiles) packF32([]float32, []byte, int, int) int       { return 0 }
func (Tiles) packFloats([]float32, []float32, int, int) int { return 0 }
func (Tiles) packBF16([]float32, []byte, int, int) int      { return 0 }
func (Tiles) packFP16([]float32, []byte, int, int) int      { return 0 }

func (Tiles) packFP8([]float32, []byte, int, int, int, []float32) int { return 0 }
func (Tiles) packFP4([]float32, []byte, int, int, int, []float32) int { return 0 }
