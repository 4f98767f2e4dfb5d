package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"kakeyalattice/cluster"
	"kakeyalattice/codec"
	"kakeyalattice/corpus"
	"kakeyalattice/eval"
	"kakeyalattice/experiment"
	"kakeyalattice/kv"
)

// distributeFlags spread the units of a run over processes.
type distributeFlags struct {
	Distribute   bool   `group:"Distribution" help:"Spread the units over worker processes (kakeya worker), with NATS JetStream inside this process."`
	Listen       string `group:"Distribution" placeholder:"HOST:PORT" help:"With --distribute: where workers of other processes and machines reach this one. Other than loopback it needs --token-file."`
	LocalWorkers *int   `group:"Distribution" placeholder:"N" help:"Units that this process measures at a time beside coordinating; 0 waits for workers. Default: all cores."`
	TLSCert      string `name:"tls-cert" group:"Distribution" placeholder:"FILE" help:"Certificate of --listen, PEM."`
	TLSKey       string `name:"tls-key" group:"Distribution" placeholder:"FILE" help:"Its key, PEM."`
	natsFlags    `embed:""`
}

// natsFlags say how to reach a NATS server.
type natsFlags struct {
	NATS      string `name:"nats" group:"Distribution" placeholder:"URL" help:"A NATS server or cluster with JetStream, such as nats://host:4222; several separated by commas."`
	TokenFile string `group:"Distribution" placeholder:"FILE" help:"File with the token that workers show and the server asks for."`
	Creds     string `group:"Distribution" placeholder:"FILE" help:"NATS credentials file."`
	TLSCA     string `name:"tls-ca" group:"Distribution" placeholder:"FILE" help:"Certificates of authorities to trust, PEM."`
}

func (f *natsFlags) connect(ctx context.Context, trouble func(string)) (*cluster.Conn, error) {
	host, _ := os.Hostname()
	return cluster.Connect(ctx, cluster.ConnectOptions{URL: f.NATS, TokenFile: f.TokenFile, Creds: f.Creds, CA: f.TLSCA, Name: "kakeya " + host, Trouble: trouble})
}

// on says whether the run is distributed.
func (f *distributeFlags) on() bool { return f.Distribute || f.NATS != "" }

func (f *distributeFlags) check() error {
	switch {
	case f.Distribute && f.NATS != "":
		return usagef("--distribute embeds a server, --nats names another: give one of them")
	case f.Listen != "" && !f.Distribute:
		return usagef("--listen goes with --distribute")
	case f.LocalWorkers != nil && (*f.LocalWorkers < 0 || !f.on()):
		return usagef("--local-workers takes a number from 0 on, with --distribute or --nats")
	case f.on() && f.localWorkers() == 0 && f.NATS == "" && f.Listen == "":
		return usagef("--local-workers 0 without --listen: nobody could measure anything")
	case !f.on() && (f.TokenFile != "" || f.Creds != "" || f.TLSCA != "" || f.TLSCert != "" || f.TLSKey != ""):
		return usagef("--token-file, --creds and --tls-* go with --distribute or --nats")
	}
	return nil
}

func (f *distributeFlags) localWorkers() int {
	if f.LocalWorkers != nil {
		return *f.LocalWorkers
	}
	return runtime.GOMAXPROCS(0)
}

// measureSpec is what a worker needs to make the plan of a coordinator.
type measureSpec struct {
	Source                sourceFlags
	Codecs, Baselines     string
	Named, BaselinesNamed bool
	AttentionQueries      int
	Dumps, Texts          []inputFile
	Fingerprint           string // of the streams
}

// jobFile keeps the job of a run in its folder, and storeDir the streams of an embedded
// server, until the run ends.
const (
	jobFile  = "distribute.job"
	storeDir = "nats"
)

// distribution is a run that is spread over processes.
type distribution struct {
	flags  *distributeFlags
	t      *terminal
	dir    string
	quiet  bool
	server *cluster.Server
	conn   *cluster.Conn
	id     string
}

