package broker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"delancie/jobs"
)

const (
	crashes        = 5
	crashWorkers   = 6
	crashProducers = 2
	crashBatch     = 7
	// Beyond it the producers wait, so that the workers can follow.
	backlogMax = 300
	// The workers' leases outlast every restart, but not the end of the test.
	crashLease   = time.Hour
	crashTimeout = 60 * time.Second
)

// crashTest is a broker whose server is killed under it.
type crashTest struct {
	t      *testing.T
	q      *Queue
	clock  *clock
	ledger *ledger

	// Who talks to the server holds it for reading: while it is held for writing nobody
	// asks again for what was lost, and the server shows what it recovered alone.
	gate sync.RWMutex

	mutex   sync.Mutex
	held    map[string]Receipt // the deliveries that workers know of
	dropped int                // those of them that nobody works on
	batches [][]string

	producing, working       context.Context
	stopProducing, giveUp    context.CancelFunc
	producers, workers, rest sync.WaitGroup
}

func TestServerIsKilledAndNoJobIsLostOrDoubled(t *testing.T) {
	server := newServer(t)
	c := newCrashTest(t, server)
	c.run(&c.producers, crashProducers, c.produce)
	c.run(&c.workers, crashWorkers, c.work)
	c.run(&c.rest, 1, c.keepUp)

	for range crashes {
		select {
		case <-time.After(100*time.Millisecond + rand.N(300*time.Millisecond)):
		case <-c.working.Done():
		}
		server.kill()
		c.gate.Lock()
		server.start(t)
		c.checkRecovered()
		c.gate.Unlock()
	}
	c.finish()

	c.ledger.check(t, c.q)
	t.Logf("%d jobs, %d deliveries, %d crashes",
		len(c.ledger.enqueued), len(c.ledger.deliveries), crashes)
}

func newCrashTest(t *testing.T, server *server) *crashTest {
	clock := newClock()
	q := got(New(connectTo(t, server.url), "crash", Options{
		Lease: crashLease, Backoff: time.Millisecond, Now: clock.now,
	}))(t)
	c := &crashTest{
		t: t, q: q, clock: clock, ledger: newLedger(), held: map[string]Receipt{},
	}
	c.working, c.giveUp = context.WithTimeout(ctx, crashTimeout)
	c.producing, c.stopProducing = context.WithCancel(c.working)
	t.Cleanup(c.giveUp)
	got(q.LimitGroup(ctx, "narrow", narrowLimit))(t)
	return c
}

// run starts some goroutines of a kind; the first error of one ends the test.
func (c *crashTest) run(group *sync.WaitGroup, count int, work func(number int) error) {
	for number := range count {
		group.Add(1)
		go func() {
			defer group.Done()
			if err := work(number); err != nil {
				c.t.Error(err)
				c.giveUp()
			}
		}()
	}
}

