// Package goredistls tests the server under TLS with go-redis, unmodified.
//
// REDIS_URL is a rediss:// URL; RUNNER_CA, RUNNER_CERTIFICATE and RUNNER_KEY are files.
package goredistls

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// options returns those of a client that trusts the authority of the tests.
func options(t *testing.T, protocol int) *redis.Options {
	t.Helper()
	made, err := redis.ParseURL(os.Getenv("REDIS_URL"))
	if err != nil {
		t.Fatal(err)
	}
	authority, err := os.ReadFile(os.Getenv("RUNNER_CA"))
	if err != nil {
		t.Fatal(err)
	}
	made.TLSConfig.RootCAs = x509.NewCertPool()
	made.TLSConfig.RootCAs.AppendCertsFromPEM(authority)
	made.Protocol = protocol
	return made
}

// connect returns a client that has a certificate of its own.
func connect(t *testing.T, protocol int) *redis.Client {
	t.Helper()
	made := options(t, protocol)
	own, err := tls.LoadX509KeyPair(os.Getenv("RUNNER_CERTIFICATE"), os.Getenv("RUNNER_KEY"))
	if err != nil {
		t.Fatal(err)
	}
	made.TLSConfig.Certificates = []tls.Certificate{own}
	client := redis.NewClient(made)
	t.Cleanup(func() { client.Close() })
	return client
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	for _, protocol := range []int{2, 3} {
		t.Run("RESP"+strconv.Itoa(protocol), func(t *testing.T) {
			client, ctx := connect(t, protocol), t.Context()
			value := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
			if err := client.Set(ctx, "large", value, 0).Err(); err != nil {
				t.Fatal(err)
			}
			got, err := client.Get(ctx, "large").Bytes()
			if err != nil || !bytes.Equal(got, value) {
				t.Fatalf("%d bytes came back: %v", len(got), err)
			}

			pipeline := client.Pipeline()
			for number := range 1000 {
				pipeline.RPush(ctx, "list", number)
			}
			if _, err := pipeline.Exec(ctx); err != nil {
				t.Fatal(err)
			}
			if length := client.LLen(ctx, "list").Val(); length != 1000 {
				t.Errorf("%d elements", length)
			}
			client.Del(ctx, "list")
		})
	}
}

func TestBlockedAndSubscribedClientsAreTold(t *testing.T) {
	client, other, ctx := connect(t, 3), connect(t, 3), t.Context()
	listening := other.Subscribe(ctx, "news")
	defer listening.Close()
	if _, err := listening.Receive(ctx); err != nil {
		t.Fatal(err)
	}
	popped := make(chan []string)
	go func() { popped <- other.BLPop(ctx, time.Minute, "queue").Val() }()

	client.Publish(ctx, "news", "hello")
	client.RPush(ctx, "queue", "job")

	if message := <-listening.Channel(); message.Payload != "hello" {
		t.Errorf("message %q", message.Payload)
	}
	if job := <-popped; len(job) != 2 || job[1] != "job" {
		t.Errorf("popped %q", job)
	}
}

func TestWithoutCertificateNobodyIsLetIn(t *testing.T) {
	made := options(t, 3)
	made.MaxRetries = -1
	client := redis.NewClient(made)
	defer client.Close()

	if err := client.Ping(t.Context()).Err(); err == nil {
		t.Error("it answered")
	}
}
