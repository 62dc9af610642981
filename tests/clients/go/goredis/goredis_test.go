// Package goredis tests the server with go-redis, unmodified; REDIS_URL says which one.
package goredis

import (
	"context"
	"errors"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// connect returns a client of an empty database, in one of the protocols.
func connect(t *testing.T, protocol int) *redis.Client {
	t.Helper()
	options, err := redis.ParseURL(os.Getenv("REDIS_URL"))
	if err != nil {
		t.Fatal(err)
	}
	options.Protocol = protocol
	options.ClientName = "tests"
	client := redis.NewClient(options)
	t.Cleanup(func() { client.Close() })
	if err := client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	return client
}

func inBothProtocols(t *testing.T, test func(*testing.T, context.Context, *redis.Client)) {
	for _, protocol := range []int{2, 3} {
		t.Run("RESP"+strconv.Itoa(protocol), func(t *testing.T) {
			test(t, t.Context(), connect(t, protocol))
		})
	}
}

func must[T any](t *testing.T) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func TestClientNamesItselfAndItsLibrary(t *testing.T) {
	inBothProtocols(t, func(t *testing.T, ctx context.Context, client *redis.Client) {
		info := must[*redis.ClientInfo](t)(client.ClientInfo(ctx).Result())

		if info.Name != "tests" || info.LibName == "" || info.LibVer == "" {
			t.Errorf("name %q, library %q %q", info.Name, info.LibName, info.LibVer)
		}
	})
}

func TestEveryTypeIsWrittenAndReadBack(t *testing.T) {
	inBothProtocols(t, func(t *testing.T, ctx context.Context, client *redis.Client) {
		_, err := client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			pipe.Set(ctx, "string", "\x00\xff\r\n", time.Minute)
			pipe.HSet(ctx, "hash", "field", "value")
			pipe.RPush(ctx, "list", "a", "b", "c")
			pipe.SAdd(ctx, "set", "x", "y")
			pipe.ZAdd(ctx, "sorted", redis.Z{Score: 2.5, Member: "high"}, redis.Z{Score: 1, Member: "low"})
			pipe.XAdd(ctx, &redis.XAddArgs{Stream: "stream", ID: "1-1", Values: []string{"f", "v"}})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}

		if text := must[string](t)(client.Get(ctx, "string").Result()); text != "\x00\xff\r\n" {
			t.Errorf("the string is %q", text)
		}
		if hash := must[map[string]string](t)(client.HGetAll(ctx, "hash").Result()); hash["field"] != "value" {
			t.Errorf("the hash is %v", hash)
		}
		if list := must[[]string](t)(client.LRange(ctx, "list", 0, -1).Result()); !slices.Equal(list, []string{"a", "b", "c"}) {
			t.Errorf("the list is %v", list)
		}
		if members := must[map[string]struct{}](t)(client.SMembersMap(ctx, "set").Result()); len(members) != 2 {
			t.Errorf("the set is %v", members)
		}
		sorted := must[[]redis.Z](t)(client.ZRangeWithScores(ctx, "sorted", 0, -1).Result())
		if !slices.Equal(sorted, []redis.Z{{Score: 1, Member: "low"}, {Score: 2.5, Member: "high"}}) {
			t.Errorf("the sorted set is %v", sorted)
		}
		stream := must[[]redis.XMessage](t)(client.XRange(ctx, "stream", "-", "+").Result())
		if len(stream) != 1 || stream[0].ID != "1-1" || stream[0].Values["f"] != "v" {
			t.Errorf("the stream is %v", stream)
		}
		if _, err := client.Get(ctx, "nothing").Result(); !errors.Is(err, redis.Nil) {
			t.Errorf("a missing key gives %v", err)
		}
	})
}

func TestTransactionFailsWhereSomebodyInterferes(t *testing.T) {
	inBothProtocols(t, func(t *testing.T, ctx context.Context, client *redis.Client) {
		spend := func(tx *redis.Tx) error {
			client.Set(ctx, "balance", 5, 0)
			_, err := tx.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
				pipe.Decr(ctx, "balance")
				return nil
			})
			return err
		}

		err := client.Watch(ctx, spend, "balance")

		if !errors.Is(err, redis.TxFailedErr) {
			t.Errorf("EXEC gives %v", err)
		}
		if left := must[int](t)(client.Get(ctx, "balance").Int()); left != 5 {
			t.Errorf("%d are left", left)
		}
	})
}

