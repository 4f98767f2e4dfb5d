//go:build !amd64 || noasm

package kernel

func (c *BoxCoder) encode(dst []byte, x, work []float32) (step float32, ok bool) { return 0, false }

func (c *BoxCoder) decode(x []float32, src []byte, step, factor float32) bool { return false }

func (c *BoxCoder) roundTrip(y, x, work []float32) bool { return false }

type rowsPlan struct{}

func newRowsPlan([]int) rowsPlan { return rowsPlan{} }
