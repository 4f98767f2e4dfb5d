package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Coordinator hands out the tasks of a job and gathers the results.
type Coordinator struct {
	Conn     *Conn
	Job      Job
	Lease    time.Duration // 0: DefaultLease
	Replicas int           // of streams; 0: 1
	// Refused says of an error of deliver that the result is to blame and the task to be
	// done again.
	Refused func(error) bool
	// Note is told what workers say, and what else people should know, one at a time;
	// may be nil.
	Note func(text string)

	noting sync.Mutex
}

// maxNotes bounds how much of what workers say is passed on.
const maxNotes = 200

func (c *Coordinator) note(format string, args ...any) {
	c.noting.Lock()
	defer c.noting.Unlock()
	if c.Note != nil {
		c.Note(fmt.Sprintf(format, args...))
	}
}

// Run has workers do the tasks and gives each result to deliver, once, until all are
// done; then nothing of the job is left in JetStream. After an error or when ctx ends,
// results and job stay: a Run of the same job goes on from them.
func (c *Coordinator) Run(ctx context.Context, tasks [][]byte, deliver func(result []byte) error) error {
	if err := c.Job.check(); err != nil {
		return err
	}
	if len(tasks) == 0 {
		return c.remove(ctx)
	}
	done, err := c.streams(ctx)
	if err != nil {
		return explain(err)
	}
	notes, err := c.listen()
	if err != nil {
		return explain(err)
	}
	defer notes()
	if err := c.collect(ctx, done, tasks, deliver); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return err
	}
	return c.remove(ctx)
}

// streams makes those of the job, or finds them.
func (c *Coordinator) streams(ctx context.Context) (jetstream.Stream, error) {
	js, id := c.Conn.js, c.Job.ID
	lease := c.Lease
	if lease == 0 {
		lease = DefaultLease
	}
	work, err := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: workStream(id), Subjects: []string{workSubject(id)}, Retention: jetstream.WorkQueuePolicy,
		MaxMsgSize: maxTask, Replicas: c.Replicas,
	})
	if err != nil {
		return nil, err
	}
	// What an earlier coordinator put there is put there anew, but for what is done.
	if err := work.Purge(ctx); err != nil {
		return nil, err
	}
	_, err = work.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{
		Durable: workers, AckPolicy: jetstream.AckExplicitPolicy, AckWait: lease, MaxDeliver: -1, MaxAckPending: -1,
	})
	if err != nil {
		return nil, err
	}
	return js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: doneStream(id), Subjects: []string{doneSubjects(id)}, MaxMsgsPerSubject: 1,
		Discard: jetstream.DiscardNew, DiscardNewPerSubject: true, MaxMsgSize: maxResult, Replicas: c.Replicas,
	})
}

// listen passes on what workers say.
func (c *Coordinator) listen() (stop func(), err error) {
	said, over := 0, false
	sub, err := c.Conn.nc.Subscribe(noteSubject(c.Job.ID), func(m *nats.Msg) {
		c.noting.Lock()
		defer c.noting.Unlock()
		if said++; said <= maxNotes && len(m.Data) <= maxNote && !over && c.Note != nil {
			c.Note(printable(string(m.Data)))
		}
	})
	if err != nil {
		return nil, err
	}
	return func() {
		sub.Unsubscribe() //nolint:errcheck // the connection may be gone
		c.noting.Lock()
		defer c.noting.Unlock()
		over = true
	}, nil
}

// publish describes the job, once its tasks can be taken.
func (c *Coordinator) publish(ctx context.Context) error {
	bucket, err := c.Conn.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: jobsBucket, Replicas: c.Replicas})
	if err != nil {
		return err
	}
	text, err := json.Marshal(c.Job)
	if err != nil {
		return err
	}
	if len(text) > maxJob {
		return fmt.Errorf("the job's description has %d bytes, at most %d can be", len(text), maxJob)
	}
	_, err = bucket.Put(ctx, c.Job.ID, text)
	return err
}

