package broker

import (
	"context"
	"strconv"
	"strings"
	"testing"
)

// takeCensus fails the test unless every job is in exactly one place, the one that its
// hash says, and all that is counted agrees. It returns the state of each job.
//
// Nobody may change the queue meanwhile.
func takeCensus(t testing.TB, q *Queue) map[string]string {
	t.Helper()
	rows := map[string]Row{}
	must(t, q.List(context.Background(), func(row Row) { rows[row.ID] = row }))
	places := readPlaces(t, q)

	for id, where := range places {
		if len(where) != 1 {
			t.Errorf("job %s is in %d places: %v", id, len(where), where)
		} else if rows[id].State != where[0] {
			t.Errorf("job %s is %s but says that it is %q", id, where[0], rows[id].State)
		}
	}
	states := map[string]string{}
	for id, row := range rows {
		states[id] = row.State
		if len(places[id]) == 0 {
			t.Errorf("job %s says that it is %s but is nowhere", id, row.State)
		}
	}
	checkReceipts(t, q, rows)
	checkGroups(t, q, rows)
	checkCounters(t, q, rows)
	if t.Failed() {
		t.FailNow()
	}
	return states
}

// readPlaces returns the places in which each job is found.
func readPlaces(t testing.TB, q *Queue) map[string][]string {
	t.Helper()
	ctx := context.Background()
	places := map[string][]string{}
	note := func(state string, ids []string) {
		for _, id := range ids {
			places[id] = append(places[id], state)
		}
	}
	for _, state := range []string{"pending", "scheduled", "leased", "done"} {
		note(state, got(q.client.ZRange(ctx, q.key(state), 0, -1).Result())(t))
	}
	for _, list := range []string{"dead", "redriving"} {
		note("dead", got(q.client.LRange(ctx, q.key(list), 0, -1).Result())(t))
	}
	waitlists := q.client.Scan(ctx, 0, escapeGlob(q.key("waitlist:"))+"*", 100).Iterator()
	for seen := map[string]bool{}; waitlists.Next(ctx); {
		if key := waitlists.Val(); !seen[key] {
			seen[key] = true
			note("waiting", got(q.client.ZRange(ctx, key, 0, -1).Result())(t))
		}
	}
	must(t, waitlists.Err())
	return places
}

// checkReceipts asserts that there is one receipt for each leased job.
func checkReceipts(t testing.TB, q *Queue, rows map[string]Row) {
	t.Helper()
	ctx := context.Background()
	receipts := got(q.client.HGetAll(ctx, q.key("receipts")).Result())(t)
	leased := map[string]bool{}
	for token, id := range receipts {
		leased[id] = true
		held := q.client.HGet(ctx, q.key("job:"+id), "receipt").Val()
		if rows[id].State != "leased" || held != token {
			t.Errorf("the receipt %q is for job %s, which is %s and has %q",
				token, id, rows[id].State, held)
		}
	}
	for id, row := range rows {
		if row.State == "leased" && !leased[id] {
			t.Errorf("job %s is leased without a receipt", id)
		}
	}
	equal(t, "receipts and the jobs that they are for", len(receipts), len(leased))
}

// checkGroups asserts that the jobs of each group that run are counted, and few enough.
func checkGroups(t testing.TB, q *Queue, rows map[string]Row) {
	t.Helper()
	ctx := context.Background()
	active := got(q.client.HGetAll(ctx, q.key("active")).Result())(t)
	limits := got(q.client.HGetAll(ctx, q.key("limits")).Result())(t)
	running, waiting := map[string]int{}, map[string]int{}
	for _, row := range rows {
		if row.Group == "" {
			continue
		}
		switch row.State {
		case "leased":
			running[row.Group]++
		case "waiting":
			waiting[row.Group]++
		}
	}
	for group, count := range running {
		if active[group] != strconv.Itoa(count) {
			t.Errorf("group %s: %d run, %s are counted", group, count, active[group])
		}
	}
	for group := range active {
		if running[group] == 0 {
			t.Errorf("group %s: none runs, %s are counted", group, active[group])
		}
	}
	for group := range waiting {
		if limits[group] == "" {
			t.Errorf("group %s: %d wait without a limit", group, waiting[group])
		}
	}
}

// checkCounters asserts that the counters account for each job that there ever was.
func checkCounters(t testing.TB, q *Queue, rows map[string]Row) {
	t.Helper()
	stats := got(q.Stats(context.Background()))(t)
	counters := stats.Counters
	present := int64(len(rows))
	gone := counters["deleted"] + counters["forgotten"]
	equal(t, "jobs that were enqueued", counters["enqueued"], present+gone)
	equal(t, "attempts that were delivered", counters["delivered"],
		counters["succeeded"]+counters["failed"]+counters["expired"]+stats.Leased)
	equal(t, "receipts", stats.Receipts, stats.Leased)
	for name, value := range counters {
		if value < 0 || strings.TrimSpace(name) != name {
			t.Errorf("counter %q is %d", name, value)
		}
	}
}
