package capture

import (
	"slices"
	"testing"

	"kakeyalattice/model/deepseek4"
)

func TestLayersAreNumbersRangesKindsAndAll(t *testing.T) {
	cfg := &deepseek4.Config{Layers: 6, CompressRatios: []int{0, 0, 4, 128, 4, 128, 0}}
	for text, want := range map[string][]int{
		"":           {0, 2, 3},
		"5":          {5},
		"3,1,3":      {1, 3},
		"1-3":        {1, 2, 3},
		"all":        {0, 1, 2, 3, 4, 5},
		"csa":        {2, 4},
		"hca, 0":     {0, 3, 5},
		"swa,csa":    {0, 1, 2, 4},
		"2-2,csa,2":  {2, 4},
		" 4 , 0 - 1": nil,
		"3-1":        nil,
		"-1":         nil,
		"6":          nil,
		"0,,1":       nil,
	} {
		got, err := ParseLayers(text, cfg)
		if (err != nil) != (want == nil) || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
}
