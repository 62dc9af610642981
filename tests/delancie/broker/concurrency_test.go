package broker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"delancie/jobs"
)

// ledger is what clients know: what the server acknowledged to them.
type ledger struct {
	mutex      sync.Mutex
	enqueued   map[string]bool
	deliveries map[string]string // "ID/ATTEMPT" -> token
	succeeded  map[string]bool
	failed     int
}

func newLedger() *ledger {
	return &ledger{
		enqueued: map[string]bool{}, deliveries: map[string]string{},
		succeeded: map[string]bool{},
	}
}

func (l *ledger) noteEnqueued(ids ...string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for _, id := range ids {
		l.enqueued[id] = true
	}
}

// noteDelivery returns an error where the same attempt was delivered to another before,
// or the job has ended.
func (l *ledger) noteDelivery(d *Delivery) error {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	attempt := fmt.Sprintf("%s/%d", d.Job.Id, d.Attempt)
	if _, known := l.deliveries[attempt]; known {
		return fmt.Errorf("attempt %s was delivered twice", attempt)
	}
	if l.succeeded[d.Job.Id] {
		return fmt.Errorf("attempt %s was delivered after the job was done", attempt)
	}
	l.deliveries[attempt] = string(d.Receipt.Token)
	return nil
}

func (l *ledger) noteSucceeded(id string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.succeeded[id] = true
}

func (l *ledger) noteFailed() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.failed++
}

// check compares what was acknowledged with what the server has, once all jobs ended.
func (l *ledger) check(t *testing.T, q *Queue) {
	t.Helper()
	states := takeCensus(t, q)
	equal(t, "jobs", len(states), len(l.enqueued))
	for id := range l.enqueued {
		expected := "dead"
		if l.succeeded[id] {
			expected = "done"
		}
		equal(t, "state of job "+id, states[id], expected)
	}
	counters := got(q.Stats(ctx))(t).Counters
	equal(t, "succeeded", counters["succeeded"], int64(len(l.succeeded)))
	equal(t, "failed", counters["failed"], int64(l.failed))
	equal(t, "delivered", counters["delivered"], int64(len(l.deliveries)))
}

// groupNames: no group, one without a limit, one with.
var groupNames = []string{"", "free", "narrow"}

const narrowLimit = 2

func randomJob() *jobs.Job {
	body := make([]byte, rand.IntN(400))
	for index := range body {
		body[index] = byte(rand.Uint32())
	}
	return job(func(j *jobs.Job) {
		j.Id = NewID()
		j.Body = body
		j.Priority = rand.Uint32N(4)
		j.Group = groupNames[rand.IntN(len(groupNames))]
		j.AttemptsMax = 3
	})
}

func TestManyWorkersShareAQueueWhileScriptsAreFlushed(t *testing.T) {
	const workers, count = 8, 600
	q, clock := newQueue(t, Options{Lease: time.Minute, Backoff: time.Millisecond})
	got(q.LimitGroup(ctx, "narrow", narrowLimit))(t)
	ledger := newLedger()
	var narrow, done atomic.Int64
	working, stop := context.WithTimeout(ctx, 30*time.Second)
	defer stop()
	var group sync.WaitGroup
	start := func(work func() error) {
		group.Add(1)
		go func() {
			defer group.Done()
			if err := work(); err != nil {
				t.Error(err)
				stop()
			}
		}()
	}

	for range 2 {
		start(func() error {
			for range count / 2 {
				id, err := q.Enqueue(ctx, randomJob())
				if err != nil {
					return err
				}
				ledger.noteEnqueued(id)
			}
			return nil
		})
	}
	for number := range workers {
		start(func() error {
			for working.Err() == nil {
				delivery, err := q.Dequeue(ctx, fmt.Sprintf("worker-%d", number))
				if errors.Is(err, ErrEmpty) {
					time.Sleep(time.Millisecond)
					continue
				}
				if err == nil {
					err = ledger.noteDelivery(delivery)
				}
				if err != nil {
					return err
				}
				if delivery.Job.Group == "narrow" && narrow.Add(1) > narrowLimit {
					return errors.New("too many of a group run")
				}
				ended, err := workOn(q, clock, ledger, delivery, func() {
					if delivery.Job.Group == "narrow" {
						narrow.Add(-1)
					}
				})
				if err != nil {
					return err
				}
				if ended && done.Add(1) == count {
					stop()
				}
			}
			return nil
		})
	}
	start(func() error { return keepUp(working, q, clock) })
	group.Wait()

	if !errors.Is(working.Err(), context.Canceled) {
		t.Fatalf("%d of %d jobs ended in time", done.Load(), count)
	}
	ledger.check(t, q)
}

// workOn does a job: most succeed, some fail. It says whether that was the job's end.
func workOn(
	q *Queue, clock *clock, ledger *ledger, d *Delivery, beforeEnd func(),
) (bool, error) {
	if rand.IntN(4) == 0 {
		if _, err := q.Heartbeat(ctx, d.Receipt); err != nil {
			return false, err
		}
	}
	beforeEnd()
	if rand.IntN(5) == 0 {
		retryAt, err := q.Fail(ctx, d.Receipt, failure("bad luck", clock.now()))
		ledger.noteFailed()
		return retryAt.IsZero(), err
	}
	ledger.noteSucceeded(d.Job.Id)
	return true, q.Succeed(ctx, d.Receipt, d.Job.Body)
}

// keepUp promotes jobs as time goes by, and makes the server forget the scripts.
func keepUp(working context.Context, q *Queue, clock *clock) error {
	for working.Err() == nil {
		clock.advance(time.Millisecond)
		if _, err := q.Promote(ctx); err != nil {
			return err
		}
		if rand.IntN(5) == 0 {
			if err := q.client.ScriptFlush(ctx).Err(); err != nil {
				return err
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
	return nil
}

func TestJobsOfWorkersThatDieAreDoneByOthers(t *testing.T) {
	const count = 60
	q, clock := newQueue(t, Options{Lease: time.Minute})
	batch := make([]*jobs.Job, count)
	for index := range batch {
		batch[index] = job(nil)
	}
	got(q.EnqueueAll(ctx, batch))(t)
	var dead []Receipt
	deliveries := map[string][]byte{}

	for len(deliveries) < count {
		delivery, err := q.Dequeue(ctx, "worker")
		if errors.Is(err, ErrEmpty) {
			clock.advance(time.Hour)
			got(q.Requeue(ctx))(t)
			continue
		}
		must(t, err)
		if len(dead) < count && delivery.Attempt < 3 {
			dead = append(dead, delivery.Receipt)
			continue
		}
		deliveries[delivery.Job.Id] = delivery.Receipt.Token
		must(t, q.Succeed(ctx, delivery.Receipt, nil))
	}

	for _, receipt := range dead {
		if bytes.Equal(deliveries[receipt.JobID], receipt.Token) {
			t.Fatal("two deliveries have one token")
		}
		isError(t, "a dead worker's receipt", q.Succeed(ctx, receipt, nil), ErrStale)
	}
	equal(t, "succeeded", got(q.Stats(ctx))(t).Counters["succeeded"], count)
}
