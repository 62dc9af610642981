// asynq's tour; see tests/clients/tours.py. Its server runs in this process.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/hibiken/asynq"
)

const (
	soon     = 100 * time.Millisecond
	patience = time.Minute
	kept     = time.Hour
)

var (
	address = asynq.RedisClientOpt{Network: "unix", Addr: os.Getenv("RUNNER_SOCKET")}
	journal = filepath.Join(os.Getenv("RUNNER_FOLDER"), "journal")
	client  = asynq.NewClient(address)
	look    = asynq.NewInspector(address)
	writing sync.Mutex
)

func main() {
	tour := tour{jobs: map[string]string{}}
	tour.send()
	server := newServer()
	must(server.Start(asynq.HandlerFunc(handle)))
	tour.waitForAll()
	tour.throwAway()
	tour.runAgain()
	tour.schedule()
	server.Shutdown()
	tour.say()
}

func newServer() *asynq.Server {
	return asynq.NewServer(address, asynq.Config{
		Concurrency:              4,
		Queues:                   map[string]int{"default": 2, "other": 1},
		LogLevel:                 asynq.ErrorLevel,
		ShutdownTimeout:          time.Second,
		TaskCheckInterval:        soon,
		DelayedTaskCheckInterval: soon,
		JanitorInterval:          time.Second,
		GroupGracePeriod:         time.Second,
		GroupMaxSize:             3,
		GroupAggregator: asynq.GroupAggregatorFunc(
			func(_ string, tasks []*asynq.Task) *asynq.Task {
				return asynq.NewTask("add", []byte("together"), asynq.Retention(kept))
			}),
		RetryDelayFunc: func(int, error, *asynq.Task) time.Duration { return soon },
		IsFailure: func(err error) bool {
			return !strings.Contains(err.Error(), "rate limit")
		},
	})
}

// handle runs a task, whose payload is its token.
func handle(ctx context.Context, task *asynq.Task) error {
	token := string(task.Payload())
	times := tell(token)
	switch task.Type() {
	case "fail":
		return errors.New("this job always fails")
	case "skip":
		return fmt.Errorf("no use to try again: %w", asynq.SkipRetry)
	case "revoke":
		return fmt.Errorf("nobody wants it: %w", asynq.RevokeTask)
	case "flaky":
		if times <= 2 {
			return fmt.Errorf("failure %d of 2", times)
		}
	case "limited":
		if times <= 2 {
			return errors.New("rate limit")
		}
	case "slow":
		<-ctx.Done()
		return ctx.Err()
	}
	_, err := task.ResultWriter().Write([]byte("2"))
	return err
}

// tell appends a line to the journal, and returns how often this token ran.
func tell(token string) int {
	writing.Lock()
	defer writing.Unlock()
	text, err := os.ReadFile(journal)
	must(err)
	must(os.WriteFile(journal, append(text, []byte("ran "+token+"\n")...), 0o600))
	return strings.Count(string(text), "ran "+token+"\n") + 1
}

func timesRun(token string) int {
	writing.Lock()
	defer writing.Unlock()
	text, err := os.ReadFile(journal)
	must(err)
	return strings.Count(string(text), "ran "+token+"\n")
}

type tour struct {
	jobs map[string]string
}

func (tour tour) add(story, kind string, options ...asynq.Option) {
	task := asynq.NewTask(kind, []byte(story))
	info, err := client.Enqueue(task, options...)
	must(err)
	tour.jobs[story] = info.Queue + "/" + info.ID
}

func (tour tour) send() {
	keep := asynq.Retention(kept)
	tour.add("plain", "add", keep)
	tour.add("unkept", "add")
	tour.add("expired", "add", asynq.Retention(time.Second))
	tour.add("retried", "flaky", keep, asynq.MaxRetry(3))
	tour.add("limited", "limited", keep, asynq.MaxRetry(1))
	tour.add("failed", "fail", asynq.MaxRetry(1))
	tour.add("skipped", "skip", asynq.MaxRetry(5))
	tour.add("revoked", "revoke", asynq.MaxRetry(5))
	tour.add("too slow", "slow", asynq.MaxRetry(0), asynq.Timeout(time.Second))
	tour.add("late", "add", keep, asynq.ProcessIn(500*time.Millisecond))
	tour.add("far", "add", asynq.ProcessIn(24*time.Hour))
	tour.add("named", "add", asynq.TaskID("a-name"))
	tour.add("unique", "add", keep, asynq.Unique(time.Hour))
	tour.add("other", "add", keep, asynq.Queue("other"))
	for _, member := range []string{"member 1", "member 2", "member 3"} {
		tour.add(member, "add", asynq.Group("full"))
	}
	tour.add("member alone", "add", asynq.Group("small"))
	tour.add("deleted", "add", asynq.ProcessIn(time.Hour))
	must(look.DeleteTask("default", id(tour.jobs["deleted"])))
	tour.add("archived", "add", asynq.ProcessIn(time.Hour))
	must(look.ArchiveTask("default", id(tour.jobs["archived"])))
	tour.add("run now", "add", keep, asynq.ProcessIn(time.Hour))
	must(look.RunTask("default", id(tour.jobs["run now"])))
}

