package broker

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"google.golang.org/protobuf/types/known/timestamppb"

	"delancie/jobs"
	"delancie/lua"
)

func grouped(t testing.TB, q *Queue, group string, count int) []string {
	t.Helper()
	ids := make([]string, count)
	for index := range ids {
		ids[index] = got(q.Enqueue(ctx, job(func(j *jobs.Job) { j.Group = group })))(t)
	}
	return ids
}

func TestGroupRunsNoMoreThanItsLimit(t *testing.T) {
	q, _ := newQueue(t, Options{})
	got(q.LimitGroup(ctx, "mail", 2))(t)
	mail := grouped(t, q, "mail", 5)
	free := got(q.Enqueue(ctx, job(nil)))(t)

	first := take(t, q, mail[0])
	take(t, q, mail[1])
	take(t, q, free) // the line is not held up by a group that is full
	takeNone(t, q)
	equal(t, "state", takeCensus(t, q)[mail[2]], "waiting")
	if moved := got(q.Reprioritize(ctx, mail[4], 9))(t); !moved {
		t.Fatal("a waiting job did not move")
	}
	must(t, q.Succeed(ctx, first.Receipt, nil))

	take(t, q, mail[4])
	takeNone(t, q)
	equal(t, "let go", got(q.LimitGroup(ctx, "mail", 3))(t), 1)
	equal(t, "deleted from the pending", got(q.Delete(ctx, mail[2]))(t), true)
	take(t, q, mail[3])
	takeNone(t, q)
}

func TestGroupIsLetGoWhenItsLimitIsLifted(t *testing.T) {
	q, clock := newQueue(t, Options{Lease: time.Minute})
	got(q.LimitGroup(ctx, "mail", 1))(t)
	mail := grouped(t, q, "mail", 6)
	take(t, q, mail[0])
	takeNone(t, q)
	equal(t, "deleted from the waiting", got(q.Delete(ctx, mail[5]))(t), true)

	clock.advance(time.Hour)
	equal(t, "taken", len(got(q.Requeue(ctx))(t)), 1)
	take(t, q, mail[1]) // it was let go when the lease ended
	takeNone(t, q)
	equal(t, "let go", got(q.LimitGroup(ctx, "mail", 0))(t), 4)

	for _, id := range []string{mail[2], mail[3], mail[4], mail[0]} {
		take(t, q, id)
	}
}

func TestQueueRunsNoMoreThanItsLimit(t *testing.T) {
	q, _ := newQueue(t, Options{})
	must(t, q.Change(ctx, func(settings *Settings) { settings.Limit = 1 }))
	ids := grouped(t, q, "", 2)
	delivery := take(t, q, ids[0])

	takeNone(t, q)
	must(t, q.Succeed(ctx, delivery.Receipt, nil))

	take(t, q, ids[1])
}

func TestPausedQueueDeliversNothing(t *testing.T) {
	q, _ := newQueue(t, Options{})
	ids := grouped(t, q, "", 2)
	delivery := take(t, q, ids[0])
	must(t, q.Pause(ctx))

	takeNone(t, q)
	must(t, q.Succeed(ctx, delivery.Receipt, nil))
	must(t, q.Resume(ctx))

	take(t, q, ids[1])
	equal(t, "settings", got(q.Settings(ctx))(t), Settings{Version: 2})
}

