package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
	"google.golang.org/protobuf/proto"

	"delancie/jobs"
)

// Receipt proves that a delivery of a job is the worker's.
type Receipt struct {
	JobID string
	Token []byte // 16 random bytes, made by the worker before it asks
}

// Delivery is a job that a worker holds until the deadline.
type Delivery struct {
	Receipt  Receipt
	Job      *jobs.Job
	Attempt  int64
	Deadline time.Time
}

// NewToken returns the token of a receipt, for DequeueAs.
func NewToken() []byte { return randomBytes(16) }

// Dequeue leases the next job to a worker; ErrEmpty where none may run now.
func (q *Queue) Dequeue(ctx context.Context, worker string) (*Delivery, error) {
	return q.DequeueAs(ctx, worker, NewToken())
}

// DequeueAs is Dequeue with a token of the caller's: who asks again with the same token,
// since the reply was lost, gets the same job.
func (q *Queue) DequeueAs(
	ctx context.Context, worker string, token []byte,
) (*Delivery, error) {
	answer, err := q.run(
		ctx, "dequeue", token, worker, q.nowMs(), q.options.Lease.Milliseconds()).Slice()
	if errors.Is(err, redis.Nil) {
		return nil, ErrEmpty
	}
	if err != nil {
		return nil, err
	}
	id, payload := answer[0].(string), answer[1].(string)
	job := new(jobs.Job)
	if err := proto.Unmarshal([]byte(payload), job); err != nil {
		return nil, fmt.Errorf("delancie: job %s: %w", id, err)
	}
	if job.Id != id || job.Checksum != Checksum(job.Body) {
		return nil, fmt.Errorf("delancie: job %s came back with other bytes", id)
	}
	return &Delivery{
		Receipt:  Receipt{id, token},
		Job:      job,
		Attempt:  answer[2].(int64),
		Deadline: time.UnixMilli(answer[3].(int64)),
	}, nil
}

// Heartbeat makes a lease longer and returns its deadline.
func (q *Queue) Heartbeat(ctx context.Context, receipt Receipt) (time.Time, error) {
	deadlineMs, err := q.run(ctx, "heartbeat",
		receipt.JobID, receipt.Token, q.nowMs(), q.options.Lease.Milliseconds()).Int64()
	if err != nil {
		return time.Time{}, kind(err)
	}
	return time.UnixMilli(deadlineMs), nil
}

// Succeed ends a job and keeps its result.
func (q *Queue) Succeed(ctx context.Context, receipt Receipt, result []byte) error {
	return kind(q.run(ctx, "succeed",
		receipt.JobID, receipt.Token, q.nowMs(), result, q.options.Keep).Err())
}

// Fail ends an attempt. It returns when the job is tried again: the zero time where it
// has had all its attempts and is dead.
func (q *Queue) Fail(
	ctx context.Context, receipt Receipt, failure *jobs.Failure,
) (time.Time, error) {
	reason, err := proto.Marshal(failure)
	if err != nil {
		return time.Time{}, err
	}
	answer, err := q.run(ctx, "fail", receipt.JobID, receipt.Token, q.nowMs(), reason,
		q.options.Backoff.Milliseconds(), q.options.BackoffMax.Milliseconds()).Slice()
	if err != nil {
		return time.Time{}, kind(err)
	}
	if answer[0] == "dead" {
		return time.Time{}, nil
	}
	return time.UnixMilli(answer[1].(int64)), nil
}
