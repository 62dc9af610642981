package broker

import (
	"context"
	"errors"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"google.golang.org/protobuf/types/known/timestamppb"

	"delancie/jobs"
)

// clock is a time that stands still until a test moves it.
type clock struct{ ms atomic.Int64 }

func newClock() *clock {
	c := new(clock)
	c.ms.Store(1_700_000_000_000)
	return c
}

func (c *clock) now() time.Time               { return time.UnixMilli(c.ms.Load()) }
func (c *clock) advance(by time.Duration)     { c.ms.Add(by.Milliseconds()) }
func (c *clock) in(d time.Duration) time.Time { return c.now().Add(d) }

// connect returns a client of the server under test: REDIS_URL.
func connect(t testing.TB) *redis.Client {
	t.Helper()
	url := os.Getenv("REDIS_URL")
	if url == "" {
		t.Skip("REDIS_URL is not set, so there is no server to test")
	}
	return connectTo(t, url)
}

func connectTo(t testing.TB, url string) *redis.Client {
	t.Helper()
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	// Retries are the tests' own business: they count what was acknowledged.
	options.MaxRetries = -1
	options.PoolSize = 32
	client := redis.NewClient(options)
	t.Cleanup(func() { client.Close() })
	return client
}

// newQueue returns an empty queue of the server under test, with a clock of its own. At
// the end of the test every job must be in exactly one place.
func newQueue(t testing.TB, options Options) (*Queue, *clock) {
	t.Helper()
	client := connect(t)
	clock := newClock()
	options.Now = clock.now
	queue, err := New(client, "test:"+NewID(), options)
	must(t, err)
	t.Cleanup(func() {
		if !t.Failed() {
			takeCensus(t, queue)
		}
		removeAll(t, queue)
	})
	return queue, clock
}

func removeAll(t testing.TB, q *Queue) {
	ctx := context.Background()
	keys := q.client.Scan(ctx, 0, escapeGlob(q.key(""))+"*", 1000).Iterator()
	for keys.Next(ctx) {
		must(t, q.client.Unlink(ctx, keys.Val()).Err())
	}
	must(t, keys.Err())
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// got passes a value on and fails the test where there is an error instead.
func got[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		must(t, err)
		return value
	}
}

func equal[T comparable](t testing.TB, what string, found, expected T) {
	t.Helper()
	if found != expected {
		t.Fatalf("%s: found %v, expected %v", what, found, expected)
	}
}

func isError(t testing.TB, what string, err, expected error) {
	t.Helper()
	if !errors.Is(err, expected) {
		t.Fatalf("%s: found the error %v, expected %v", what, err, expected)
	}
}

// everyByte is no UTF-8, and has what a careless parser stumbles over.
func everyByte() []byte {
	body := []byte("\r\n$-1\r\n\x00")
	for value := range 256 {
		body = append(body, byte(value))
	}
	return body
}

// job returns a job whose body has every byte.
func job(change func(*jobs.Job)) *jobs.Job {
	made := &jobs.Job{
		Body:    everyByte(),
		Headers: map[string]string{"trace": "4bf92f35"},
	}
	if change != nil {
		change(made)
	}
	return made
}

func failure(reason string, at time.Time) *jobs.Failure {
	return &jobs.Failure{
		Reason: reason, Stack: []byte("\xfe\xff\x00stack"), FailedAt: timestamppb.New(at),
	}
}

// take dequeues and expects the job with an id.
func take(t testing.TB, q *Queue, id string) *Delivery {
	t.Helper()
	delivery := got(q.Dequeue(context.Background(), "worker"))(t)
	equal(t, "the job that is delivered", delivery.Job.Id, id)
	return delivery
}

// takeNone expects that no job may run now.
func takeNone(t testing.TB, q *Queue) {
	t.Helper()
	_, err := q.Dequeue(context.Background(), "worker")
	isError(t, "dequeue", err, ErrEmpty)
}