// collect gives out tasks and takes results until all are there.
func (c *Coordinator) collect(ctx context.Context, done jetstream.Stream, tasks [][]byte, deliver func([]byte) error) error {
	left := make(map[string][]byte, len(tasks))
	for _, t := range tasks {
		if len(t) > maxTask {
			return fmt.Errorf("cluster: a task of %d bytes, at most %d can be", len(t), maxTask)
		}
		left[taskID(t)] = t
	}
	info, err := done.Info(ctx)
	if err != nil {
		return explain(err)
	}
	earlier := info.State.LastSeq
	var mu sync.Mutex
	ended := make(chan error, 1)
	end := func(err error) {
		select {
		case ended <- err:
		default:
		}
	}
	started := make(chan struct{})
	var once sync.Once
	consumer, err := done.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverAllPolicy})
	if err != nil {
		return explain(err)
	}
	take := func(m jetstream.Msg) {
		mu.Lock()
		defer mu.Unlock()
		meta, err := m.Metadata()
		if err != nil {
			end(explain(err))
			return
		}
		prefix := len("kakeya.." + c.Job.ID + "done.")
		id := ""
		if len(m.Subject()) > prefix {
			id = m.Subject()[prefix:]
		}
		if task, ok := left[id]; ok {
			err := deliver(m.Data())
			switch {
			case err == nil:
				delete(left, id)
			case c.Refused != nil && c.Refused(err):
				c.note("a result is refused and its task given out again: %s", printable(err.Error()))
				if err := c.again(ctx, done, meta.Sequence.Stream, task); err != nil {
					end(explain(err))
				}
			default:
				end(err)
			}
		}
		if len(left) == 0 {
			end(nil)
		}
		if meta.Sequence.Stream >= earlier {
			once.Do(func() { close(started) })
		}
	}
	consuming, err := consumer.Consume(take)
	if err != nil {
		return explain(err)
	}
	defer consuming.Stop()
	// Results of before come first, so that no task is given out that has one.
	if info.State.Msgs > 0 {
		select {
		case <-started:
		case err := <-ended:
			return err
		case <-time.After(30 * time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	mu.Lock()
	var open [][]byte
	for _, t := range tasks {
		if left[taskID(t)] != nil {
			open = append(open, t)
		}
	}
	mu.Unlock()
	if len(open) == 0 {
		return nil
	}
	if err := c.giveOut(ctx, open); err != nil {
		return explain(err)
	}
	if err := c.publish(ctx); err != nil {
		return explain(err)
	}
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// giveOut puts tasks into the queue, many on their way at a time.
func (c *Coordinator) giveOut(ctx context.Context, tasks [][]byte) error {
	acks := make([]jetstream.PubAckFuture, 0, len(tasks))
	for _, t := range tasks {
		if err := ctx.Err(); err != nil {
			return err
		}
		ack, err := c.Conn.js.PublishAsync(workSubject(c.Job.ID), t, jetstream.WithStallWait(20*time.Second))
		if err != nil {
			return err
		}
		acks = append(acks, ack)
	}
	for _, ack := range acks {
		select {
		case <-ack.Ok():
		case err := <-ack.Err():
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// again removes a refused result and gives its task out anew.
func (c *Coordinator) again(ctx context.Context, done jetstream.Stream, sequence uint64, task []byte) error {
	if err := done.DeleteMsg(ctx, sequence); err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
		return err
	}
	_, err := c.Conn.js.Publish(ctx, workSubject(c.Job.ID), task)
	return err
}

// remove takes all of the job out of JetStream.
func (c *Coordinator) remove(ctx context.Context) error {
	js, id := c.Conn.js, c.Job.ID
	var errs []error
	if bucket, err := js.KeyValue(ctx, jobsBucket); err == nil {
		errs = append(errs, bucket.Purge(ctx, id))
	}
	for _, name := range []string{workStream(id), doneStream(id)} {
		if err := js.DeleteStream(ctx, name); !errors.Is(err, jetstream.ErrStreamNotFound) {
			errs = append(errs, err)
		}
	}
	if err := js.DeleteObjectStore(ctx, inputBucket(id)); !errors.Is(err, jetstream.ErrBucketNotFound) && !errors.Is(err, jetstream.ErrStreamNotFound) {
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return explain(err)
	}
	return nil
}

// SendInput stores a file for workers that lack it, under a name.
func (c *Coordinator) SendInput(ctx context.Context, name, path string) error {
	store, err := c.Conn.js.CreateOrUpdateObjectStore(ctx, jetstream.ObjectStoreConfig{Bucket: inputBucket(c.Job.ID), Replicas: c.Replicas})
	if err != nil {
		return explain(err)
	}
	if info, err := store.GetInfo(ctx, name); err == nil && info.Size > 0 {
		return nil // of an earlier coordinator
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := store.Put(ctx, jetstream.ObjectMeta{Name: name}, f); err != nil {
		return explain(err)
	}
	return nil
}

// Input copies a file that the coordinator of a job sent. The caller checks what it
// gets.
func (c *Conn) Input(ctx context.Context, job, name string, to io.Writer) error {
	store, err := c.js.ObjectStore(ctx, inputBucket(job))
	if err != nil {
		return explain(err)
	}
	object, err := store.Get(ctx, name)
	if err != nil {
		return explain(err)
	}
	defer object.Close()
	_, err = io.Copy(to, object)
	return err
}
