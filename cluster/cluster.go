// Package cluster spreads the tasks of a run over worker processes with NATS
// JetStream.
//
// A coordinator describes its run as a [Job] in a key-value bucket and puts its tasks
// into a work queue. Workers watch the bucket, open the job's input themselves, take
// tasks, renew their lease while they work, store the result in a stream that keeps one
// for each task, and acknowledge the task after that. A task of a worker that dies comes
// back when its lease ends; a task done twice has one result. Results stay in JetStream
// until the run ends, so that a coordinator that dies goes on where it was.
//
// Subjects and streams of job ID:
//
//	kakeya-jobs             bucket: ID -> Job
//	kakeya-work-ID          work queue, kakeya.ID.work
//	kakeya-done-ID          results, kakeya.ID.done.TASK, one each
//	kakeya-inputs-ID        object store: files that workers may lack
//	kakeya.ID.note          what workers have to say, not kept
package cluster

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Job is a run as workers see it.
type Job struct {
	ID string `json:"id"` // letters and digits
	// Version is that of the program. A worker of another one leaves the job alone:
	// its figures could differ.
	Version string          `json:"version"`
	Spec    json.RawMessage `json:"spec"` // what the input is and what is done with it
}

const (
	jobsBucket = "kakeya-jobs"
	// maxTask, maxResult and maxJob bound messages; maxNote what a worker may say.
	maxTask, maxResult, maxJob, maxNote = 64 << 10, 4 << 20, 1 << 20, 1 << 10
	// maxPayload is that of the embedded server.
	maxPayload = 8 << 20
)

// DefaultLease is how long a task is a worker's that does not renew it.
const DefaultLease = 20 * time.Second

func workStream(id string) string   { return "kakeya-work-" + id }
func doneStream(id string) string   { return "kakeya-done-" + id }
func inputBucket(id string) string  { return "kakeya-inputs-" + id }
func workSubject(id string) string  { return "kakeya." + id + ".work" }
func doneSubjects(id string) string { return "kakeya." + id + ".done.*" }
func noteSubject(id string) string  { return "kakeya." + id + ".note" }

const workers = "workers" // the consumer that all workers share

func doneSubject(id string, task []byte) string {
	return "kakeya." + id + ".done." + taskID(task)
}

// taskID names a task.
func taskID(task []byte) string {
	sum := sha256.Sum256(task)
	return hex.EncodeToString(sum[:16])
}

var jobID = regexp.MustCompile(`^[0-9A-Za-z]{1,64}$`)

// check says what is wrong with a job.
func (j *Job) check() error {
	if !jobID.MatchString(j.ID) {
		return fmt.Errorf("cluster: job %q: want letters and digits", j.ID)
	}
	return nil
}

// printable is text that cannot do anything to a terminal, cut to fit.
func printable(text string) string {
	text = strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	if len(text) > maxNote {
		text = strings.ToValidUTF8(text[:maxNote], "")
	}
	return text
}

// Conn is a connection to a server or cluster with JetStream.
type Conn struct {
	nc *nats.Conn
	js jetstream.JetStream
}

func newConn(nc *nats.Conn) (*Conn, error) {
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(10*time.Second))
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("cluster: %w", err)
	}
	return &Conn{nc, js}, nil
}

// Replicas is how many copies a stream should have: three in a cluster of as many
// servers, else one.
func (c *Conn) Replicas() int {
	if len(c.nc.Servers()) >= 3 {
		return 3
	}
	return 1
}

// Close ends the connection.
func (c *Conn) Close() { c.nc.Close() }

// explain adds what to do to errors that people meet.
func explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired):
		return fmt.Errorf("cluster: the server refuses the credentials: give the ones of the coordinator with --token-file or --creds: %w", err)
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return fmt.Errorf("cluster: the server has no JetStream: start it with -js, or enable it for the account: %w", err)
	case isFull(err):
		return fmt.Errorf("cluster: the JetStream store is full: remove streams of old runs (nats stream ls), or raise its limits: %w", err)
	}
	return fmt.Errorf("cluster: %w", err)
}

// isFull says whether a store refused a message for want of room.
func isFull(err error) bool {
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		return false
	}
	text := strings.ToLower(api.Description)
	return strings.Contains(text, "maximum bytes") || strings.Contains(text, "insufficient") || strings.Contains(text, "resource limits exceeded") ||
		strings.Contains(text, "maximum messages exceeded")
}

// isThere says whether a result was refused because the task has one.
func isThere(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && strings.Contains(strings.ToLower(api.Description), "maximum messages per subject")
}
