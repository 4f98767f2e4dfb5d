package report

import (
	"kakeyalattice/ablation"
	"kakeyalattice/stats"
)

// Effect is the headline under one protocol: a named set, or one with a choice
// taken from the other set.
type Effect struct {
	Set      string         `json:"set"`              // reference or production
	Change   string         `json:"change,omitempty"` // "name=value"; absent: none
	About    string         `json:"about,omitempty"`  // what the reference does there
	Codec    string         `json:"codec"`
	Baseline string         `json:"baseline"`
	CR       stats.Float    `json:"cr"` // baseline bits / codec bits
	Streams  []EffectStream `json:"streams"`
	// Weighted is the ratio averaged over the streams by the layers they stand
	// for, in each passage, then summarised.
	Weighted stats.Stat `json:"weighted_ratio"`
}

// EffectStream is the headline on one stream.
type EffectStream struct {
	Stream  string     `json:"stream"`
	Vectors int        `json:"vectors"` // scored, of all passages
	Ratio   stats.Stat `json:"ratio"`
}

// NewEffects puts measured rows into the schema.
func NewEffects(rows []ablation.Row) []Effect {
	out := make([]Effect, len(rows))
	for i, r := range rows {
		out[i] = Effect{Set: r.Set, Change: r.Change, About: r.About, Codec: r.Codec, Baseline: r.Base, CR: stats.Float(r.CR), Weighted: r.Weighted, Streams: []EffectStream{}}
		for _, s := range r.Streams {
			out[i].Streams = append(out[i].Streams, EffectStream{s.Stream, s.Vectors, s.Ratio})
		}
	}
	return out
}
