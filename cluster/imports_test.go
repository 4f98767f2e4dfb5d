package cluster

import (
	"os/exec"
	"strings"
	"testing"
)

// Only the command and this package may bring NATS into a program.
func TestOnlyTheCommandDependsOnNATS(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Deps " "}}`, "kakeyalattice/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		name, deps, _ := strings.Cut(strings.TrimSpace(line), " ")
		own := strings.HasPrefix(name, "kakeyalattice") && name != "kakeyalattice/cluster" && name != "kakeyalattice/cmd/kakeya"
		if own && strings.Contains(deps, "nats-io") {
			t.Errorf("%s depends on NATS", name)
		}
	}
}
