#!/usr/bin/env bash
# Asynq reports that a task was not enqueued, for another has its id, where it was, and has.
#
# What:    go-redis waits five seconds for a reply and then sends a command again, up to three times,
#          scripts as well. Asynq enqueues by a script that does nothing where the task's key exists.
#          So where a server stands still for six seconds (a virtual machine that is moved, a disk
#          that hangs), or a connection is lost behind the script, the first run enqueues the task,
#          and the second finds it: Enqueue returns no task but ErrTaskIDConflict, "task ID conflicts
#          with another task", though its caller gave no id and asynq made a random one. With Unique
#          it is ErrDuplicateTask. The task runs; who enqueues it again upon the error has it run twice.
# Where:   asynq 0.26.0 with go-redis 9.23.0, redis-server 7.0 or later. Asynq's documentation has
#          the error for tasks with the option TaskID alone.
# Source:  asynq internal/rdb/rdb.go: enqueueCmd returns 0 where EXISTS says so, and Enqueue makes
#          ErrTaskIDConflict of 0; enqueueUniqueCmd likewise. go-redis redis.go, processWithRetry,
#          asks error.go, shouldRetry, which says yes to timeouts; MaxRetries is 3 by default.
# Here:    the same; `replay job` says that the task was enqueued, once, and by whom (docs/libraries/asynq.md).
#
# Needs go and redis-server. Exits with 0 while it is so, with 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap '[ -s "$work/pid" ] && kill -CONT "$(cat "$work/pid")" && kill "$(cat "$work/pid")"; rm -rf "$work"' EXIT
redis-server --port 0 --unixsocket "$work/s" --save "" --daemonize yes --pidfile "$work/pid" >"$work/log"
export GOMODCACHE="$work/modules" GOFLAGS="-modcacherw -mod=mod -trimpath"
mkdir "$work/main"
cd "$work/main"
cat >main.go <<'GO'
package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hibiken/asynq"
)

const stall = 6 * time.Second

// stalled enqueues a task while the server stands still.
func stalled(client *asynq.Client, pid int, options ...asynq.Option) (*asynq.TaskInfo, error) {
	syscall.Kill(pid, syscall.SIGSTOP)
	time.AfterFunc(stall, func() { syscall.Kill(pid, syscall.SIGCONT) })
	return client.Enqueue(asynq.NewTask("pay", nil), options...)
}

func main() {
	folder := os.Args[1]
	text, _ := os.ReadFile(folder + "/pid")
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	address := asynq.RedisClientOpt{Network: "unix", Addr: folder + "/s"}
	client := asynq.NewClient(address)
	for range 100 {
		if client.Ping() == nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	// The server knows both scripts, and the client that it has told of the queue.
	client.Enqueue(asynq.NewTask("first", nil))
	client.Enqueue(asynq.NewTask("first", nil), asynq.Unique(time.Hour))

	plain, conflict := stalled(client, pid)
	unique, duplicate := stalled(client, pid, asynq.Unique(time.Hour))
	time.Sleep(time.Second)
	pending, _ := asynq.NewInspector(address).ListPendingTasks("default")
	there := 0
	for _, task := range pending {
		if task.Type == "pay" {
			there++
		}
	}
	fmt.Printf("plain: %v, %v\n", plain, conflict)
	fmt.Printf("unique: %v, %v\n", unique, duplicate)
	fmt.Printf("tasks that wait: %d\n", there)
	isSo := errors.Is(conflict, asynq.ErrTaskIDConflict) && errors.Is(duplicate, asynq.ErrDuplicateTask)
	if !isSo || plain != nil || unique != nil || there != 2 {
		os.Exit(1)
	}
}
GO
go mod init finding 2>/dev/null
go get github.com/hibiken/asynq@v0.26.0 github.com/redis/go-redis/v9@v9.23.0 2>/dev/null
go run . "$work"
# Output seen:
#   plain: <nil>, task ID conflicts with another task
#   unique: <nil>, task already exists
#   tasks that wait: 2