// distribute starts what the flags ask for; nil where they ask for nothing.
func (f *distributeFlags) distribute(t *terminal, dir string, quiet bool) (_ *distribution, err error) {
	if !f.on() {
		return nil, nil
	}
	d := &distribution{flags: f, t: t, dir: dir, quiet: quiet}
	made := false
	if d.id, made, err = jobOf(dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil && made {
			d.forget() //nolint:errcheck // err says more
		}
	}()
	if f.NATS != "" {
		if d.conn, err = f.connect(t.ctx, d.note); err != nil {
			return nil, err
		}
		return d, nil
	}
	d.server, err = cluster.Serve(cluster.ServeOptions{
		Listen: f.Listen, TokenFile: f.TokenFile, TLSCert: f.TLSCert, TLSKey: f.TLSKey, Store: filepath.Join(dir, storeDir), Name: "kakeya-" + d.id,
	})
	if err != nil {
		return nil, usageError{err}
	}
	if d.conn, err = d.server.Connect("coordinator", f.TokenFile); err != nil {
		d.server.Close()
		return nil, err
	}
	if f.Listen != "" {
		d.note("workers join with: kakeya worker --nats " + d.server.URL())
	}
	return d, nil
}

// jobOf is the job of a run's folder, made anew if there is none.
func jobOf(dir string) (id string, made bool, err error) {
	path := filepath.Join(dir, jobFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		id := rand.Text()
		return id, true, os.WriteFile(path, []byte(id+"\n"), 0o666)
	}
	return strings.TrimSpace(string(text)), false, err
}

// forget removes what the folder keeps of the distribution.
func (d *distribution) forget() error {
	return errors.Join(os.RemoveAll(filepath.Join(d.dir, storeDir)), os.Remove(filepath.Join(d.dir, jobFile)))
}

func (d *distribution) note(text string) {
	if !d.quiet {
		fmt.Fprintln(d.t.stderr, "kakeya:", text)
	}
}

// close ends the server. A run that can be resumed keeps its streams.
func (d *distribution) close(keep bool) error {
	d.conn.Close()
	if d.server != nil {
		d.server.Close()
	}
	if keep {
		return nil
	}
	return d.forget()
}

// jobSpec is what a worker is told of a job: one of the two.
type jobSpec struct {
	Measure *measureSpec `json:",omitempty"`
	Eval    *evalSpec    `json:",omitempty"`
}

func (s *jobSpec) open(ctx context.Context, t *terminal, conn *cluster.Conn, job string) (*cluster.Input, error) {
	switch {
	case s.Measure != nil:
		return s.Measure.open(ctx, t, conn, job)
	case s.Eval != nil:
		return s.Eval.open(ctx, t, conn, job)
	}
	return nil, errors.New("its description says neither what is measured nor what is run")
}

// run has workers do tasks, this process among them with local.
func (d *distribution) run(ctx context.Context, spec *jobSpec, files []*inputFile, local *cluster.Input, tasks [][]byte, deliver func([]byte) error) error {
	co := &cluster.Coordinator{
		Conn: d.conn, Job: cluster.Job{ID: d.id, Version: version()}, Note: d.note, Replicas: d.conn.Replicas(),
		Refused: func(err error) bool { return errors.Is(err, experiment.ErrResult) || errors.Is(err, eval.ErrResult) },
	}
	if d.flags.NATS != "" || d.flags.Listen != "" {
		if err := send(ctx, co, files); err != nil {
			return err
		}
	}
	text, err := json.Marshal(spec)
	if err != nil {
		return err
	}
	co.Job.Spec = text
	workers, stop := context.WithCancel(ctx)
	defer stop()
	if n := d.flags.localWorkers(); n > 0 {
		w := &cluster.Worker{Conn: d.conn, Name: "here", Version: version(), Threads: n, Only: d.id, Open: func(context.Context, cluster.Job) (*cluster.Input, error) {
			return local, nil
		}}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			w.Run(workers) //nolint:errcheck // it ends with its context
		}()
		defer func() { stop(); <-ended }()
	}
	return co.Run(ctx, tasks, deliver)
}

// elsewhere measures a plan by workers.
func (d *distribution) elsewhere(plan *experiment.Plan, spec *measureSpec) experiment.Elsewhere {
	return func(ctx context.Context, tasks []experiment.Task, deliver func([]byte) error) error {
		raw := make([][]byte, len(tasks))
		for i, t := range tasks {
			raw[i] = t
		}
		files := append(pointers(spec.Dumps), pointers(spec.Texts)...)
		return d.run(ctx, &jobSpec{Measure: spec}, files, benches(plan, func() {}), raw, deliver)
	}
}

// benches measure units of a plan.
func benches(plan *experiment.Plan, done func()) *cluster.Input {
	return &cluster.Input{Close: done, New: func() (cluster.Measurer, error) {
		b, err := experiment.NewBench(plan)
		return unitBench{b}, err
	}}
}

