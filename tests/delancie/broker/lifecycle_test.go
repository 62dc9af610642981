package broker

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"delancie/jobs"
)

var ctx = context.Background()

func TestJobKeepsItsBytesFromProducerToWorker(t *testing.T) {
	q, clock := newQueue(t, Options{Lease: time.Minute})
	sent := job(func(j *jobs.Job) { j.NotBefore = timestamppb.New(clock.now()) })
	id := got(q.Enqueue(ctx, sent))(t)

	delivery := take(t, q, id)

	if !proto.Equal(delivery.Job, sent) {
		t.Fatalf("delivered %v, enqueued %v", delivery.Job, sent)
	}
	equal(t, "attempt", delivery.Attempt, 1)
	equal(t, "deadline", delivery.Deadline, clock.in(time.Minute))
	takeNone(t, q)
}

func TestSucceedKeepsTheResultAndMayBeAskedAgain(t *testing.T) {
	q, _ := newQueue(t, Options{})
	id := got(q.Enqueue(ctx, job(nil)))(t)
	receipt := take(t, q, id).Receipt

	must(t, q.Succeed(ctx, receipt, everyByte()))
	must(t, q.Succeed(ctx, receipt, everyByte()))

	stored := got(q.client.HGet(ctx, q.key("job:"+id), "result").Bytes())(t)
	if !bytes.Equal(stored, everyByte()) {
		t.Fatalf("the result came back as %q", stored)
	}
	equal(t, "succeeded", got(q.Stats(ctx))(t).Counters["succeeded"], 1)
	stranger := Receipt{id, NewToken()}
	isError(t, "a stranger's receipt", q.Succeed(ctx, stranger, nil), ErrStale)
	_, err := q.Heartbeat(ctx, receipt)
	isError(t, "heartbeat of a job that is done", err, ErrStale)
}

func TestSameTokenBringsTheSameJob(t *testing.T) {
	q, _ := newQueue(t, Options{})
	got(q.Enqueue(ctx, job(nil)))(t)
	got(q.Enqueue(ctx, job(nil)))(t)
	token := NewToken()

	first := got(q.DequeueAs(ctx, "worker", token))(t)
	second := got(q.DequeueAs(ctx, "worker", token))(t)

	equal(t, "job", second.Job.Id, first.Job.Id)
	equal(t, "attempt", second.Attempt, 1)
}

func TestHigherPriorityRunsFirstAndEqualsInOrder(t *testing.T) {
	q, _ := newQueue(t, Options{})
	order := []uint32{0, 7, 4095, 7, 0, 1}
	ids := make([]string, len(order))
	for index, priority := range order {
		ids[index] = got(q.Enqueue(ctx, job(func(j *jobs.Job) { j.Priority = priority })))(t)
	}

	if moved := got(q.Reprioritize(ctx, ids[5], 4095))(t); !moved {
		t.Fatal("a pending job did not move")
	}

	for _, index := range []int{2, 5, 1, 3, 0, 4} {
		take(t, q, ids[index])
	}
	_, err := q.Reprioritize(ctx, "nobody", 1)
	isError(t, "reprioritize", err, ErrNoJob)
}

func TestDedupeKeyAdmitsOneUnfinishedJob(t *testing.T) {
	q, _ := newQueue(t, Options{})
	unique := func() *jobs.Job {
		return job(func(j *jobs.Job) { j.DedupeKey = "invoice\x00é" })
	}
	first := got(q.Enqueue(ctx, unique()))(t)

	equal(t, "second", got(q.Enqueue(ctx, unique()))(t), first)
	must(t, q.Succeed(ctx, take(t, q, first).Receipt, nil))
	third := got(q.Enqueue(ctx, unique()))(t)

	if third == first {
		t.Fatal("the dedupe key outlived its job")
	}
	if deleted := got(q.Delete(ctx, third))(t); !deleted {
		t.Fatal("the job was not there to delete")
	}
	fourth := got(q.Enqueue(ctx, unique()))(t)
	ttl := got(q.client.PTTL(ctx, q.key("dedupe:invoice\x00é")).Result())(t)
	if fourth == third || ttl <= 59*time.Minute || ttl > time.Hour {
		t.Fatalf("the dedupe key lasts %v", ttl)
	}
	equal(t, "deduplicated", got(q.Stats(ctx))(t).Counters["deduplicated"], 1)
}

