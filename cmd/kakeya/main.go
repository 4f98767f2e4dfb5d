// Command kakeya answers how few bits a KV cache can be stored in, at what
// measured cost in quality.
//
// Exit codes: 0 done, 1 the data or the system is at fault, 2 the command line
// is at fault, 130 interrupted (the folder can be resumed).
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"kakeyalattice/bench"
	"kakeyalattice/capacity"
	"kakeyalattice/codec"
	"kakeyalattice/experiment"
	"kakeyalattice/kv"
	"kakeyalattice/synthetic"
)

// The exit codes, documented in the help text.
const (
	exitDone        = 0
	exitData        = 1
	exitUsage       = 2
	exitInterrupted = 130
)

// cli is the command line.
type cli struct {
	Audit   auditCmd   `cmd:"" help:"Audit a KV cache: codecs against baselines, with intervals."`
	Sweep   sweepCmd   `cmd:"" help:"Measure many codec parameters; find the fewest bits at each threshold."`
	Eval    evalCmd    `cmd:"" help:"Run a model with codecs in its KV cache: perplexity, KL, agreement."`
	Capture captureCmd `cmd:"" help:"Run a model over texts and write its KV streams as a dump."`
	Fetch   fetchCmd   `cmd:"" help:"Bring just the tensors that a job needs from the Hub."`
	Codec   codecCmd   `cmd:"" help:"List codecs, send one tensor through one, write and read pages."`
	Plan    planCmd    `cmd:"" help:"Plan memory: bytes of a sequence in each layout, sequences on a node of GPUs."`
	Worker  workerCmd  `cmd:"" help:"Measure units of the distributed runs of other processes."`
	Bench   benchCmd   `cmd:"" help:"Time codecs on this machine."`
	Report  reportCmd  `cmd:"" help:"Render a result.json again."`
	Version versionCmd `cmd:"" help:"Print the version and what it runs on."`
}

// usageError marks an error that a different command line would avoid.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// streams are where a command reads and writes.
type terminal struct {
	ctx    context.Context
	stdout io.Writer
	stderr io.Writer
	args   []string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

const about = `kakeya measures KV-cache codecs: bits counted from bytes, quality from what decoding returns, every figure with n and a 95 % interval.

Exit codes: 0 done; 1 the data or the system is at fault; 2 the command line is at fault; 130 interrupted, resumable with --resume.`

// run is main without the process: it returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var c cli
	exit := -1
	parser, err := kong.New(&c,
		kong.Name("kakeya"),
		kong.Description(about),
		kong.Writers(stdout, stderr),
		kong.Vars{
			"families":        strings.Join(synthetic.Names(), ", "),
			"baselines":       experiment.DefaultBaselines,
			"evalCodecs":      evalCodecs,
			"qualityTokens":   fmt.Sprint(qualityTokens),
			"benchCodecs":     benchCodecs,
			"benchSeconds":    fmt.Sprint(bench.DefaultPerCase.Seconds()),
			"planCodecs":      capacity.DefaultCodecs,
			"planUtilisation": fmt.Sprint(capacity.DefaultUtilisation),
		},
		kong.Exit(func(code int) { exit = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, Summary: true}),
	)
	if err != nil {
		fmt.Fprintln(stderr, "kakeya:", err)
		return exitUsage
	}
	kctx, err := parser.Parse(args)
	if exit >= 0 {
		return exit // help was printed
	}
	if err != nil {
		return fail(stderr, usageError{err})
	}
	if err := kctx.Run(&terminal{ctx, stdout, stderr, args}); err != nil {
		return fail(stderr, err)
	}
	return exitDone
}

// fail prints err as one line and returns its exit code.
func fail(stderr io.Writer, err error) int {
	fmt.Fprintln(stderr, "kakeya:", strings.ReplaceAll(err.Error(), "\n", " "))
	var usage usageError
	switch {
	case errors.Is(err, experiment.ErrInterrupted), errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &usage),
		errors.Is(err, codec.ErrDim),
		errors.Is(err, kv.ErrNoTensor),
		errors.Is(err, experiment.ErrSettings):
		return exitUsage
	}
	return exitData
}