type unitBench struct{ *experiment.Bench }

func (b unitBench) Measure(ctx context.Context, task []byte) ([]byte, error) {
	return b.Bench.Measure(ctx, task)
}

func (b unitBench) Close() { b.Release() }

// newMeasureSpec describes a plan.
func newMeasureSpec(f *measureFlags, plan *experiment.Plan) (*measureSpec, error) {
	spec := &measureSpec{
		Source: f.sourceFlags, Codecs: join(plan.Codecs), Baselines: join(plan.Baselines),
		Named: plan.Named, BaselinesNamed: plan.BaselinesNamed, AttentionQueries: plan.AttentionQueries,
	}
	var err error
	if len(f.KV) > 0 {
		if spec.Dumps, err = inputs(kv.ExpandPaths, f.KV); err != nil {
			return nil, err
		}
	}
	if len(f.Text) > 0 {
		if spec.Texts, err = inputs(corpus.Expand, f.Text); err != nil {
			return nil, err
		}
	}
	if err := absolute(&spec.Source.Model, &spec.Source.Host, &spec.Source.Projection, &spec.Source.Hidden); err != nil {
		return nil, err
	}
	spec.Fingerprint, err = fingerprint(plan.Source)
	return spec, err
}

// absolute makes those of the names absolute that are of files or folders.
func absolute(names ...*string) error {
	for _, name := range names {
		if _, err := os.Stat(*name); err == nil {
			if *name, err = filepath.Abs(*name); err != nil {
				return err
			}
		}
	}
	return nil
}

// fingerprint tells inputs apart: the shapes of all streams, and the values of their
// first passage.
func fingerprint(source *kv.Source) (string, error) {
	h := sha256.New()
	var x []float32
	for _, s := range source.Streams {
		fmt.Fprintf(h, "%s %s %d %d %d %d %d", s.Name, s.Kind, s.Layer, s.Dim, s.Heads, s.HeadDim, s.RopeDims)
		for p := range s.Passages() {
			fmt.Fprintf(h, " %d", s.Vectors(p))
		}
		var err error
		if x, err = s.Read(x, 0); err != nil {
			return "", err
		}
		// Writing to a hash does not fail.
		_ = binary.Write(h, binary.LittleEndian, x)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// open makes the plan of a job on a worker.
func (s *measureSpec) open(ctx context.Context, t *terminal, conn *cluster.Conn, job string) (*cluster.Input, error) {
	temp, err := os.MkdirTemp("", "kakeya-worker-")
	if err != nil {
		return nil, err
	}
	clean := func() { os.RemoveAll(temp) } //nolint:errcheck // temporary
	source, plan, err := s.plan(ctx, t, conn, job, temp)
	if err != nil {
		clean()
		return nil, err
	}
	return benches(plan, func() {
		source.Close() //nolint:errcheck // it was read only
		clean()
	}), nil
}

func (s *measureSpec) plan(ctx context.Context, t *terminal, conn *cluster.Conn, job, temp string) (*kv.Source, *experiment.Plan, error) {
	f := s.Source
	var err error
	if f.KV, err = here(ctx, conn, job, temp, s.Dumps); err != nil {
		return nil, nil, err
	}
	if f.Text, err = here(ctx, conn, job, temp, s.Texts); err != nil {
		return nil, nil, err
	}
	plan := &experiment.Plan{Named: s.Named, BaselinesNamed: s.BaselinesNamed, AttentionQueries: s.AttentionQueries}
	if plan.Codecs, err = codec.ParseList(s.Codecs); err != nil {
		return nil, nil, err
	}
	if plan.Baselines, err = codec.ParseList(s.Baselines); err != nil {
		return nil, nil, err
	}
	if err := f.resolve(); err != nil {
		return nil, nil, err
	}
	source, err := f.open(&terminal{ctx, t.stdout, t.stderr, t.args}, true, 0)
	if err != nil {
		return nil, nil, err
	}
	sum, err := fingerprint(source)
	if err == nil && sum != s.Fingerprint {
		err = errors.New("its input gives other vectors than the coordinator's: another file or model under the same name")
	}
	if err != nil {
		source.Close() //nolint:errcheck // it was read only
		return nil, nil, err
	}
	plan.Source = source
	return source, plan, nil
}