func TestSameIDIsEnqueuedOnce(t *testing.T) {
	q, _ := newQueue(t, Options{})
	once := job(func(j *jobs.Job) { j.Id = "once" })

	equal(t, "first", got(q.Enqueue(ctx, once))(t), "once")
	equal(t, "second", got(q.Enqueue(ctx, once))(t), "once")

	equal(t, "enqueued", got(q.Stats(ctx))(t).Counters["enqueued"], 1)
}

func TestScheduledJobWaitsForItsTime(t *testing.T) {
	q, clock := newQueue(t, Options{})
	at := clock.in(time.Hour)
	ids := make([]string, 250) // more than one Promote takes at once
	for index := range ids {
		ids[index] = got(q.Enqueue(ctx, job(func(j *jobs.Job) {
			j.NotBefore = timestamppb.New(at.Add(time.Duration(index) * time.Millisecond))
		})))(t)
	}
	last := ids[len(ids)-1]

	equal(t, "later, to earlier", got(q.NoEarlierThan(ctx, ids[5], clock.now()))(t), false)
	equal(t, "earlier, to later", got(q.NoLaterThan(ctx, ids[5], clock.in(9*time.Hour)))(t), false)
	equal(t, "earlier", got(q.NoLaterThan(ctx, last, clock.in(time.Minute)))(t), true)
	equal(t, "later", got(q.NoEarlierThan(ctx, ids[1], clock.in(9*time.Hour)))(t), true)
	equal(t, "to", got(q.Reschedule(ctx, ids[2], clock.in(10*time.Hour)))(t), true)
	equal(t, "nobody", got(q.Reschedule(ctx, "nobody", clock.now()))(t), false)
	takeNone(t, q)
	equal(t, "too early", got(q.Promote(ctx))(t), 0)
	clock.advance(time.Minute)
	equal(t, "the one that was moved", got(q.Promote(ctx))(t), 1)
	take(t, q, last)
	clock.advance(time.Hour)
	equal(t, "the others", got(q.Promote(ctx))(t), len(ids)-3)
	take(t, q, ids[0])
	take(t, q, ids[3])
}

func TestFailedJobIsRetriedEachTimeTwiceAsLateThenDead(t *testing.T) {
	q, clock := newQueue(t, Options{Backoff: time.Second, BackoffMax: 3 * time.Second})
	id := got(q.Enqueue(ctx, job(func(j *jobs.Job) { j.AttemptsMax = 4 })))(t)

	for _, backoff := range []time.Duration{time.Second, 2 * time.Second, 3 * time.Second} {
		receipt := take(t, q, id).Receipt
		retryAt := got(q.Fail(ctx, receipt, failure("no luck", clock.now())))(t)
		equal(t, "retry", retryAt, clock.in(backoff))
		again := got(q.Fail(ctx, receipt, failure("no luck", clock.now())))(t)
		equal(t, "the same answer", again, retryAt)
		takeNone(t, q)
		clock.advance(backoff)
		equal(t, "promoted", got(q.Promote(ctx))(t), 1)
	}
	receipt := take(t, q, id).Receipt
	equal(t, "dead", got(q.Fail(ctx, receipt, failure("gave up", clock.now())))(t), time.Time{})
	equal(t, "dead still", got(q.Fail(ctx, receipt, failure("", clock.now())))(t), time.Time{})

	stored := new(jobs.Failure)
	reason := got(q.client.HGet(ctx, q.key("job:"+id), "error").Bytes())(t)
	must(t, proto.Unmarshal(reason, stored))
	if !proto.Equal(stored, failure("gave up", clock.now())) {
		t.Fatalf("the failure came back as %v", stored)
	}
	equal(t, "failed", got(q.Stats(ctx))(t).Counters["failed"], 4)
}

