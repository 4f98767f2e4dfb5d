package decide

import "fmt"

// chooseForAll sets the one codec of fewest weighted bits that is admissible on
// all members; among equal bits that of the smaller weighted mean distortion,
// then the earlier on the first member. The reason says why there is none.
func chooseForAll(members []*member, th Threshold, view View) (codec, reason string) {
	index := make([]map[string]int, len(members))
	for i, m := range members {
		index[i] = make(map[string]int, len(m.stream.Candidates))
		for k, c := range m.stream.Candidates {
			if _, seen := index[i][c.Codec]; !seen {
				index[i][c.Codec] = k
			}
		}
	}
	var best []int
	var bestBits, bestMean float64
	shared := false
	for k, c := range members[0].stream.Candidates {
		if index[0][c.Codec] != k {
			continue // listed before
		}
		at, ok := onAll(index, c.Codec)
		if !ok {
			continue
		}
		shared = true
		bits, mean := weighted(members, at)
		if best != nil && (bits > bestBits || bits == bestBits && !(mean < bestMean)) {
			continue
		}
		if admissibleOnAll(members, at, th, view) {
			best, bestBits, bestMean = at, bits, mean
		}
	}
	if best == nil {
		return "", whyNoCodec(members, shared, th, view)
	}
	for i, m := range members {
		m.chosen = m.stream.Candidates[best[i]]
	}
	return members[0].chosen.Codec, ""
}

// onAll returns where every member lists a codec.
func onAll(index []map[string]int, codec string) (at []int, ok bool) {
	at = make([]int, len(index))
	for i := range index {
		if at[i], ok = index[i][codec]; !ok {
			return nil, false
		}
	}
	return at, true
}

// weighted returns the weighted sums of bits and mean distortion of one codec.
// Members whose weights are all 0 count alike.
func weighted(members []*member, at []int) (bits, mean float64) {
	var total float64
	for _, m := range members {
		total += m.weight
	}
	for i, m := range members {
		weight := m.weight
		if total == 0 {
			weight = 1
		}
		c := m.stream.Candidates[at[i]]
		bits += float64(weight * c.Bits)
		mean += float64(weight * gather(c, m.base).distortion.Mean)
	}
	return bits, mean
}

func admissibleOnAll(members []*member, at []int, th Threshold, view View) bool {
	for i, m := range members {
		if !judge(m.stream.Candidates[at[i]], m.base, th, view).admissible {
			return false
		}
	}
	return true
}

func whyNoCodec(members []*member, shared bool, th Threshold, view View) string {
	for _, m := range members {
		if i, reason := choose(m.stream.Candidates, m.base, th, view); i < 0 {
			return fmt.Sprintf("stream %s: %s", m.stream.Name, reason)
		}
	}
	if !shared {
		return fmt.Sprintf("no codec was measured on all %d streams", len(members))
	}
	return fmt.Sprintf("each of %d streams has an admissible codec, but no codec is admissible on all of them", len(members))
}
