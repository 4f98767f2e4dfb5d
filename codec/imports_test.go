package codec_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The codec library is embedded by others: these packages may depend on the
// standard library, golang.org/x/sys and one another only.
func TestTheCodecLibraryDependsOnTheStandardLibraryAndXSysOnly(t *testing.T) {
	library := []string{"kakeyalattice/lattice", "kakeyalattice/hadamard", "kakeyalattice/minifloat", "kakeyalattice/codec", "kakeyalattice/page"}
	args := append([]string{"list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}"}, library...)
	out, err := exec.Command("go", args...).Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for _, path := range strings.Fields(string(out)) {
		own := slices.Contains(library, path) || strings.HasPrefix(path, "kakeyalattice/internal/")
		if !own && !strings.HasPrefix(path, "golang.org/x/sys/") {
			t.Errorf("the codec library depends on %s", path)
		}
	}
}
