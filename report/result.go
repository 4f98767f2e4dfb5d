// Package report holds the result schema, assembles it from measurements and
// decisions, and renders it as Markdown, HTML and CSV.
package report

import (
	"kakeyalattice/capacity"
	"kakeyalattice/kv"
	"kakeyalattice/stats"
)

// Schema names the version of result.json. Fields may be added under the same
// version; a field that exists keeps its name and meaning.
const Schema = "kakeya.result/1"

// Result is result.json. See docs/result.md.
type Result struct {
	Schema      string       `json:"schema"`
	Tool        Tool         `json:"tool"`
	Command     []string     `json:"command"`
	WallSeconds float64      `json:"wall_seconds"`
	Input       kv.Input     `json:"input"`
	Protocol    Protocol     `json:"protocol"`
	Passages    []kv.Passage `json:"passages"`
	// Baselines are the baseline specs in order; ratios name them.
	Baselines []string `json:"baselines"`
	Streams   []Stream `json:"streams"`
	// Thresholds holds, for every stream, baseline, threshold and view, the
	// codec of fewest bits that is admissible, over all codecs measured.
	Thresholds []Threshold `json:"thresholds"`
	// FamilyThresholds holds the same within each codec family.
	FamilyThresholds []Threshold `json:"family_thresholds"`
	Attention        []Attention `json:"attention"`
	// Quality is what codecs in the cache do to the model's predictions; empty where no
	// model was run. Failed lists the codecs whose runs ended early.
	Quality  []Quality `json:"quality"`
	Failed   []Failed  `json:"failed,omitempty"`
	Policies []Policy  `json:"policies"`
	// Capacity holds what the cache of the model behind the streams takes: see
	// docs/capacity.md.
	Capacity []capacity.Plan `json:"capacity"`
	// Effects says what each choice of the protocol does to the headline;
	// absent unless asked for.
	Effects []Effect  `json:"protocol_effects,omitempty"`
	Skipped []Skipped `json:"skipped"`
	Notices []string  `json:"notices"`
}

// Tool says what made the result.
type Tool struct {
	Version string `json:"version"`
	Go      string `json:"go"`
	CPU     string `json:"cpu"`
	Kernel  string `json:"kernel"` // go, avx2, avx512
}

// Protocol is every choice that turned an input into streams and figures.
type Protocol struct {
	Name             string   `json:"name"`
	Vector           string   `json:"vector"` // head or token
	PassageVectors   int      `json:"passage_vectors,omitempty"`
	Blocks           bool     `json:"blocks"` // passages are cut from one text
	Tensors          []string `json:"tensors,omitempty"`
	AttentionQueries int      `json:"attention_queries"`
	// Distortion names the figure that thresholds compare: rel_mse, or
	// rel_mse_energy where rel_mse is undefined.
	Distortion string `json:"distortion"`
	// Switches are the choices that a model's streams were captured by; absent
	// for other inputs.
	Switches []Switch `json:"switches,omitempty"`
	// Arithmetic is that of a model's runs with codecs in its cache: exact or
	// as-served; absent where no model was run.
	Arithmetic string `json:"arithmetic,omitempty"`
}

// Switch is one choice of a protocol, such as padding = none.
type Switch struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Stream is one stream's audit and codecs.
type Stream struct {
	Name    string  `json:"name"`
	Kind    kv.Kind `json:"kind"`
	Layer   int     `json:"layer"`
	Dim     int     `json:"dim"`
	Vectors []int   `json:"vectors"` // per passage
	Audit   Audit   `json:"audit"`
	Codecs  []Codec `json:"codecs"`
	// Pareto lists the codecs, simulated ones left out, that no other beats in
	// both bits and mean rel_mse_energy, by ascending bits.
	Pareto []string `json:"pareto"`
}

// Audit is the non-Gaussian audit over passages, beside the gates that the
// reference applies.
type Audit struct {
	ExcessKurtosis stats.Stat `json:"excess_kurtosis_abs"`
	Isotropy       stats.Stat `json:"isotropy_variance_ratio"`
	HadamardRatio  stats.Stat `json:"hadamard_post_variance_ratio"`
	TailOneSided   stats.Stat `json:"rms_wasserstein2_over_sigma_per_dim"`
	TailTwoSided   stats.Stat `json:"rms_tail_two_sided"`
	// GatesFired counts the four gates of the reference whose mean is above
	// the limit (0.5, 1.5, 1.5, 0.05).
	GatesFired int `json:"gates_fired"`
}

