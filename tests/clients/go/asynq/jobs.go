package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hibiken/asynq"
)

const poll = 20 * time.Millisecond

var (
	folder  = os.Getenv("RUNNER_FOLDER")
	journal = filepath.Join(folder, "journal")
	release = filepath.Join(folder, "release")
)

// A job: its name, and its arguments, of which the first is a token.
type job struct {
	Job       string `json:"job"`
	Arguments []any  `json:"arguments"`
}

func handle(_ context.Context, task *asynq.Task) error {
	var job job
	if err := json.Unmarshal(task.Payload(), &job); err != nil {
		return err
	}
	result, err := job.run()
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

func (job job) run() (any, error) {
	token := job.Arguments[0].(string)
	switch job.Job {
	case "add":
		tell("ran", token)
		return job.number(1) + job.number(2), nil
	case "fail":
		tell("ran", token)
		return nil, fmt.Errorf("this job always fails")
	case "flaky":
		tell("ran", token)
		times := timesRun(token)
		if times <= job.number(1) {
			return nil, fmt.Errorf("failure %d of %d", times, job.number(1))
		}
		return times, nil
	case "hold":
		tell("held", token)
		for !exists(release) {
			time.Sleep(poll)
		}
		tell("ran", token)
		return token, nil
	}
	return nil, fmt.Errorf("unknown job: %s", job.Job)
}

// number returns an argument; JSON's numbers are all floats.
func (job job) number(index int) int {
	return int(job.Arguments[index].(float64))
}

// tell appends one line to the journal, with one write.
func tell(word, token string) {
	file, err := os.OpenFile(journal, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		panic(err)
	}
	defer file.Close()
	fmt.Fprintf(file, "%s %s %.6f\n", word, token, float64(time.Now().UnixMicro())/1e6)
}

func timesRun(token string) int {
	text, err := os.ReadFile(journal)
	if err != nil {
		panic(err)
	}
	return strings.Count(string(text), "ran "+token+" ")
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
