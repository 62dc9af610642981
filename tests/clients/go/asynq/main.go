// The queue asynq as a program: asynq SOCKET
//
// Orders come as lines of JSON, and each is answered by one; what they mean is the same
// for every queue, see tests/clients/programs.py.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/hibiken/asynq"
)

const (
	queue     = "default"
	retention = time.Hour
	soon      = 100 * time.Millisecond
)

// An order, with all that any verb asks for. What a job needs of it is its payload.
type order struct {
	Do          string `json:"do"`
	ID          string `json:"id"`
	DelayMs     int    `json:"delay_ms"`
	Attempts    int    `json:"attempts"`
	Concurrency int    `json:"concurrency"`
	job
}

type answer struct {
	Value any    `json:"value,omitempty"`
	Error string `json:"error,omitempty"`
}

type state struct {
	State  string `json:"state"`
	Result any    `json:"result"`
	Reason string `json:"reason"`
}

type shop struct {
	redis     asynq.RedisClientOpt
	client    *asynq.Client
	inspector *asynq.Inspector
	server    *asynq.Server
}

func main() {
	redis := asynq.RedisClientOpt{Network: "unix", Addr: os.Args[1]}
	shop := &shop{
		redis:     redis,
		client:    asynq.NewClient(redis),
		inspector: asynq.NewInspector(redis),
	}
	answers := json.NewEncoder(os.Stdout)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		value, err := shop.obey(lines.Bytes())
		reply := answer{Value: value}
		if err != nil {
			reply = answer{Error: err.Error()}
		}
		if err := answers.Encode(reply); err != nil {
			panic(err)
		}
	}
}

func (shop *shop) obey(line []byte) (any, error) {
	order := order{Attempts: 1, Concurrency: 1}
	if err := json.Unmarshal(line, &order); err != nil {
		return nil, err
	}
	switch order.Do {
	case "enqueue":
		return shop.enqueue(order)
	case "state":
		return shop.state(order.ID)
	case "remove":
		return true, shop.inspector.DeleteTask(queue, order.ID)
	case "cancel":
		return true, shop.inspector.CancelProcessing(order.ID)
	case "work":
		return true, shop.work(order.Concurrency)
	case "close":
		shop.server.Shutdown()
		return true, nil
	}
	return nil, fmt.Errorf("unknown order: %s", order.Do)
}

func (shop *shop) enqueue(order order) (string, error) {
	payload, err := json.Marshal(order.job)
	if err != nil {
		return "", err
	}
	info, err := shop.client.Enqueue(
		asynq.NewTask(order.Kind, payload),
		asynq.MaxRetry(order.Attempts-1),
		asynq.ProcessIn(time.Duration(order.DelayMs)*time.Millisecond),
		asynq.Retention(retention),
	)
	if err != nil {
		return "", err
	}
	return info.ID, nil
}

func (shop *shop) state(id string) (state, error) {
	info, err := shop.inspector.GetTaskInfo(queue, id)
	if errors.Is(err, asynq.ErrTaskNotFound) {
		return state{State: "gone"}, nil
	}
	if err != nil {
		return state{}, err
	}
	found := state{Reason: info.LastErr}
	switch info.State {
	case asynq.TaskStateCompleted:
		found.State = "done"
		return found, json.Unmarshal(info.Result, &found.Result)
	case asynq.TaskStateArchived:
		found.State = "failed"
	case asynq.TaskStateScheduled:
		found.State = "delayed"
	case asynq.TaskStatePending:
		found.State = "waiting"
	default:
		found.State = info.State.String()
	}
	return found, nil
}

func (shop *shop) work(concurrency int) error {
	shop.server = asynq.NewServer(shop.redis, asynq.Config{
		Concurrency:              concurrency,
		LogLevel:                 asynq.FatalLevel,
		TaskCheckInterval:        soon,
		DelayedTaskCheckInterval: soon,
		RetryDelayFunc: func(int, error, *asynq.Task) time.Duration {
			return soon
		},
	})
	return shop.server.Start(asynq.HandlerFunc(handle))
}