func TestScriptIsLoadedAgainAfterItWasForgotten(t *testing.T) {
	inBothProtocols(t, func(t *testing.T, ctx context.Context, client *redis.Client) {
		double := redis.NewScript(`return redis.call("GET", KEYS[1]) * 2`)
		client.Set(ctx, "n", 21, 0)

		for range 2 {
			if n := must[int](t)(double.Run(ctx, client, []string{"n"}).Int()); n != 42 {
				t.Errorf("the script gives %d", n)
			}
			client.ScriptFlush(ctx)
		}
	})
}

func TestBlockedPopIsWokenAndTimesOut(t *testing.T) {
	inBothProtocols(t, func(t *testing.T, ctx context.Context, client *redis.Client) {
		popped := make(chan []string, 1)
		go func() { popped <- client.BRPop(ctx, 30*time.Second, "a", "b").Val() }()
		for must[int](t)(blocked(ctx, client)) == 0 {
			time.Sleep(time.Millisecond)
		}

		client.LPush(ctx, "b", "job")

		if got := <-popped; !slices.Equal(got, []string{"b", "job"}) {
			t.Errorf("BRPOP gives %v", got)
		}
		if err := client.BLPop(ctx, time.Second, "a").Err(); !errors.Is(err, redis.Nil) {
			t.Errorf("BLPOP gives %v", err)
		}
	})
}

// blocked returns how many clients wait in a blocking command.
func blocked(ctx context.Context, client *redis.Client) (int, error) {
	info, err := client.InfoMap(ctx, "clients").Result()
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(info["Clients"]["blocked_clients"])
}

func TestMessageReachesSubscribers(t *testing.T) {
	inBothProtocols(t, func(t *testing.T, ctx context.Context, client *redis.Client) {
		subscriber := client.PSubscribe(ctx, "news.*")
		defer subscriber.Close()
		must[any](t)(subscriber.Receive(ctx))

		client.Publish(ctx, "news.local", "hello")

		message := must[*redis.Message](t)(subscriber.ReceiveMessage(ctx))
		if message.Channel != "news.local" || message.Pattern != "news.*" || message.Payload != "hello" {
			t.Errorf("the message is %v", message)
		}
	})
}

func TestGroupReadsAndAcknowledges(t *testing.T) {
	inBothProtocols(t, func(t *testing.T, ctx context.Context, client *redis.Client) {
		client.XGroupCreateMkStream(ctx, "stream", "group", "0")
		client.XAdd(ctx, &redis.XAddArgs{Stream: "stream", ID: "1-1", Values: []string{"job", "1"}})
		read := &redis.XReadGroupArgs{Group: "group", Consumer: "first", Streams: []string{"stream", ">"}}
		given := must[[]redis.XStream](t)(client.XReadGroup(ctx, read).Result())

		claim := &redis.XAutoClaimArgs{Stream: "stream", Group: "group", Consumer: "second", Start: "0"}
		claimed, _, err := client.XAutoClaim(ctx, claim).Result()

		if err != nil || len(claimed) != 1 || claimed[0].ID != given[0].Messages[0].ID {
			t.Errorf("claimed %v, %v", claimed, err)
		}
		groups := must[[]redis.XInfoGroup](t)(client.XInfoGroups(ctx, "stream").Result())
		if groups[0].Consumers != 2 || groups[0].Pending != 1 {
			t.Errorf("the group is %+v", groups[0])
		}
		if n := must[int64](t)(client.XAck(ctx, "stream", "group", "1-1").Result()); n != 1 {
			t.Errorf("%d acknowledged", n)
		}
	})
}

func TestScanFindsEveryKeyOnce(t *testing.T) {
	inBothProtocols(t, func(t *testing.T, ctx context.Context, client *redis.Client) {
		for n := range 100 {
			client.Set(ctx, "key:"+strconv.Itoa(n), n, 0)
		}

		var found []string
		for scan := client.Scan(ctx, 0, "key:*", 7).Iterator(); scan.Next(ctx); {
			found = append(found, scan.Val())
		}

		slices.Sort(found)
		if len(slices.Compact(found)) != 100 {
			t.Errorf("%d keys", len(found))
		}
	})
}

func TestErrorsAreThoseThatGoRedisKnows(t *testing.T) {
	inBothProtocols(t, func(t *testing.T, ctx context.Context, client *redis.Client) {
		client.Set(ctx, "string", "x", 0)

		wrongType := client.LPush(ctx, "string", "x").Err()
		noScript := client.EvalSha(ctx, "0000000000000000000000000000000000000000", nil).Err()

		if !redis.HasErrorPrefix(wrongType, "WRONGTYPE") {
			t.Errorf("a wrong type gives %v", wrongType)
		}
		if !redis.HasErrorPrefix(noScript, "NOSCRIPT") {
			t.Errorf("an unknown script gives %v", noScript)
		}
	})
}
