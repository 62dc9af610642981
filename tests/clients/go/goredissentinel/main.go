// A queue of go-redis, unmodified, that finds its master by way of RUNNER_SENTINEL.
//
// It pushes numbers and moves them to where they are done, whatever happens meanwhile,
// and prints "pushed N" and "moved N" where that was answered.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	patience = 500 * time.Millisecond
	pause    = 20 * time.Millisecond
)

func main() {
	ctx := context.Background()
	client := redis.NewFailoverClient(&redis.FailoverOptions{
		MasterName:    "jobs",
		SentinelAddrs: []string{os.Getenv("RUNNER_SENTINEL")},
		DialTimeout:   patience,
		ReadTimeout:   patience,
	})
	go move(ctx, client)
	for number := 1; ; number++ {
		if client.RPush(ctx, "go", number).Err() == nil {
			fmt.Println("pushed", number)
		}
		time.Sleep(pause)
	}
}

func move(ctx context.Context, client *redis.Client) {
	for {
		number, err := client.BLMove(ctx, "go", "go:done", "LEFT", "RIGHT", time.Second).Result()
		if err == nil {
			fmt.Println("moved", number)
		} else {
			time.Sleep(pause)
		}
	}
}