func TestConcurrentChangesOfTheSettingsAreNotLost(t *testing.T) {
	q, _ := newQueue(t, Options{})
	const changers, changes = 4, 10
	var group sync.WaitGroup
	for range changers {
		group.Add(1)
		go func() {
			defer group.Done()
			for range changes {
				if err := q.Change(ctx, func(s *Settings) { s.Limit++ }); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	group.Wait()

	expected := Settings{Limit: changers * changes, Version: changers * changes}
	equal(t, "settings", got(q.Settings(ctx))(t), expected)
}

func TestDeleteTakesAJobFromEveryPlaceButAWorker(t *testing.T) {
	q, clock := newQueue(t, Options{})
	leased := grouped(t, q, "", 1)[0]
	receipt := take(t, q, leased).Receipt
	pending := grouped(t, q, "", 1)[0]
	scheduled := got(q.Enqueue(ctx, job(func(j *jobs.Job) {
		j.NotBefore = timestamppb.New(clock.in(time.Hour))
	})))(t)

	_, err := q.Delete(ctx, leased)
	isError(t, "delete", err, ErrLeased)
	must(t, q.Succeed(ctx, receipt, nil))

	for _, id := range []string{leased, pending, scheduled} {
		equal(t, "deleted", got(q.Delete(ctx, id))(t), true)
		equal(t, "deleted again", got(q.Delete(ctx, id))(t), false)
	}
	equal(t, "jobs", len(takeCensus(t, q)), 0)
	isError(t, "the receipt of a job that is gone", q.Succeed(ctx, receipt, nil), ErrStale)
}

func TestListingShowsEachJobOnceWhileOthersComeAndGo(t *testing.T) {
	q, _ := newQueue(t, Options{})
	batch := make([]*jobs.Job, 1500)
	for index := range batch {
		batch[index] = job(func(j *jobs.Job) { j.Body = []byte{byte(index)} })
	}
	staying := got(q.EnqueueAll(ctx, batch))(t)
	shown := map[string]int{}
	visits := 0

	must(t, q.List(ctx, func(row Row) {
		shown[row.ID]++
		if visits++; visits%10 == 0 {
			id := got(q.Enqueue(ctx, job(nil)))(t)
			if visits%20 == 0 {
				got(q.Delete(ctx, id))(t)
			}
		}
	}))

	for _, id := range staying {
		equal(t, "times that "+id+" is shown", shown[id], 1)
	}
}

func TestEnqueueAllIsOneTransaction(t *testing.T) {
	q, _ := newQueue(t, Options{})
	must(t, q.client.ScriptFlush(ctx).Err())
	batch := []*jobs.Job{job(nil), job(nil), job(nil)}

	ids := got(q.EnqueueAll(ctx, batch))(t)

	for _, id := range ids {
		take(t, q, id)
	}
	_, err := q.EnqueueAll(ctx, []*jobs.Job{job(nil), {Priority: 5000}})
	if err == nil || !strings.Contains(err.Error(), "5000") {
		t.Fatalf("found the error %v, expected one about the priority", err)
	}
	takeNone(t, q)
}

func TestJobLeftAtTheDoorIsLetInOnce(t *testing.T) {
	q, _ := newQueue(t, Options{})
	for index := range 3 {
		must(t, q.Submit(ctx, job(func(j *jobs.Job) { j.Id = fmt.Sprint(index) })))
	}
	must(t, q.Submit(ctx, job(func(j *jobs.Job) { j.Id = "0" })))
	// An acceptor that died after its first step.
	must(t, q.client.LMove(ctx, q.key("intake"), q.key("accepting"), "RIGHT", "LEFT").Err())

	equal(t, "let in", got(q.Accept(ctx))(t), 4)

	for index := range 3 {
		take(t, q, fmt.Sprint(index))
	}
	takeNone(t, q)
	left := got(q.client.Exists(ctx, q.key("intake"), q.key("accepting")).Result())(t)
	equal(t, "left", left, 0)
}

func TestLockHasOneHolder(t *testing.T) {
	q, _ := newQueue(t, Options{})
	lock := got(q.Lock(ctx, "acceptor", time.Minute))(t)

	if second := got(q.Lock(ctx, "acceptor", time.Minute))(t); second != nil {
		t.Fatal("two hold the lock")
	}
	equal(t, "extended", got(lock.Extend(ctx, time.Hour))(t), true)
	ttl := got(q.client.PTTL(ctx, lock.key).Result())(t)
	if ttl <= time.Minute || ttl > time.Hour {
		t.Fatalf("the lock lasts %v", ttl)
	}
	equal(t, "unlocked", got(lock.Unlock(ctx))(t), true)
	equal(t, "unlocked again", got(lock.Unlock(ctx))(t), false)
	equal(t, "extended again", got(lock.Extend(ctx, time.Hour))(t), false)
	short := got(q.Lock(ctx, "acceptor", 30*time.Millisecond))(t)
	for got(short.Extend(ctx, time.Millisecond))(t) {
		time.Sleep(3 * time.Millisecond)
	}
	if other := got(q.Lock(ctx, "acceptor", time.Minute))(t); other == nil {
		t.Fatal("a lock outlived its time")
	}
	equal(t, "unlocked by the old holder", got(short.Unlock(ctx))(t), false)
}

// callCounter notes the scripting commands that a client sends.
type callCounter struct {
	mutex sync.Mutex
	calls []string
}

func (c *callCounter) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		return next(ctx, network, address)
	}
}

func (c *callCounter) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, command redis.Cmder) error {
		if name := command.Name(); name == "script" || strings.HasPrefix(name, "eval") {
			c.mutex.Lock()
			c.calls = append(c.calls, name)
			c.mutex.Unlock()
		}
		return next(ctx, command)
	}
}

