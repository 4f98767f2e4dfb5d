package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"time"

	"kakeyalattice/cluster"
)

type workerCmd struct {
	natsFlags `embed:""`
	Workers   int    `placeholder:"N" help:"Units at a time. Default: all cores."`
	Name      string `placeholder:"NAME" help:"What the coordinator calls this worker. Default: host name and process."`
	Once      bool   `help:"End when the first run that this worker joins has ended."`
	Quiet     bool   `help:"Print nothing but errors."`
}

// Help adds examples to the generated text.
func (workerCmd) Help() string {
	return `Joins the distributed runs of a NATS server, and leaves them at any time: Ctrl-C gives back what is under way. It must be of the same version as the coordinator, and reads the files and models that the coordinator names.

Examples:
  kakeya sweep --distribute --listen 127.0.0.1:4222 --local-workers 0
  kakeya worker --nats nats://127.0.0.1:4222
  kakeya worker --nats tls://coordinator:4222 --tls-ca ca.pem --token-file token`
}

func (c *workerCmd) Run(t *terminal) error {
	if c.NATS == "" {
		return usagef("give the server with --nats; the coordinator prints it")
	}
	if c.Workers < 0 {
		return usagef("--workers takes a positive number")
	}
	note := func(text string) {
		if !c.Quiet {
			fmt.Fprintln(t.stderr, "kakeya:", time.Now().Format("15:04:05"), text)
		}
	}
	conn, err := c.connect(t.ctx, note)
	if err != nil {
		return err
	}
	defer conn.Close()
	w := &cluster.Worker{Conn: conn, Name: c.Name, Version: version(), Threads: c.Workers, Note: note}
	if w.Threads == 0 {
		w.Threads = runtime.GOMAXPROCS(0)
	}
	if w.Name == "" {
		host, _ := os.Hostname()
		w.Name = fmt.Sprintf("%s/%d", host, os.Getpid())
	}
	ctx, cancel := context.WithCancel(t.ctx)
	defer cancel()
	w.Open = func(ctx context.Context, job cluster.Job) (*cluster.Input, error) {
		var spec jobSpec
		if err := json.Unmarshal(job.Spec, &spec); err != nil {
			return nil, fmt.Errorf("its description: %w", err)
		}
		input, err := spec.open(ctx, t, conn, job.ID)
		if err != nil || !c.Once {
			return input, err
		}
		end := input.Close
		input.Close = func() { end(); cancel() }
		return input, nil
	}
	note("waiting for runs at " + c.NATS)
	return w.Run(ctx)
}