// insist asks until there is an answer: again where the connection broke.
func insist[T any](c *crashTest, ask func() (T, error)) (T, error) {
	for {
		c.gate.RLock()
		answer, err := ask()
		c.gate.RUnlock()
		if err == nil || isAnswer(err) {
			return answer, err
		}
		if c.working.Err() != nil {
			return answer, fmt.Errorf("given up: %w", err)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// isAnswer says whether an error came from the server, and not from the lack of one.
func isAnswer(err error) bool {
	var reply redis.Error
	return errors.Is(err, ErrEmpty) || errors.Is(err, ErrStale) || errors.As(err, &reply)
}

func (c *crashTest) produce(int) error {
	for c.producing.Err() == nil {
		backlog, err := insist(c, func() (int64, error) {
			return c.q.client.ZCard(ctx, c.q.key("pending")).Result()
		})
		if err != nil {
			return err
		}
		if backlog > backlogMax {
			time.Sleep(2 * time.Millisecond)
			continue
		}
		if err := c.produceOne(); err != nil {
			return err
		}
		if err := c.produceBatch(); err != nil {
			return err
		}
	}
	return nil
}

func (c *crashTest) produceOne() error {
	one := randomJob()
	id, err := insist(c, func() (string, error) { return c.q.Enqueue(ctx, one) })
	if err == nil {
		c.ledger.noteEnqueued(id)
	}
	return err
}

func (c *crashTest) produceBatch() error {
	batch, ids := make([]*jobs.Job, crashBatch), make([]string, crashBatch)
	for index := range batch {
		batch[index] = randomJob()
		ids[index] = batch[index].Id
	}
	c.mutex.Lock()
	c.batches = append(c.batches, ids)
	c.mutex.Unlock()
	ids, err := insist(c, func() ([]string, error) { return c.q.EnqueueAll(ctx, batch) })
	if err == nil {
		c.ledger.noteEnqueued(ids...)
	}
	return err
}

// work does jobs until all are done. One delivery in twenty is dropped, as if the worker
// had died.
func (c *crashTest) work(number int) error {
	for {
		token := NewToken()
		delivery, err := insist(c, func() (*Delivery, error) {
			delivery, err := c.q.DequeueAs(ctx, fmt.Sprintf("worker-%d", number), token)
			if err == nil {
				// Noted while the gate is held, so that a check after a crash finds it.
				c.hold(delivery.Receipt)
			}
			return delivery, err
		})
		if errors.Is(err, ErrEmpty) {
			if c.isFinished() {
				return nil
			}
			time.Sleep(time.Millisecond)
			continue
		}
		if err == nil {
			err = c.ledger.noteDelivery(delivery)
		}
		if err == nil && !c.drops() {
			err = c.workOn(delivery)
		}
		if err != nil {
			return fmt.Errorf("worker %d: %w", number, err)
		}
	}
}

// drops says whether the delivery just made is to be dropped, and counts it then.
func (c *crashTest) drops() bool {
	if c.producing.Err() != nil || rand.IntN(20) != 0 {
		return false
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.dropped++
	return true
}

func (c *crashTest) workOn(d *Delivery) error {
	_, err := insist(c, func() (time.Time, error) { return c.q.Heartbeat(ctx, d.Receipt) })
	if err != nil {
		return err
	}
	if rand.IntN(6) == 0 {
		_, err = insist(c, func() (time.Time, error) {
			c.release(d.Receipt)
			return c.q.Fail(ctx, d.Receipt, failure("bad luck", c.clock.now()))
		})
		c.ledger.noteFailed()
		return err
	}
	_, err = insist(c, func() (any, error) {
		c.release(d.Receipt)
		return nil, c.q.Succeed(ctx, d.Receipt, d.Job.Body)
	})
	if err == nil {
		c.ledger.noteSucceeded(d.Job.Id)
	}
	return err
}

func (c *crashTest) hold(receipt Receipt) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.held[string(receipt.Token)] = receipt
}

func (c *crashTest) release(receipt Receipt) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	delete(c.held, string(receipt.Token))
}

// keepUp promotes the jobs that failed, and takes back those that were dropped once
// nobody works on any.
func (c *crashTest) keepUp(int) error {
	for c.working.Err() == nil && !c.isFinished() {
		c.clock.advance(time.Millisecond)
		_, err := insist(c, func() (int, error) { return c.q.Promote(ctx) })
		if err == nil && c.producing.Err() != nil && c.onlyDroppedAreLeft() {
			c.clock.advance(2 * crashLease)
			c.forgetDropped()
			_, err = insist(c, func() (map[string]string, error) { return c.q.Requeue(ctx) })
		}
		if err != nil {
			return err
		}
		time.Sleep(2 * time.Millisecond)
	}
	return nil
}

func (c *crashTest) forgetDropped() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.dropped = 0
}

func (c *crashTest) onlyDroppedAreLeft() bool {
	stats, err := insist(c, func() (Stats, error) { return c.q.Stats(ctx) })
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return err == nil && stats.Pending+stats.Scheduled == 0 && stats.Leased > 0 &&
		int(stats.Leased) == c.dropped
}

// isFinished says whether all that was produced has ended.
func (c *crashTest) isFinished() bool {
	if c.working.Err() != nil {
		return true
	}
	if c.producing.Err() == nil {
		return false
	}
	stats, err := insist(c, func() (Stats, error) { return c.q.Stats(ctx) })
	return err == nil && stats.Done+stats.Dead == stats.Counters["enqueued"]
}

// checkRecovered looks at what the server recovered, before anybody mends it by asking
// again.
func (c *crashTest) checkRecovered() {
	c.t.Helper()
	states := takeCensus(c.t, c.q)
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.ledger.mutex.Lock()
	defer c.ledger.mutex.Unlock()
	for id := range c.ledger.enqueued {
		if states[id] == "" {
			c.t.Fatalf("job %s was acknowledged and is lost", id)
		}
	}
	for id := range c.ledger.succeeded {
		equal(c.t, "state of job "+id+", which succeeded", states[id], "done")
	}
	for _, receipt := range c.held {
		got(c.q.Heartbeat(ctx, receipt))(c.t)
	}
	for _, batch := range c.batches {
		present := slices.DeleteFunc(slices.Clone(batch), func(id string) bool {
			return states[id] == ""
		})
		if len(present) != 0 && len(present) != len(batch) {
			c.t.Fatalf("%d of the %d jobs of one transaction are there",
				len(present), len(batch))
		}
	}
}

// finish lets all jobs end, those of dead workers too.
func (c *crashTest) finish() {
	c.stopProducing()
	c.producers.Wait()
	c.workers.Wait()
	c.rest.Wait()
	if c.t.Failed() {
		c.t.FailNow()
	}
	if c.working.Err() != nil {
		c.t.Fatalf("not all jobs ended in time: %v",
			slices.Collect(maps.Values(c.held)))
	}
}