func (c *callCounter) ProcessPipelineHook(
	next redis.ProcessPipelineHook,
) redis.ProcessPipelineHook {
	return func(ctx context.Context, commands []redis.Cmder) error {
		return next(ctx, commands)
	}
}

func TestScriptRunsByItsDigestAndIsSentWhereTheServerForgotIt(t *testing.T) {
	q, _ := newQueue(t, Options{})
	counter := new(callCounter)
	q.client.AddHook(counter)
	must(t, q.client.ScriptFlush(ctx).Err())

	got(q.Enqueue(ctx, job(nil)))(t)
	got(q.Enqueue(ctx, job(nil)))(t)
	must(t, q.client.Do(ctx, "SCRIPT", "FLUSH", "SYNC").Err())
	got(q.Enqueue(ctx, job(nil)))(t)

	expected := "script evalsha eval evalsha script evalsha eval"
	equal(t, "calls", strings.Join(counter.calls, " "), expected)
	err := q.client.EvalSha(ctx, strings.Repeat("0", 40), nil).Err()
	if !redis.HasErrorPrefix(err, "NOSCRIPT") {
		t.Fatalf("an unknown digest: %v", err)
	}
	loaded := got(q.client.ScriptExists(ctx, q.scripts.byName["enqueue"].Hash(),
		strings.Repeat("0", 40)).Result())(t)
	equal(t, "enqueue is loaded", loaded[0], true)
	equal(t, "the unknown one is loaded", loaded[1], false)
}

func TestScriptThatFailsTellsWhere(t *testing.T) {
	q, _ := newQueue(t, Options{})
	must(t, q.client.Set(ctx, q.key("pending"), "no sorted set", 0).Err())

	_, err := q.Enqueue(ctx, job(func(j *jobs.Job) { j.Id = "1" }))

	source := got(lua.Sources())(t)["enqueue"]
	before, _, _ := strings.Cut(source, "redis.call('ZADD', queue .. 'pending'")
	line := fmt.Sprintf("on @user_script:%d.", strings.Count(before, "\n")+1)
	if !redis.HasErrorPrefix(err, "WRONGTYPE") || !strings.Contains(err.Error(), line) {
		t.Fatalf("found the error %v", err)
	}
	// What it wrote before it failed stays, as in Redis.
	must(t, q.client.Del(ctx, q.key("pending")).Err())
	state := got(q.client.HGet(ctx, q.key("job:1"), "state").Result())(t)
	equal(t, "state", state, "pending")
	must(t, q.client.ZAdd(ctx, q.key("pending"), redis.Z{Score: 1, Member: "1"}).Err())
}
