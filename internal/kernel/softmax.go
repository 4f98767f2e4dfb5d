package kernel

//go:generate go run -C _generate . softmax

import "kakeyalattice/internal/elementary"

// AddExp adds, for every channel i of equally long slices, e^s to total[i] and
// e^s kv[i] to sum[i], where s is gate[i]+ape[i], rounded to float32, and e^s
// is [elementary.Exp].
func AddExp(total, sum []float64, gate, ape, kv []float32) {
	n := len(total)
	done := addExp(total, sum[:n], gate[:n], ape[:n], kv[:n])
	var weight [64]float64
	for done < n {
		m := min(len(weight), n-done)
		plainAddExp(total[done:done+m], sum[done:done+m], gate[done:done+m], ape[done:done+m], kv[done:done+m], weight[:m])
		done += m
	}
}

func plainAddExp(total, sum []float64, gate, ape, kv []float32, weight []float64) {
	sum, gate, ape, kv = sum[:len(total)], gate[:len(total)], ape[:len(total)], kv[:len(total)]
	weight = weight[:len(total)]
	for i := range weight {
		weight[i] = float64(gate[i] + ape[i])
	}
	elementary.ExpAll(weight)
	for i, w := range weight {
		total[i] += w
		sum[i] += float64(w * float64(kv[i]))
	}
}
