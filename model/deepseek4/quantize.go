package deepseek4

import "slices"

// Served returns entries as the attention of a serving engine reads them back:
// window and compressed entries with the values before the rotary ones rounded
// to E4M3, groups of 64 at power-of-two scales, and the rotary ones as they
// are; indexer entries rounded to E2M1, groups of 32.
func (l *KVLayer) Served(e *Entries) *Entries {
	served := &Entries{slices.Clone(e.Window), slices.Clone(e.Compressed), slices.Clone(e.Indexer)}
	l.serve(Window, served.Window)
	l.serve(Compressed, served.Compressed)
	l.serve(Indexer, served.Indexer)
	return served
}

// serve is Served for the entries of a stream, in place.
func (l *KVLayer) serve(stream Streams, entries []float32) {
	if stream == Indexer {
		fp4 := newFP4Rounder(indexerGroup)
		for at := 0; at < len(entries); at += l.cfg.IndexHeadDim {
			fp4.round(entries[at : at+l.cfg.IndexHeadDim])
		}
	} else {
		fp8 := newFP8Rounder(entryGroup)
		d, rotary := l.cfg.HeadDim, l.cfg.RopeDim
		for at := 0; at < len(entries); at += d {
			fp8.round(entries[at : at+d-rotary])
		}
	}
	l.roundBF16(entries)
}

// preQuantize returns the rounding that the switches ask for.
func (l *KVLayer) preQuantize() func(entry []float32) {
	var round func([]float32)
	switch l.switches.PreQuantize {
	case PreE4M3:
		round = newFP8Rounder(entryGroup).round
	case PreE4M3Amax:
		round = newAmaxRounder(entryGroup).round
	case PreUniform127:
		keep := keepBF16
		if l.switches.Float32 {
			keep = keepFloat32
		}
		round = func(x []float32) { roundUniform(x, entryGroup, keep) }
	default:
		return func([]float32) {}
	}
	rotary := l.cfg.RopeDim
	return func(entry []float32) {
		head := entry[:len(entry)-rotary]
		round(head)
		l.roundBF16(head)
	}
}
