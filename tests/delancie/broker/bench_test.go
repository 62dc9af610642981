package broker

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"delancie/jobs"
)

// BenchmarkBroker measures operations a second; each is one script. Run it by
//
//	REDIS_URL=... go test ./broker -run '^$' -bench Broker -benchtime 3s
func BenchmarkBroker(b *testing.B) {
	b.Run("enqueue", func(b *testing.B) { benchmarkEnqueue(b) })
	for _, clients := range []int{1, 8, 50} {
		b.Run(fmt.Sprintf("lifecycle-%d-clients", clients), func(b *testing.B) {
			benchmarkLifecycle(b, clients)
		})
	}
	b.Run("enqueue-100-in-a-transaction", benchmarkEnqueueAll)
}

func report(b *testing.B, operationsEach int) {
	b.ReportMetric(float64(b.N*operationsEach)/b.Elapsed().Seconds(), "ops/s")
	b.ReportMetric(0, "ns/op")
}

func smallJob() *jobs.Job {
	return &jobs.Job{Body: []byte("\xff\x00 one hundred bytes make a small job " +
		"such as sending a mail to a customer who waits for it now")}
}

func benchmarkEnqueue(b *testing.B) {
	q, _ := newQueue(b, Options{})
	b.ResetTimer()
	for range b.N {
		if _, err := q.Enqueue(ctx, smallJob()); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	report(b, 1)
}

// benchmarkLifecycle takes each job from its enqueue to its end: four operations.
func benchmarkLifecycle(b *testing.B, clients int) {
	q, _ := newQueue(b, Options{Keep: 100})
	var left atomic.Int64
	left.Store(int64(b.N))
	failures := make(chan error, clients)
	b.ResetTimer()
	for number := range clients {
		go func() {
			for left.Add(-1) >= 0 {
				if err := live(q, fmt.Sprint(number)); err != nil {
					failures <- err
					return
				}
			}
			failures <- nil
		}()
	}
	for range clients {
		must(b, <-failures)
	}
	b.StopTimer()
	report(b, 4)
}

func live(q *Queue, worker string) error {
	if _, err := q.Enqueue(ctx, smallJob()); err != nil {
		return err
	}
	delivery, err := q.Dequeue(ctx, worker)
	if err != nil {
		return errors.Join(errors.New("there is a job for each client"), err)
	}
	if _, err := q.Heartbeat(ctx, delivery.Receipt); err != nil {
		return err
	}
	return q.Succeed(ctx, delivery.Receipt, nil)
}

func benchmarkEnqueueAll(b *testing.B) {
	const size = 100
	q, _ := newQueue(b, Options{})
	b.ResetTimer()
	for range b.N {
		batch := make([]*jobs.Job, size)
		for index := range batch {
			batch[index] = smallJob()
		}
		if _, err := q.EnqueueAll(ctx, batch); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	report(b, size)
}
