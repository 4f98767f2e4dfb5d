// Command generate writes the assembly of package kernel and its Go
// declarations, one family of kernels a run:
//
//	go run . FAMILY
//
// makes ../FAMILY_amd64.s and ../FAMILY_decl_amd64.go. It is a module of its
// own, so that its dependencies are none of the users'.
package main

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"slices"
	"strings"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
)

// families are the kernels that make up one file each.
var families = map[string]func(*build.Context){
	"box":      box,
	"bf16":     bf16,
	"cut":      cut,
	"exp":      exp,
	"format":   format,
	"gemm":     gemm,
	"hadamard": hadamard,
	"panel":    panel,
	"rans":     rans,
	"shape":    shape,
	"softmax":  softmax,
	"sums":     sums,
	"vector":   vector,
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("generate: ")
	if len(os.Args) != 2 || families[os.Args[1]] == nil {
		var names []string
		for name := range families {
			names = append(names, name)
		}
		slices.Sort(names)
		log.Fatalf("name one of the families %v", names)
	}
	if err := generate(os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

// generate writes the files of one family.
func generate(family string) error {
	c := build.NewContext()
	c.ConstraintExpr("!noasm")
	families[family](c)
	f, err := c.Result()
	if err != nil {
		return fmt.Errorf("%s: %w", family, err)
	}
	if err := compile.Execute(f); err != nil {
		return fmt.Errorf("%s: %w", family, err)
	}
	cfg := printer.Config{Argv: []string{"go", "generate", "./internal/kernel"}, Pkg: "kernel"}
	for path, p := range map[string]printer.Printer{
		"../" + family + "_amd64.s":       printer.NewGoAsm(cfg),
		"../" + family + "_decl_amd64.go": printer.NewStubs(cfg),
	} {
		text, err := p.Print(f)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if err := os.WriteFile(path, bytes.TrimLeft(text, "\n"), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// compile is [pass.Compile] with the allocator of this package.
var compile = pass.Concat(
	pass.Verify,
	pass.FunctionPass(pass.PruneJumpToFollowingLabel),
	pass.FunctionPass(pass.PruneDanglingLabels),
	pass.FunctionPass(pass.LabelTarget),
	pass.FunctionPass(pass.CFG),
	pass.InstructionPass(pass.ZeroExtend32BitOutputs),
	pass.InstructionPass(narrowInputs),
	pass.FunctionPass(pass.Liveness),
	pass.FunctionPass(allocate),
	pass.FunctionPass(pass.BindRegisters),
	pass.FunctionPass(pass.VerifyAllocation),
	pass.FunctionPass(pass.EnsureBasePointerCalleeSaved),
	pass.Func(pass.IncludeTextFlagHeader),
	pass.FunctionPass(pass.PruneSelfMoves),
	pass.FunctionPass(pass.RequiredISAExtensions),
	pass.FunctionPass(checkISA),
)

// checkISA refuses a function whose instructions its level does not promise.
func checkISA(fn *ir.Function) error {
	promised := isaAVX2
	if wide(fn) {
		promised = isaAVX512
	}
	for _, name := range fn.ISA {
		if name == isaVBMI2 && strings.HasSuffix(fn.Name, levelVBMI2) {
			continue
		}
		if !slices.Contains(promised, name) {
			return fmt.Errorf("%s uses %s", fn.Name, name)
		}
	}
	return nil
}
