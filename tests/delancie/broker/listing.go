package broker

import (
	"context"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

const scanCount = 500

// Row is what a listing shows of a job.
type Row struct {
	ID, State, Group, Worker string
	Attempts                 int
}

// List calls a function for every job that is there during the whole listing, once.
func (q *Queue) List(ctx context.Context, show func(Row)) error {
	prefix := q.key("job:")
	seen := map[string]bool{}
	for cursor := uint64(0); ; {
		keys, next, err := q.client.ScanType(
			ctx, cursor, escapeGlob(prefix)+"*", scanCount, "hash").Result()
		if err != nil {
			return err
		}
		rows, err := q.rows(ctx, keys)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if !seen[row.ID] {
				seen[row.ID] = true
				show(row)
			}
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

// rows reads job hashes in one pipeline; those that were deleted since are left out.
func (q *Queue) rows(ctx context.Context, keys []string) ([]Row, error) {
	replies := make([]*redis.SliceCmd, len(keys))
	_, err := q.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for index, key := range keys {
			replies[index] = pipe.HMGet(ctx, key, "state", "group", "worker", "attempts")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	rows := make([]Row, 0, len(keys))
	for index, reply := range replies {
		text := func(field int) string { value, _ := reply.Val()[field].(string); return value }
		if text(0) == "" {
			continue
		}
		attempts, _ := strconv.Atoi(text(3))
		id := strings.TrimPrefix(keys[index], q.key("job:"))
		rows = append(rows, Row{id, text(0), text(1), text(2), attempts})
	}
	return rows, nil
}

func escapeGlob(text string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(text)
}

// Stats are the sizes and counters of a queue at one moment.
type Stats struct {
	Pending, Scheduled, Leased, Done, Dead, Receipts int64
	Counters                                         map[string]int64
}

// Stats reads all in one transaction.
func (q *Queue) Stats(ctx context.Context) (Stats, error) {
	sizes := map[string]*redis.IntCmd{}
	var receipts, dead, redriving *redis.IntCmd
	var counters *redis.MapStringStringCmd
	_, err := q.client.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		for _, name := range []string{"pending", "scheduled", "leased", "done"} {
			sizes[name] = pipe.ZCard(ctx, q.key(name))
		}
		dead = pipe.LLen(ctx, q.key("dead"))
		redriving = pipe.LLen(ctx, q.key("redriving"))
		receipts = pipe.HLen(ctx, q.key("receipts"))
		counters = pipe.HGetAll(ctx, q.key("counters"))
		return nil
	})
	if err != nil {
		return Stats{}, err
	}
	stats := Stats{
		Pending: sizes["pending"].Val(), Scheduled: sizes["scheduled"].Val(),
		Leased: sizes["leased"].Val(), Done: sizes["done"].Val(),
		Dead: dead.Val() + redriving.Val(), Receipts: receipts.Val(),
		Counters: map[string]int64{},
	}
	for name, value := range counters.Val() {
		if stats.Counters[name], err = strconv.ParseInt(value, 10, 64); err != nil {
			return Stats{}, err
		}
	}
	return stats, nil
}
