package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/klauspost/cpuid/v2"

	"kakeyalattice/internal/kernel"
	"kakeyalattice/report"
)

type versionCmd struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// Help adds examples to the generated text.
func (versionCmd) Help() string { return "Example:\n  kakeya version --json" }

func (c *versionCmd) Run(t *terminal) error {
	tool := thisTool()
	if c.JSON {
		return json.NewEncoder(t.stdout).Encode(tool)
	}
	fmt.Fprintf(t.stdout, "kakeya %s (%s, %s/%s, %s, kernel %s)\n", tool.Version, tool.Go, runtime.GOOS, runtime.GOARCH, tool.CPU, tool.Kernel)
	return nil
}

// thisTool describes the running program.
func thisTool() report.Tool {
	cpu := cpuid.CPU.BrandName
	if cpu == "" {
		cpu = runtime.GOARCH
	}
	return report.Tool{Version: version(), Go: runtime.Version(), CPU: cpu, Kernel: kernel.Active().String()}
}

// version is the module's version, or the commit that the binary was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	revision, modified := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = "+modified"
		}
	}
	if revision == "" {
		return "devel"
	}
	return revision + modified
}
