// The queue asynq: asynq client|worker; see tests/clients/runners.py.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

const (
	queue     = "default"
	leases    = "asynq:{default}:lease" // thirty seconds each, and thirty for skew
	retention = time.Hour
	soon      = 100 * time.Millisecond
)

var address = asynq.RedisClientOpt{Network: "unix", Addr: os.Getenv("RUNNER_SOCKET")}

func main() {
	if os.Args[1] == "worker" {
		work()
	} else {
		converse()
	}
}

func work() {
	server := newServer()
	if err := server.Start(asynq.HandlerFunc(handle)); err != nil {
		panic(err)
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	<-ended
	server.Shutdown()
}

func newServer() *asynq.Server {
	return asynq.NewServer(address, asynq.Config{
		Concurrency:              1,
		LogLevel:                 asynq.WarnLevel,
		ShutdownTimeout:          time.Second,
		TaskCheckInterval:        soon,
		DelayedTaskCheckInterval: soon,
		RetryDelayFunc: func(int, error, *asynq.Task) time.Duration {
			return soon
		},
	})
}

type request struct {
	Do      string  `json:"do"`
	JobID   string  `json:"job_id"`
	Delay   float64 `json:"delay"`
	Retries int     `json:"retries"`
	Ahead   float64 `json:"ahead"`
	job
}

func converse() {
	client := client{asynq.NewClient(address), asynq.NewInspector(address)}
	answers := json.NewEncoder(os.Stdout)
	fmt.Println(`{"ready": true}`)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		value, err := client.answer(lines.Bytes())
		if err != nil {
			answers.Encode(map[string]string{"error": err.Error()})
		} else {
			answers.Encode(map[string]any{"value": value})
		}
	}
}

type client struct {
	*asynq.Client
	inspector *asynq.Inspector
}

func (client client) answer(line []byte) (any, error) {
	var request request
	if err := json.Unmarshal(line, &request); err != nil {
		return nil, err
	}
	switch request.Do {
	case "enqueue":
		return client.enqueue(request)
	case "look":
		return client.look(request.JobID)
	case "cancel":
		return nil, client.inspector.DeleteTask(queue, request.JobID)
	case "maintain":
		return nil, age(request.Ahead)
	}
	return nil, fmt.Errorf("unknown verb: %s", request.Do)
}

func (client client) enqueue(request request) (string, error) {
	payload, err := json.Marshal(request.job)
	if err != nil {
		return "", err
	}
	info, err := client.Enqueue(
		asynq.NewTask(request.Job, payload),
		asynq.MaxRetry(request.Retries),
		asynq.ProcessIn(time.Duration(request.Delay*float64(time.Second))),
		asynq.Retention(retention),
	)
	if err != nil {
		return "", err
	}
	return info.ID, nil
}

type look struct {
	State  string `json:"state"`
	Result any    `json:"result,omitempty"`
	Error  string `json:"error,omitempty"`
}

func (client client) look(id string) (look, error) {
	info, err := client.inspector.GetTaskInfo(queue, id)
	if errors.Is(err, asynq.ErrTaskNotFound) {
		return look{State: "cancelled"}, nil
	}
	if err != nil {
		return look{}, err
	}
	switch info.State {
	case asynq.TaskStateCompleted:
		found := look{State: "done"}
		return found, json.Unmarshal(info.Result, &found.Result)
	case asynq.TaskStateArchived:
		return look{State: "failed", Error: info.LastErr}, nil
	}
	return look{State: "pending"}, nil
}

// age puts all leases back, as if nobody had extended them for so many seconds.
func age(seconds float64) error {
	ctx := context.Background()
	redis := address.MakeRedisClient().(redis.UniversalClient)
	defer redis.Close()
	tasks, err := redis.ZRange(ctx, leases, 0, -1).Result()
	for _, task := range tasks {
		redis.ZIncrBy(ctx, leases, -seconds, task)
	}
	return err
}