func (tour tour) waitForAll() {
	for _, story := range []string{
		"plain", "unkept", "late", "named", "unique", "other", "run now", "revoked",
	} {
		waitUntil(func() bool { return timesRun(story) > 0 }, story)
	}
	for story, state := range map[string]asynq.TaskState{
		"retried":  asynq.TaskStateCompleted,
		"limited":  asynq.TaskStateCompleted,
		"late":     asynq.TaskStateCompleted,
		"failed":   asynq.TaskStateArchived,
		"skipped":  asynq.TaskStateArchived,
		"too slow": asynq.TaskStateArchived,
	} {
		waitUntil(func() bool { return stateOf(tour.jobs[story]) == state.String() }, story)
	}
	waitUntil(func() bool { return timesRun("together") == 2 }, "groups")
	waitUntil(func() bool { return stateOf(tour.jobs["expired"]) == "gone" }, "expired")
}

// throwAway deletes what waits in a queue that nobody serves, and a queue.
func (tour tour) throwAway() {
	tour.add("purged", "add", asynq.Queue("purged"))
	_, err := look.DeleteAllPendingTasks("purged")
	must(err)
	tour.add("queue deleted", "add", asynq.Queue("gone"))
	must(look.DeleteQueue("gone", true))
	tour.add("waiting", "add", asynq.Queue("idle"))
	tour.add("waiting member", "add", asynq.Queue("idle"), asynq.Group("idle"))
}

// runAgain gives a name to another task, which it may once the first one is gone.
func (tour tour) runAgain() {
	waitUntil(func() bool { return stateOf(tour.jobs["named"]) == "gone" }, "named")
	tour.add("named", "add", asynq.TaskID("a-name"))
	waitUntil(func() bool { return timesRun("named") == 2 }, "named anew")
	waitUntil(func() bool { return stateOf(tour.jobs["named"]) == "gone" }, "named anew")
}

// schedule lets a scheduler enqueue a task each second.
func (tour tour) schedule() {
	scheduler := asynq.NewScheduler(address, &asynq.SchedulerOpts{
		LogLevel: asynq.ErrorLevel,
		PostEnqueueFunc: func(info *asynq.TaskInfo, err error) {
			must(err)
			tour.jobs["tick"] = info.Queue + "/" + info.ID
		},
	})
	_, err := scheduler.Register("@every 1s", asynq.NewTask("add", []byte("tick")),
		asynq.Retention(kept))
	must(err)
	must(scheduler.Start())
	waitUntil(func() bool { return timesRun("tick") >= 2 }, "tick")
	scheduler.Shutdown()
	waitUntil(func() bool { return stateOf(tour.jobs["tick"]) == "completed" }, "tick")
}

func (tour tour) say() {
	counts := map[string]any{}
	for _, queue := range []string{"default", "other", "idle"} {
		info, err := look.GetQueueInfo(queue)
		must(err)
		counts[queue] = map[string]int{
			"completed": info.Completed, "archived": info.Archived,
			"scheduled": info.Scheduled, "pending": info.Pending,
			"aggregating": info.Aggregating, "retry": info.Retry,
		}
	}
	for story, job := range tour.jobs {
		counts["state of "+story] = stateOf(job)
	}
	must(json.NewEncoder(os.Stdout).Encode(
		map[string]any{"jobs": tour.jobs, "counts": counts}))
}

func stateOf(job string) string {
	queue, task, _ := strings.Cut(job, "/")
	info, err := look.GetTaskInfo(queue, task)
	if err != nil {
		return "gone"
	}
	return info.State.String()
}

func id(job string) string {
	_, task, _ := strings.Cut(job, "/")
	return task
}

func waitUntil(isSo func() bool, what string) {
	for end := time.Now().Add(patience); !isSo(); time.Sleep(soon / 5) {
		if time.Now().After(end) {
			panic("never: " + what)
		}
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