func TestDeadJobIsRedrivenInOrderOfDeath(t *testing.T) {
	q, clock := newQueue(t, Options{})
	ids := make([]string, 3)
	for index := range ids {
		ids[index] = got(q.Enqueue(ctx, job(func(j *jobs.Job) { j.AttemptsMax = 1 })))(t)
		got(q.Fail(ctx, take(t, q, ids[index]).Receipt, failure("", clock.now())))(t)
	}
	// A redrive that died after its first step.
	must(t, q.client.RPopLPush(ctx, q.key("dead"), q.key("redriving")).Err())
	equal(t, "jobs", len(takeCensus(t, q)), 3)

	equal(t, "first", got(q.Redrive(ctx))(t), ids[0])
	equal(t, "second", got(q.Redrive(ctx))(t), ids[1])
	equal(t, "deleted", got(q.Delete(ctx, ids[2]))(t), true)

	_, err := q.Redrive(ctx)
	isError(t, "redrive", err, ErrEmpty)
	equal(t, "a new first attempt", take(t, q, ids[0]).Attempt, 1)
}

func TestWorkerThatDiesLosesItsLease(t *testing.T) {
	q, clock := newQueue(t, Options{Lease: time.Minute})
	id := got(q.Enqueue(ctx, job(func(j *jobs.Job) { j.AttemptsMax = 3 })))(t)
	died := take(t, q, id).Receipt
	clock.advance(30 * time.Second)
	equal(t, "heartbeat", got(q.Heartbeat(ctx, died))(t), clock.in(time.Minute))
	clock.advance(59 * time.Second)
	equal(t, "taken too early", len(got(q.Requeue(ctx))(t)), 0)
	clock.advance(-10 * time.Second) // a clock that goes back shortens no lease
	equal(t, "heartbeat", got(q.Heartbeat(ctx, died))(t), clock.in(time.Minute))
	clock.advance(time.Minute)

	equal(t, "taken", got(q.Requeue(ctx))(t)[id], "pending")

	_, err := q.Heartbeat(ctx, died)
	isError(t, "heartbeat", err, ErrStale)
	isError(t, "succeed", q.Succeed(ctx, died, nil), ErrStale)
	_, err = q.Fail(ctx, died, failure("", clock.now()))
	isError(t, "fail", err, ErrStale)
	second := take(t, q, id)
	equal(t, "attempt", second.Attempt, 2)
	isError(t, "succeed, with the old receipt", q.Succeed(ctx, died, nil), ErrStale)
	must(t, q.Succeed(ctx, second.Receipt, nil))
}

func TestJobThatKillsItsWorkersIsBuried(t *testing.T) {
	q, clock := newQueue(t, Options{Lease: time.Minute})
	id := got(q.Enqueue(ctx, job(func(j *jobs.Job) { j.AttemptsMax = 2 })))(t)

	for _, expected := range []string{"pending", "dead"} {
		take(t, q, id)
		clock.advance(time.Hour)
		equal(t, "taken", got(q.Requeue(ctx))(t)[id], expected)
	}

	takeNone(t, q)
	equal(t, "state", takeCensus(t, q)[id], "dead")
}

func TestOldestDoneJobsAreForgotten(t *testing.T) {
	q, clock := newQueue(t, Options{Keep: 2})
	var ids []string
	for index := range 5 {
		id := got(q.Enqueue(ctx, job(func(j *jobs.Job) { j.Id = fmt.Sprint(index) })))(t)
		ids = append(ids, id)
		must(t, q.Succeed(ctx, take(t, q, id).Receipt, nil))
		clock.advance(time.Second)
	}

	states := takeCensus(t, q)

	equal(t, "jobs", len(states), 2)
	equal(t, "last", states[ids[4]], "done")
	equal(t, "last but one", states[ids[3]], "done")
}
