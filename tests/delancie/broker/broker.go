// Package broker is Delancie: a job queue whose every step is one Lua script.
//
// A job is in exactly one place, and its hash says in which (`state`):
//
//	pending    zset   by priority, then by arrival
//	scheduled  zset   by the time at which it becomes ready
//	waiting    zset   one for each group that is at its limit (`waitlist:GROUP`)
//	leased     zset   by the deadline of the lease; a worker holds its receipt
//	done       zset   by the time at which it ended
//	dead       list   gave up; or `redriving`, on its way back to life
//
// Every operation may be asked again with the same arguments after its reply was lost:
// it does nothing twice and gives the same answer.
//
// All keys of a queue begin with `delancie:{QUEUE}:`.
package broker

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// What an operation may be refused for.
var (
	ErrEmpty  = errors.New("delancie: no job may run now")
	ErrStale  = errors.New("delancie: the lease has ended")
	ErrLeased = errors.New("delancie: the job is with a worker")
	ErrNoJob  = errors.New("delancie: there is no such job")
)

// Options of a queue; the zero value has the defaults.
type Options struct {
	Lease      time.Duration    // how long a worker may be silent; 30 s
	Backoff    time.Duration    // before the first retry, then doubled; 1 s
	BackoffMax time.Duration    // 10 min
	DedupeFor  time.Duration    // how long a dedupe key lasts at most; 1 h
	Keep       int              // how many done jobs are kept; 0: all
	Now        func() time.Time // time.Now
}

// Queue is one queue of jobs. It is safe for use by many goroutines.
type Queue struct {
	name    string
	client  *redis.Client
	scripts scripts
	options Options
}

// New returns a queue of the server that a client is for.
func New(client *redis.Client, name string, options Options) (*Queue, error) {
	scripts, err := loadScripts()
	if err != nil {
		return nil, err
	}
	setDefault(&options.Lease, 30*time.Second)
	setDefault(&options.Backoff, time.Second)
	setDefault(&options.BackoffMax, 10*time.Minute)
	setDefault(&options.DedupeFor, time.Hour)
	if options.Keep == 0 {
		options.Keep = -1
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	return &Queue{name, client, scripts, options}, nil
}

func setDefault(duration *time.Duration, value time.Duration) {
	if *duration == 0 {
		*duration = value
	}
}

// NewID returns an id that no other job has.
func NewID() string {
	return hex.EncodeToString(randomBytes(8))
}

func randomBytes(count int) []byte {
	random := make([]byte, count)
	if _, err := rand.Read(random); err != nil {
		panic(err)
	}
	return random
}

// key returns a key of the queue; key("") is what all of them begin with.
func (q *Queue) key(name string) string {
	return "delancie:{" + q.name + "}:" + name
}

// run runs one of the queue's scripts.
func (q *Queue) run(ctx context.Context, name string, argv ...any) *redis.Cmd {
	return q.scripts.run(ctx, q.client, name, q.key(""), argv...)
}

func (q *Queue) nowMs() int64 {
	return q.options.Now().UnixMilli()
}

// kind turns the error reply of a script into one of ours.
func kind(err error) error {
	for prefix, refusal := range map[string]error{
		"STALE": ErrStale, "LEASED": ErrLeased, "NOJOB": ErrNoJob,
	} {
		if redis.HasErrorPrefix(err, prefix) {
			return fmt.Errorf("%w: %s", refusal, err.Error())
		}
	}
	return err
}
