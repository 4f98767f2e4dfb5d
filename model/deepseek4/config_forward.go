package deepseek4

import "fmt"

// checkForward refuses sizes and rules with which the forward pass of a layer
// cannot be computed; [ParseConfig] has looked at those of the KV path.
func (c *Config) checkForward() error {
	for _, x := range []struct {
		name  string
		value int
	}{
		{"vocab_size", c.VocabSize}, {"num_attention_heads", c.Heads}, {"q_lora_rank", c.QLoraRank},
		{"o_groups", c.OGroups}, {"o_lora_rank", c.OLoraRank}, {"n_routed_experts", c.RoutedExperts},
		{"num_experts_per_tok", c.ExpertsPerToken}, {"moe_intermediate_size", c.MoEIntermediate},
		{"hc_mult", c.HCMult}, {"hc_sinkhorn_iters", c.HCSinkhornIters},
	} {
		if x.value < 1 || x.value > maxSize {
			return fmt.Errorf("%s is %d", x.name, x.value)
		}
	}
	switch {
	case c.ScoringFunc != "" && c.ScoringFunc != "sqrtsoftplus":
		return fmt.Errorf("scoring_func %q: %w", c.ScoringFunc, ErrUnsupported)
	case c.HiddenAct != "" && c.HiddenAct != "silu":
		return fmt.Errorf("hidden_act %q: %w", c.HiddenAct, ErrUnsupported)
	case c.SharedExperts != 1:
		return fmt.Errorf("n_shared_experts is %d: %w", c.SharedExperts, ErrUnsupported)
	case c.Heads%c.OGroups != 0:
		return fmt.Errorf("%d attention heads cannot be in %d o_groups", c.Heads, c.OGroups)
	case c.ExpertsPerToken > c.RoutedExperts:
		return fmt.Errorf("num_experts_per_tok is %d of n_routed_experts %d", c.ExpertsPerToken, c.RoutedExperts)
	case c.HCMult > 64 || c.HCSinkhornIters > 1000:
		return fmt.Errorf("hc_mult is %d and hc_sinkhorn_iters %d", c.HCMult, c.HCSinkhornIters)
	case !(c.HCEps >= 0 && c.HCEps < 1):
		return fmt.Errorf("hc_eps is %v", c.HCEps)
	case !(c.RoutedScaling > 0 && c.RoutedScaling < 1e6):
		return fmt.Errorf("routed_scaling_factor is %v", c.RoutedScaling)
	case !(c.SwigluLimit >= 0):
		return fmt.Errorf("swiglu_limit is %v", c.SwigluLimit)
	}
	for _, r := range c.CompressRatios[:c.Layers] {
		if r == RatioCSA && (c.IndexHeads < 1 || c.IndexHeads > maxSize || c.IndexTopK < 1) {
			return fmt.Errorf("index_n_heads is %d and index_topk %d", c.IndexHeads, c.IndexTopK)
		}
	}
	return nil
}
