package capacity

import (
	"fmt"
	"math"
)

// Parallel is how the GPUs of a node share a model.
type Parallel string

const (
	// Data puts a sequence's whole cache on one GPU, beside weights that every
	// GPU holds but for the routed experts, which are shared out: data-parallel
	// attention with expert parallelism.
	Data Parallel = "data"
	// Tensor shares out the weights and splits a cache by its key/value heads. A
	// latent cache has one and is held by every GPU.
	Tensor Parallel = "tensor"
	// Context shares out the weights and every sequence's cache, by tokens: the
	// most that a node can hold.
	Context Parallel = "context"
)

// Serving is how a node is used.
type Serving struct {
	// Parallel is Data for a latent cache and Tensor for others where it is empty.
	Parallel Parallel
	// Utilisation is the share of a GPU's memory for weights, cache and Reserve;
	// 0 stands for [DefaultUtilisation].
	Utilisation float64
	// Reserve is what activations, graphs and the like take of it, in bytes on
	// each GPU.
	Reserve int64
	// Weights, where it is not 0, is the memory of all weights.
	Weights int64
}

// DefaultUtilisation is the default of vLLM's --gpu-memory-utilization.
const DefaultUtilisation = 0.9

// NodePlan is how many sequences a node holds.
type NodePlan struct {
	Name          string          `json:"name"`
	GPUs          int             `json:"gpus"`
	GPUMemory     int64           `json:"gpu_memory"`
	Parallel      Parallel        `json:"parallel"`
	Utilisation   float64         `json:"utilisation"`
	Reserve       int64           `json:"reserve"`
	WeightsPerGPU int64           `json:"weights_per_gpu"`
	FreePerGPU    int64           `json:"free_per_gpu"` // for caches; negative where the weights do not fit
	Layouts       []NodeSequences `json:"layouts"`
}

// NodeSequences is what a node holds in one layout.
type NodeSequences struct {
	Name string `json:"name"`
	// BytesPerGPU is what one sequence takes of a GPU that holds a part of it,
	// whole pages and the state of compressors counted.
	BytesPerGPU int64 `json:"sequence_bytes_per_gpu"`
	Sequences   int64 `json:"sequences"`
}

// check fills in the defaults.
func (s Serving) check(m *Model) (Serving, error) {
	switch s.Parallel {
	case Data, Tensor, Context:
	case "":
		if s.Parallel = Tensor; m.latent {
			s.Parallel = Data
		}
	default:
		return s, fmt.Errorf("parallel %q: want %s, %s or %s", s.Parallel, Data, Tensor, Context)
	}
	if s.Utilisation == 0 {
		s.Utilisation = DefaultUtilisation
	}
	if !(s.Utilisation > 0 && s.Utilisation <= 1) {
		return s, fmt.Errorf("utilisation %v: want more than 0 and at most 1", s.Utilisation)
	}
	if s.Reserve < 0 || s.Weights < 0 || s.Reserve >= maxBytes || s.Weights >= maxBytes {
		return s, fmt.Errorf("reserve %d and weights %d: want bytes of 0 to 2^53", s.Reserve, s.Weights)
	}
	return s, nil
}

// node counts the sequences of each layout.
func (m *Model) node(n Node, s Serving, layouts []LayoutPlan) (NodePlan, error) {
	if n.GPUs < 1 || n.GPUs > maxGPUs || n.Memory < 1 || n.Memory >= maxBytes {
		return NodePlan{}, fmt.Errorf("node %s: %d GPUs of %d bytes", n.Name, n.GPUs, n.Memory)
	}
	weights := m.Weights
	if s.Weights > 0 {
		experts := float64(weights.Experts) / math.Max(1, float64(weights.Bytes)) * float64(s.Weights)
		weights = Weights{Bytes: s.Weights, Experts: int64(experts)}
	}
	if weights.Bytes == 0 {
		return NodePlan{}, ErrWeights
	}
	gpus := float64(n.GPUs)
	perGPU := float64(weights.Bytes) / gpus
	if s.Parallel == Data {
		perGPU = float64(weights.Bytes-weights.Experts) + float64(weights.Experts)/gpus
	}
	p := NodePlan{
		Name: n.Name, GPUs: n.GPUs, GPUMemory: n.Memory,
		Parallel: s.Parallel, Utilisation: s.Utilisation, Reserve: s.Reserve,
		WeightsPerGPU: int64(math.Ceil(perGPU)),
		Layouts:       []NodeSequences{},
	}
	p.FreePerGPU = int64(float64(n.Memory)*s.Utilisation) - s.Reserve - p.WeightsPerGPU
	for _, l := range layouts {
		share, copies := 1.0, int64(n.GPUs) // of a sequence on a GPU; GPUs that count sequences by themselves
		switch s.Parallel {
		case Tensor:
			share, copies = math.Ceil(float64(m.KVHeads)/gpus)/float64(m.KVHeads), 1
		case Context:
			share, copies = 1/gpus, 1
		}
		bytes := int64(math.Ceil(float64(l.PaddedBytes)*share)) + m.StateBytes
		held := NodeSequences{Name: l.Name, BytesPerGPU: bytes}
		if bytes > 0 && p.FreePerGPU > 0 {
			held.Sequences = copies * (p.FreePerGPU / bytes)
		}
		p.Layouts = append(p.Layouts, held)
	}
	return p, nil
}
