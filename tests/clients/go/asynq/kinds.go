package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/hibiken/asynq"
)

const poll = 20 * time.Millisecond

// A job: its kind, its name in the diary, and what the kind asks for.
type job struct {
	Kind     string `json:"kind"`
	Name     string `json:"name"`
	Diary    string `json:"diary"`
	Left     int    `json:"left"`
	Right    int    `json:"right"`
	Failures int    `json:"failures"`
	Gate     string `json:"gate"`
}

func handle(ctx context.Context, task *asynq.Task) error {
	var job job
	if err := json.Unmarshal(task.Payload(), &job); err != nil {
		return err
	}
	result, err := job.run(ctx)
	if err != nil {
		return err
	}
	encoded, err := json.Marshal(result)
	if err != nil {
		return err
	}
	_, err = task.ResultWriter().Write(encoded)
	return err
}

// run does the job; each run leaves the job's name in the diary.
func (job job) run(ctx context.Context) (any, error) {
	runs, err := job.enter()
	if err != nil {
		return nil, err
	}
	switch job.Kind {
	case "add":
		return job.Left + job.Right, nil
	case "fail":
		return nil, errors.New("this job always fails")
	case "flaky":
		if runs <= job.Failures {
			return nil, errors.New("not yet")
		}
		return "at last", nil
	case "hold":
		return "released", job.hold(ctx)
	}
	return nil, fmt.Errorf("unknown kind of job: %s", job.Kind)
}

// enter writes the job's name into the diary and returns how often it stands there.
func (job job) enter() (int, error) {
	diary, err := os.OpenFile(job.Diary, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return 0, err
	}
	defer diary.Close()
	if _, err := diary.WriteString(job.Name + "\n"); err != nil {
		return 0, err
	}
	text, err := os.ReadFile(job.Diary)
	runs := 0
	for line := range strings.Lines(string(text)) {
		if line == job.Name+"\n" {
			runs++
		}
	}
	return runs, err
}

// hold waits until the gate exists, or the job is cancelled.
func (job job) hold(ctx context.Context) error {
	for {
		if _, err := os.Stat(job.Gate); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(poll):
		}
	}
}