// Codec is one codec on one stream.
type Codec struct {
	Codec     string `json:"codec"`
	Fitted    string `json:"fitted,omitempty"` // spec with its per-stream constant, where it has one
	Family    string `json:"family"`
	Baseline  bool   `json:"baseline"`
	Simulated bool   `json:"simulated"`
	// Solved says that the codec's parameter is the solution of a threshold on
	// this stream, not one that was asked for.
	Solved bool `json:"solved,omitempty"`
	// BitsPerVector is counted from the bytes written, per-stream constants
	// included; claimed where Simulated.
	BitsPerVector float64 `json:"bits_per_vector"`
	Bytes         *int64  `json:"bytes"` // all passages; null where Simulated
	// Overflows counts the vectors of all passages that did not fit their slots
	// and were coded more coarsely; nil for a codec without slots.
	Overflows        *int                   `json:"overflows,omitempty"`
	RelMSE           stats.Stat             `json:"rel_mse"`
	RelMSEEnergy     stats.Stat             `json:"rel_mse_energy"`
	RelMSEEnergyNope *stats.Stat            `json:"rel_mse_energy_nope"`
	RelMSEEnergyRope *stats.Stat            `json:"rel_mse_energy_rope"`
	Cosine           stats.Stat             `json:"cosine"`
	Ratios           map[string]stats.Stat  `json:"ratios"` // by baseline; paired per passage
	CR               map[string]stats.Float `json:"cr"`     // baseline bits / bits, by baseline
}

// Threshold is one decision.
type Threshold struct {
	Stream        string                 `json:"stream"`
	Family        string                 `json:"family,omitempty"`
	Baseline      string                 `json:"baseline"`
	Threshold     string                 `json:"threshold"`
	Multiplier    float64                `json:"multiplier"`
	View          string                 `json:"view"`
	Admissible    bool                   `json:"admissible"`
	Reason        string                 `json:"reason,omitempty"` // why nothing is admissible
	Codec         string                 `json:"codec,omitempty"`
	Simulated     bool                   `json:"simulated,omitempty"`
	BitsPerVector *float64               `json:"bits_per_vector"`
	Ratio         *stats.Stat            `json:"ratio,omitempty"` // of the chosen codec to the baseline
	CR            map[string]stats.Float `json:"cr"`
	// HeldOut is the leave-one-passage-out check of the choice; nil where n < 3.
	HeldOut *HeldOut `json:"held_out,omitempty"`
}

// HeldOut is a choice made n times on n-1 passages and judged on the one left
// out.
type HeldOut struct {
	Ratio      stats.Stat     `json:"ratio"`      // of the codec chosen without the passage, on the passage
	Violations int            `json:"violations"` // passages whose ratio is above the multiplier
	Choices    map[string]int `json:"choices"`    // codec -> times chosen; "" where none was admissible
}

// Attention is the attention-output error of one layer's entries.
type Attention struct {
	Layer   int      `json:"layer"`
	Streams []string `json:"streams"`
	Queries string   `json:"queries"` // "q.<layer>", or "keys" where drawn from the keys
	// PerPassage is the number of query positions per passage.
	PerPassage int              `json:"per_passage"`
	Codecs     []AttentionCodec `json:"codecs"`
}

// AttentionCodec is the relative squared error of softmax(q K'/sqrt d) V when
// K and V have gone through the codec.
type AttentionCodec struct {
	Codec     string     `json:"codec"`
	Simulated bool       `json:"simulated"`
	Error     stats.Stat `json:"attention_output_error"`
}

// Policy is an assignment of codecs to streams.
type Policy struct {
	Name      string                 `json:"name"` // uniform, per-kind, per-layer
	Baseline  string                 `json:"baseline"`
	Threshold string                 `json:"threshold"`
	View      string                 `json:"view"`
	Weights   string                 `json:"weights"` // layers, bytes@<context>
	Reason    string                 `json:"reason,omitempty"`
	Choices   map[string]string      `json:"choices"` // stream (or kind, or "*") -> codec
	Bits      stats.Float            `json:"bits_per_vector"`
	CR        map[string]stats.Float `json:"cr"`
	Ratio     *stats.Stat            `json:"ratio,omitempty"` // weighted per passage, then summarised
}

// Skipped is a codec that was left out of a stream, and why.
type Skipped struct {
	Stream string `json:"stream"`
	Codec  string `json:"codec"`
	Reason string `json:"reason"`
}
