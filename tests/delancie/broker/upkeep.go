package broker

import (
	"context"
	"errors"
	"strconv"

	"github.com/redis/go-redis/v9"
)

const upkeepAtOnce = 100

// Promote makes those scheduled jobs ready whose time has come, and counts them.
func (q *Queue) Promote(ctx context.Context) (int, error) {
	total := 0
	for {
		count, err := q.run(ctx, "promote", q.nowMs(), upkeepAtOnce).Int()
		total += count
		if err != nil || count < upkeepAtOnce {
			return total, err
		}
	}
}

// Requeue takes back the jobs whose lease has run out. It returns their ids, with
// whether they may run again or are dead.
func (q *Queue) Requeue(ctx context.Context) (map[string]string, error) {
	taken := map[string]string{}
	for {
		answer, err := q.run(ctx, "requeue", q.nowMs(), upkeepAtOnce).Slice()
		if err != nil {
			return taken, err
		}
		for _, row := range answer {
			pair := row.([]any)
			taken[pair[0].(string)] = pair[1].(string)
		}
		if len(answer) < upkeepAtOnce {
			return taken, nil
		}
	}
}

// Redrive gives the dead job that has been dead for the longest a new life and returns
// its id; ErrEmpty where none is dead. A redrive that was cut short is ended first.
func (q *Queue) Redrive(ctx context.Context) (string, error) {
	id, err := q.client.LIndex(ctx, q.key("redriving"), 0).Result()
	if errors.Is(err, redis.Nil) {
		id, err = q.client.RPopLPush(ctx, q.key("dead"), q.key("redriving")).Result()
	}
	if errors.Is(err, redis.Nil) {
		return "", ErrEmpty
	}
	if err != nil {
		return "", err
	}
	return id, q.run(ctx, "redrive", id).Err()
}

// LimitGroup says how many jobs of a group may be with workers at a time, 0 for any
// number, and returns how many that waited for it may run now.
func (q *Queue) LimitGroup(ctx context.Context, group string, limit int) (int, error) {
	return q.run(ctx, "limit", group, limit).Int()
}

// Settings of a queue.
type Settings struct {
	Paused  bool
	Limit   int // how many jobs may be with workers at a time; 0: any number
	Version int // counts the changes
}

// Settings returns what was set last.
func (q *Queue) Settings(ctx context.Context) (Settings, error) {
	return readSettings(ctx, q.client, q.key("settings"))
}

func readSettings(ctx context.Context, from redis.Cmdable, key string) (Settings, error) {
	fields, err := from.HGetAll(ctx, key).Result()
	if err != nil {
		return Settings{}, err
	}
	limit, _ := strconv.Atoi(fields["limit"])
	version, _ := strconv.Atoi(fields["version"])
	return Settings{fields["paused"] == "1", limit, version}, nil
}

// Change changes the settings, by WATCH and MULTI: a change that another client makes in
// between is seen, and change is called again.
func (q *Queue) Change(ctx context.Context, change func(*Settings)) error {
	key := q.key("settings")
	attempt := func(tx *redis.Tx) error {
		settings, err := readSettings(ctx, tx, key)
		if err != nil {
			return err
		}
		change(&settings)
		_, err = tx.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
			pipe.HSet(ctx, key, "paused", settings.Paused, "limit", settings.Limit)
			pipe.HIncrBy(ctx, key, "version", 1)
			return nil
		})
		return err
	}
	for {
		err := q.client.Watch(ctx, attempt, key)
		if !errors.Is(err, redis.TxFailedErr) {
			return err
		}
	}
}

// Pause keeps jobs from being delivered; what is with workers goes on.
func (q *Queue) Pause(ctx context.Context) error {
	return q.Change(ctx, func(settings *Settings) { settings.Paused = true })
}

// Resume ends a pause.
func (q *Queue) Resume(ctx context.Context) error {
	return q.Change(ctx, func(settings *Settings) { settings.Paused = false })
}
