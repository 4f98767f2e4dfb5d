package main

import "kakeyalattice/experiment"

type auditCmd struct {
	measureFlags `embed:""`
}

// Help adds examples to the generated text.
func (auditCmd) Help() string {
	return `Without a source it audits the built-in synthetic families, offline.

Examples:
  kakeya audit
  kakeya audit --kv cache.safetensors
  kakeya audit --kv cache.safetensors --vector token --passage-vectors 64
  kakeya audit --kv 'texts/*.safetensors' --tensors 'k.*' --tensors 'v.*'
  kakeya audit --kv cache.safetensors --codecs "e8:q=38 int6:hadamard" --json | jq .thresholds`
}

func (c *auditCmd) Run(t *terminal) error {
	return c.measure(t, "audit", experiment.DefaultAudit)
}
