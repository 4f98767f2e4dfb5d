package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// The tasks of these tests are numbers, their results "done N"; a worker process is this
// test binary with the URL of the server in its environment.
const workerEnv = "KAKEYA_CLUSTER_TEST_WORKER"

func TestMain(m *testing.M) {
	if url := os.Getenv(workerEnv); url != "" {
		conn, err := Connect(context.Background(), ConnectOptions{URL: url, Name: "process"})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		w := &Worker{Conn: conn, Name: fmt.Sprint(os.Getpid()), Version: "test", Threads: 2, Open: opens(&counter{pause: 10 * time.Millisecond})}
		if err := w.Run(context.Background()); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// counter measures tasks: it waits, and counts how often each was done.
type counter struct {
	pause time.Duration
	mu    sync.Mutex
	times map[string]int
	fail  func(task string) ([]byte, error) // instead, if it gives either
}

func (c *counter) Measure(ctx context.Context, task []byte) ([]byte, error) {
	select {
	case <-time.After(c.pause):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	c.mu.Lock()
	if c.times == nil {
		c.times = map[string]int{}
	}
	c.times[string(task)]++
	c.mu.Unlock()
	if c.fail != nil {
		if result, err := c.fail(string(task)); result != nil || err != nil {
			return result, err
		}
	}
	return append([]byte("done "), task...), nil
}

func (c *counter) Close() {}

func (c *counter) total() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.times {
		n += k
	}
	return n
}

func opens(c *counter) func(context.Context, Job) (*Input, error) {
	return func(context.Context, Job) (*Input, error) {
		return &Input{New: func() (Measurer, error) { return c, nil }, Close: func() {}}, nil
	}
}

func numbers(n int) (tasks [][]byte) {
	for i := range n {
		tasks = append(tasks, []byte(fmt.Sprint(i)))
	}
	return tasks
}

func serve(t testing.TB, o ServeOptions) *Server {
	t.Helper()
	if o.Store == "" {
		o.Store = t.TempDir()
	}
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	s, err := Serve(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func connect(t testing.TB, url string) *Conn {
	t.Helper()
	c, err := Connect(t.Context(), ConnectOptions{URL: url, Name: t.Name()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// work runs a worker until the test or stop ends it.
func work(t testing.TB, conn *Conn, c *counter, change func(*Worker)) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &Worker{Conn: conn, Name: "w", Version: "test", Threads: 2, Open: opens(c)}
	if change != nil {
		change(w)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := w.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	stop = sync.OnceFunc(func() { cancel(); <-ended })
	t.Cleanup(stop)
	return stop
}

func coordinator(conn *Conn) *Coordinator {
	return &Coordinator{Conn: conn, Job: Job{ID: "job1", Version: "test", Spec: json.RawMessage(`{}`)}, Lease: 2 * time.Second}
}

// gathered checks that every result comes once.
type gathered struct {
	t    testing.TB
	mu   sync.Mutex
	seen map[string]int
	each func(n int)
}

func (g *gathered) deliver(result []byte) error {
	g.mu.Lock()
	if g.seen == nil {
		g.seen = map[string]int{}
	}
	g.seen[string(result)]++
	n := len(g.seen)
	g.mu.Unlock()
	if g.each != nil {
		g.each(n)
	}
	return nil
}

func (g *gathered) check(tasks int) {
	g.t.Helper()
	for i := range tasks {
		if k := g.seen[fmt.Sprintf("done %d", i)]; k != 1 {
			g.t.Errorf("task %d was delivered %d times", i, k)
		}
	}
	if len(g.seen) != tasks {
		g.t.Errorf("%d results of %d tasks", len(g.seen), tasks)
	}
}

// gone checks that nothing of the job is left.
func gone(t *testing.T, c *Conn) {
	t.Helper()
	for info := range c.js.ListStreams(t.Context()).Info() {
		if strings.Contains(info.Config.Name, "job1") {
			t.Errorf("stream %s is left", info.Config.Name)
		}
	}
}

func deadline(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestEveryTaskIsDoneAndDeliveredOnce(t *testing.T) {
	s := serve(t, ServeOptions{})
	c := &counter{pause: time.Millisecond}
	for range 3 {
		work(t, connect(t, s.URL()), c, nil)
	}
	g := &gathered{t: t}
	conn := connect(t, s.URL())
	if err := coordinator(conn).Run(deadline(t), numbers(200), g.deliver); err != nil {
		t.Fatal(err)
	}
	g.check(200)
	if n := c.total(); n != 200 {
		t.Errorf("%d tasks were done", n)
	}
	gone(t, conn)
}

// A worker process that is killed, another that joins late, and a node of a cluster that
// stops: nothing is lost, nothing counts twice.
func TestKilledWorkersAndAStoppedNodeLoseNothing(t *testing.T) {
	urls, nodes := threeNodes(t)
	processes := []*exec.Cmd{process(t, urls), process(t, urls)}
	conn := connect(t, urls)
	const tasks = 150
	var killed, stopped atomic.Bool
	g := &gathered{t: t, each: func(n int) {
		if n >= 20 && killed.CompareAndSwap(false, true) {
			if err := processes[0].Process.Kill(); err != nil {
				t.Error(err)
			}
		}
		if n >= 50 && stopped.CompareAndSwap(false, true) {
			go nodes[2].Close()
			process(t, urls)
		}
	}}
	co := coordinator(conn)
	co.Replicas = 3
	if err := co.Run(deadline(t), numbers(tasks), g.deliver); err != nil {
		t.Fatal(err)
	}
	g.check(tasks)
	if !killed.Load() || !stopped.Load() {
		t.Error("nothing was killed")
	}
}

func process(t *testing.T, url string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), workerEnv+"="+url)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill() //nolint:errcheck // it may be dead
		cmd.Wait()         //nolint:errcheck // it was killed
	})
	return cmd
}

// threeNodes is a cluster on loopback.
func threeNodes(t *testing.T) (urls string, nodes []*Server) {
	t.Helper()
	var routes []string
	for i := range 3 {
		o := ServeOptions{Name: fmt.Sprint("n", i), ClusterName: "test", ClusterListen: freeAddress(t), Routes: slices.Clone(routes)}
		if i == 0 {
			o.Routes = []string{"nats://" + freeAddress(t)} // a route to nobody makes it wait for the others
		}
		routes = append(routes, "nats://"+o.ClusterListen)
		nodes = append(nodes, serve(t, o))
	}
	var list []string
	for _, n := range nodes {
		list = append(list, n.URL())
	}
	urls = strings.Join(list, ",")
	conn := connect(t, urls)
	for begin := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		_, err := conn.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{Name: "probe", Subjects: []string{"probe"}, Replicas: 3})
		cancel()
		if err == nil {
			return urls, nodes
		}
		if time.Since(begin) > 30*time.Second {
			t.Fatalf("the cluster does not form: %v", err)
		}
	}
}

func TestACoordinatorThatDiesGoesOn(t *testing.T) {
	s := serve(t, ServeOptions{})
	c := &counter{pause: 5 * time.Millisecond}
	work(t, connect(t, s.URL()), c, nil)
	ctx, cancel := context.WithCancel(deadline(t))
	first := &gathered{t: t, each: func(n int) {
		if n == 30 {
			cancel()
		}
	}}
	const tasks = 100
	if err := coordinator(connect(t, s.URL())).Run(ctx, numbers(tasks), first.deliver); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond) // the worker goes on meanwhile
	second := &gathered{t: t}
	conn := connect(t, s.URL())
	if err := coordinator(conn).Run(deadline(t), numbers(tasks), second.deliver); err != nil {
		t.Fatal(err)
	}
	second.check(tasks)
	if n := c.total(); n > tasks+4 {
		t.Errorf("%d tasks were done, of %d: results were not kept", n, tasks)
	}
	gone(t, conn)
}

func TestAStoppedServerKeepsTheRun(t *testing.T) {
	store := t.TempDir()
	s := serve(t, ServeOptions{Store: store, Name: "one"})
	c := &counter{pause: 5 * time.Millisecond}
	stop := work(t, connect(t, s.URL()), c, nil)
	ctx, cancel := context.WithCancel(deadline(t))
	g := &gathered{t: t, each: func(n int) {
		if n == 20 {
			cancel()
		}
	}}
	if err := coordinator(connect(t, s.URL())).Run(ctx, numbers(60), g.deliver); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	stop()
	s.Close()
	s = serve(t, ServeOptions{Store: store, Name: "one"})
	work(t, connect(t, s.URL()), c, nil)
	second := &gathered{t: t}
	if err := coordinator(connect(t, s.URL())).Run(deadline(t), numbers(60), second.deliver); err != nil {
		t.Fatal(err)
	}
	second.check(60)
}

func TestADuplicateDeliveryCountsOnce(t *testing.T) {
	s := serve(t, ServeOptions{})
	conn := connect(t, s.URL())
	co := coordinator(conn)
	if _, err := co.streams(t.Context()); err != nil {
		t.Fatal(err)
	}
	task := []byte("7")
	if _, err := conn.js.Publish(t.Context(), doneSubject("job1", task), []byte("done 7")); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.js.Publish(t.Context(), doneSubject("job1", task), []byte("done 7, again")); !isThere(err) {
		t.Errorf("a second result: %v", err)
	}
	// A result of a task that nobody gave out does no harm.
	if _, err := conn.js.Publish(t.Context(), "kakeya.job1.done.ffff", []byte("rm -rf /")); err != nil {
		t.Fatal(err)
	}
	c := &counter{}
	work(t, connect(t, s.URL()), c, nil)
	g := &gathered{t: t}
	if err := co.Run(deadline(t), numbers(20), g.deliver); err != nil {
		t.Fatal(err)
	}
	g.check(20)
	if n := c.times["7"]; n != 0 {
		t.Errorf("the task with a result was done %d times", n)
	}
}

func TestARefusedResultIsMeasuredAgain(t *testing.T) {
	s := serve(t, ServeOptions{})
	var bad atomic.Bool
	c := &counter{fail: func(task string) ([]byte, error) {
		if task == "3" && bad.CompareAndSwap(false, true) {
			return []byte("rubbish \x1b[2J"), nil
		}
		return nil, nil
	}}
	work(t, connect(t, s.URL()), c, nil)
	wrong := errors.New("wrong")
	co := coordinator(connect(t, s.URL()))
	var notes []string
	co.Note = func(text string) { notes = append(notes, text) }
	co.Refused = func(err error) bool { return errors.Is(err, wrong) }
	g := &gathered{t: t}
	err := co.Run(deadline(t), numbers(10), func(result []byte) error {
		if !strings.HasPrefix(string(result), "done ") {
			return fmt.Errorf("%w: %s", wrong, result)
		}
		return g.deliver(result)
	})
	if err != nil {
		t.Fatal(err)
	}
	g.check(10)
	if text := strings.Join(notes, "\n"); !strings.Contains(text, "given out again") || strings.Contains(text, "\x1b") {
		t.Errorf("notes %q", text)
	}
}

func TestAnErrorOfDeliverEndsTheRun(t *testing.T) {
	s := serve(t, ServeOptions{})
	work(t, connect(t, s.URL()), &counter{}, nil)
	bad := errors.New("NaN in stream x")
	if err := coordinator(connect(t, s.URL())).Run(deadline(t), numbers(10), func([]byte) error { return bad }); !errors.Is(err, bad) {
		t.Errorf("%v", err)
	}
}

func TestWorkersThatCannotDoAJobSaySo(t *testing.T) {
	s := serve(t, ServeOptions{})
	work(t, connect(t, s.URL()), &counter{}, func(w *Worker) { w.Name, w.Version = "old", "0.0" })
	work(t, connect(t, s.URL()), &counter{}, func(w *Worker) {
		w.Name = "poor"
		w.Open = func(context.Context, Job) (*Input, error) { return nil, errors.New("no file x.safetensors") }
	})
	co := coordinator(connect(t, s.URL()))
	var mu sync.Mutex
	var notes []string
	heard := make(chan struct{})
	var once sync.Once
	co.Note = func(text string) {
		mu.Lock()
		defer mu.Unlock()
		if notes = append(notes, text); len(notes) >= 2 {
			once.Do(func() { close(heard) })
		}
	}
	able := &counter{}
	go func() {
		<-heard
		work(t, connect(t, s.URL()), able, nil)
	}()
	g := &gathered{t: t}
	if err := co.Run(deadline(t), numbers(10), g.deliver); err != nil {
		t.Fatal(err)
	}
	g.check(10)
	mu.Lock()
	defer mu.Unlock()
	text := strings.Join(notes, "\n")
	for _, want := range []string{"worker old", "it is of kakeya test, this is 0.0", "worker poor", "no file x.safetensors"} {
		if !strings.Contains(text, want) {
			t.Errorf("notes %q lack %q", text, want)
		}
	}
}

func TestInputsTravel(t *testing.T) {
	s := serve(t, ServeOptions{})
	co := coordinator(connect(t, s.URL()))
	path := t.TempDir() + "/x"
	text := strings.Repeat("0123456789", 50000)
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := co.SendInput(t.Context(), "0", path); err != nil {
			t.Fatal(err)
		}
	}
	var got strings.Builder
	if err := connect(t, s.URL()).Input(t.Context(), "job1", "0", &got); err != nil || got.String() != text {
		t.Errorf("%d bytes of %d: %v", got.Len(), len(text), err)
	}
	if err := connect(t, s.URL()).Input(t.Context(), "job1", "1", &got); err == nil {
		t.Error("an input that was not sent")
	}
	if err := co.remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	gone(t, co.Conn)
}

func BenchmarkOverheadPerTask(b *testing.B) {
	for _, workers := range []int{1, 2, 4, 8} {
		for _, pause := range []time.Duration{0, 20 * time.Millisecond} {
			b.Run(fmt.Sprintf("workers=%d/task=%v", workers, pause), func(b *testing.B) {
				s := serve(b, ServeOptions{})
				c := &counter{pause: pause}
				for range workers {
					work(b, connect(b, s.URL()), c, func(w *Worker) { w.Threads = 1 })
				}
				tasks := numbers(400)
				for b.Loop() {
					g := &gathered{t: b}
					if err := coordinator(connect(b, s.URL())).Run(deadline(b), tasks, g.deliver); err != nil {
						b.Fatal(err)
					}
				}
				seconds := b.Elapsed().Seconds() / float64(b.N)
				b.ReportMetric(seconds*1e3/float64(len(tasks)), "ms/task")
				if pause > 0 {
					b.ReportMetric(100*pause.Seconds()*float64(len(tasks))/float64(workers)/seconds, "%efficiency")
				}
			})
		}
	}
}
