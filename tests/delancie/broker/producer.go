package broker

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/redis/go-redis/v9"
	"google.golang.org/protobuf/proto"

	"delancie/jobs"
)

const (
	priorityMax        = 4095
	attemptsMaxDefault = 5
)

// Checksum is what a job's `checksum` must be for a body.
func Checksum(body []byte) uint64 {
	hash := fnv.New64a()
	hash.Write(body)
	return hash.Sum64()
}

// Enqueue adds a job, for now or for later. It sets the id and the checksum where they
// are missing, and returns the id of the job that there is now: that of an older job
// with the same dedupe key, if there is one.
func (q *Queue) Enqueue(ctx context.Context, job *jobs.Job) (string, error) {
	argv, err := q.prepare(job)
	if err != nil {
		return "", err
	}
	return enqueuedID(q.run(ctx, "enqueue", argv...))
}

// EnqueueAll adds many jobs in one transaction: all of them or, where the server dies,
// none.
func (q *Queue) EnqueueAll(ctx context.Context, many []*jobs.Job) ([]string, error) {
	script, keys := q.scripts.byName["enqueue"], []string{q.key("")}
	replies := make([]*redis.Cmd, len(many))
	_, err := q.client.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		for index, job := range many {
			argv, err := q.prepare(job)
			if err != nil {
				return err
			}
			// The first one brings the source, so that none answers NOSCRIPT.
			if index == 0 {
				replies[index] = script.Eval(ctx, pipe, keys, argv...)
			} else {
				replies[index] = script.EvalSha(ctx, pipe, keys, argv...)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(many))
	for index, reply := range replies {
		if ids[index], err = enqueuedID(reply); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// Submit leaves a job at the door with one LPUSH; Accept lets it in.
func (q *Queue) Submit(ctx context.Context, job *jobs.Job) error {
	argv, err := q.prepare(job)
	if err != nil {
		return err
	}
	return q.client.LPush(ctx, q.key("intake"), argv[1]).Err()
}

// Accept lets in the jobs that were left at the door, those first that an acceptor who
// died had already taken, and returns how many. Only one may do so at a time: see Lock.
func (q *Queue) Accept(ctx context.Context) (int, error) {
	stranded, err := q.client.LRange(ctx, q.key("accepting"), 0, -1).Result()
	if err != nil {
		return 0, err
	}
	for count := 0; ; count++ {
		var payload string
		if count < len(stranded) {
			payload = stranded[count]
		} else {
			payload, err = q.client.LMove(
				ctx, q.key("intake"), q.key("accepting"), "RIGHT", "LEFT").Result()
			if errors.Is(err, redis.Nil) {
				return count, nil
			}
			if err != nil {
				return count, err
			}
		}
		if err := q.accept(ctx, payload); err != nil {
			return count, err
		}
	}
}

func (q *Queue) accept(ctx context.Context, payload string) error {
	job := new(jobs.Job)
	if err := proto.Unmarshal([]byte(payload), job); err != nil {
		return fmt.Errorf("delancie: what was submitted is no job: %w", err)
	}
	argv := q.arguments(job, []byte(payload))
	return q.run(ctx, "accept", argv...).Err()
}

// prepare fills in what is missing in a job and returns the arguments of the script.
func (q *Queue) prepare(job *jobs.Job) ([]any, error) {
	if job.Priority > priorityMax {
		return nil, fmt.Errorf("delancie: priority %d is above %d", job.Priority, priorityMax)
	}
	if job.Id == "" {
		job.Id = NewID()
	}
	if job.AttemptsMax == 0 {
		job.AttemptsMax = attemptsMaxDefault
	}
	job.Checksum = Checksum(job.Body)
	payload, err := proto.Marshal(job)
	if err != nil {
		return nil, err
	}
	return q.arguments(job, payload), nil
}

func (q *Queue) arguments(job *jobs.Job, payload []byte) []any {
	var readyMs int64
	if job.NotBefore != nil {
		readyMs = job.NotBefore.AsTime().UnixMilli()
	}
	return []any{
		job.Id, payload, job.Priority, readyMs, q.nowMs(), job.Group, job.AttemptsMax,
		job.DedupeKey, q.options.DedupeFor.Milliseconds(),
	}
}

func enqueuedID(reply *redis.Cmd) (string, error) {
	answer, err := reply.StringSlice()
	if err != nil {
		return "", err
	}
	return answer[1], nil
}

// Reschedule moves a scheduled job to a time; it returns whether there was one to move.
func (q *Queue) Reschedule(ctx context.Context, id string, at time.Time) (bool, error) {
	return q.run(ctx, "reschedule", id, at.UnixMilli(), "to").Bool()
}

// NoLaterThan moves a scheduled job to a time unless it is due earlier already.
func (q *Queue) NoLaterThan(ctx context.Context, id string, at time.Time) (bool, error) {
	return q.run(ctx, "reschedule", id, at.UnixMilli(), "earlier").Bool()
}

// NoEarlierThan moves a scheduled job to a time unless it is due later already.
func (q *Queue) NoEarlierThan(ctx context.Context, id string, at time.Time) (bool, error) {
	return q.run(ctx, "reschedule", id, at.UnixMilli(), "later").Bool()
}

// Reprioritize gives a job another priority and says whether it changed its place.
func (q *Queue) Reprioritize(ctx context.Context, id string, priority uint32) (bool, error) {
	moved, err := q.run(ctx, "reprioritize", id, priority).Bool()
	return moved, kind(err)
}

// Delete removes a job and says whether there was one; not one that is with a worker.
func (q *Queue) Delete(ctx context.Context, id string) (bool, error) {
	deleted, err := q.run(ctx, "delete", id).Bool()
	return deleted, kind(err)
}
