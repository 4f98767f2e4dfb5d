package capacity

import (
	"fmt"
	"strconv"
	"strings"
)

// GPU is a GPU by the memory that its driver reports in total. A process can
// allocate a little less.
type GPU struct {
	Name   string
	Memory int64 // bytes
}

// gpus are by the totals of nvidia-smi and rocm-smi: 141 GB on the box of an
// H200 are 143,771 MiB.
var gpus = []GPU{
	{"L4", 23034 << 20},
	{"L40S", 46068 << 20},
	{"RTX4090", 24564 << 20},
	{"RTX5090", 32607 << 20},
	{"RTXPRO6000", 97887 << 20},
	{"A100-40GB", 40960 << 20},
	{"A100-80GB", 81920 << 20},
	{"H20", 97871 << 20},
	{"H100", 81559 << 20},
	{"H200", 143771 << 20},
	{"GH200", 97871 << 20},
	{"B200", 183359 << 20},
	{"B300", 275040 << 20},
	{"MI300X", 206141652992},
}

// GPUs lists the GPUs that are known by name.
func GPUs() []GPU { return append([]GPU{}, gpus...) }

func gpuNames() string {
	names := make([]string, len(gpus))
	for i, g := range gpus {
		names[i] = g.Name
	}
	return strings.Join(names, ", ")
}

// Node is GPUs of one sort that serve a model together.
type Node struct {
	Name   string
	GPUs   int
	Memory int64 // of each, bytes
}

// maxGPUs bounds the GPUs of a node.
const maxGPUs = 1 << 16

// ParseNode reads GPUs: 4xH200, H200, 8x192GiB, or a number alone. memory, where
// it is not 0, is that of each, whatever the name says.
func ParseNode(text string, memory int64) (Node, error) {
	count, kind := 1, text
	digits := len(text) - len(strings.TrimLeft(text, "0123456789"))
	if rest := text[digits:]; digits > 0 && (rest == "" || strings.ContainsAny(rest[:1], "xX") || strings.HasPrefix(rest, "×")) {
		n, err := strconv.Atoi(text[:digits])
		if err != nil || n < 1 || n > maxGPUs {
			return Node{}, fmt.Errorf("%q: want 1 to %d GPUs", text, maxGPUs)
		}
		count, kind = n, strings.TrimLeft(rest, "xX×")
		if rest == "" && memory == 0 {
			return Node{}, fmt.Errorf("%q: of what memory? write %sxH200, %sx80GiB, or add --gpu-memory", text, text, text)
		}
		if rest == "" {
			kind = "GPU"
		}
	}
	switch known := findGPU(kind); {
	case kind == "":
		return Node{}, unknownGPU(text)
	case known != nil:
		kind = known.Name
		if memory == 0 {
			memory = known.Memory
		}
	case memory == 0:
		size, err := ParseSize(kind)
		if err != nil && kind[0] >= '0' && kind[0] <= '9' {
			return Node{}, fmt.Errorf("%q: %w", text, err)
		}
		if err != nil {
			return Node{}, unknownGPU(text)
		}
		memory = size
	}
	if memory < 1 {
		return Node{}, fmt.Errorf("%q: a GPU without memory", text)
	}
	return Node{Name: fmt.Sprintf("%dx%s", count, kind), GPUs: count, Memory: memory}, nil
}

func unknownGPU(text string) error {
	return fmt.Errorf("%q is not GPUs: write 4xH200 or 4x80GiB, or add --gpu-memory to a name of your own; known are %s", text, gpuNames())
}

// findGPU looks a name up without regard to case and to what joins its words.
func findGPU(name string) *GPU {
	plain := strings.NewReplacer("-", "", "_", "", " ", "")
	for i := range gpus {
		if strings.EqualFold(plain.Replace(gpus[i].Name), plain.Replace(name)) {
			return &gpus[i]
		}
	}
	return nil
}
