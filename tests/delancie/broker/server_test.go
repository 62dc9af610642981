package broker

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

const startTimeout = 30 * time.Second

// server is a process that a test kills and starts again over the same data.
type server struct {
	url     string
	command []string
	output  bytes.Buffer
	process *exec.Cmd
}

// newServer starts the server that DELANCIE_SERVER says how to start: a command with
// {dir} for its data folder, and {port} or {socket} for where it is to listen.
//
//	DELANCIE_SERVER="python -m joblog --port {port} --dir {dir}"
//	DELANCIE_SERVER="redis-server --port 0 --unixsocket {socket} --dir {dir} --appendonly yes"
func newServer(t *testing.T) *server {
	t.Helper()
	template := os.Getenv("DELANCIE_SERVER")
	if template == "" {
		t.Skip("DELANCIE_SERVER does not say how to start a server that may be killed")
	}
	// Not t.TempDir(): a socket's path may have no more than 107 bytes.
	home := got(os.MkdirTemp("", "delancie-"))(t)
	t.Cleanup(func() { os.RemoveAll(home) })
	data := filepath.Join(home, "data")
	must(t, os.Mkdir(data, 0o755))
	socket := filepath.Join(home, "s")
	port := freePort(t)
	replacer := strings.NewReplacer(
		"{dir}", data, "{socket}", socket, "{port}", fmt.Sprint(port))
	s := &server{url: fmt.Sprintf("redis://127.0.0.1:%d", port)}
	if strings.Contains(template, "{socket}") {
		s.url = "unix://" + socket
	}
	for _, word := range strings.Fields(template) {
		s.command = append(s.command, replacer.Replace(word))
	}
	s.start(t)
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			t.Logf("the server wrote:\n%s", s.output.String())
		}
	})
	return s
}

func freePort(t *testing.T) int {
	listener := got(net.Listen("tcp", "127.0.0.1:0"))(t)
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// start starts the process and waits until it has loaded its data.
func (s *server) start(t *testing.T) {
	t.Helper()
	s.process = exec.Command(s.command[0], s.command[1:]...)
	s.process.Stdout = &s.output
	s.process.Stderr = &s.output
	must(t, s.process.Start())
	options := got(redis.ParseURL(s.url))(t)
	options.MaxRetries = -1
	client := redis.NewClient(options)
	defer client.Close()
	var err error
	for deadline := time.Now().Add(startTimeout); time.Now().Before(deadline); {
		if err = client.Get(ctx, "is it loaded?").Err(); err == redis.Nil {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("the server does not serve (%v); it wrote:\n%s", err, s.output.String())
}

// kill sends SIGKILL: the process may not do anything more.
func (s *server) kill() {
	s.process.Process.Kill()
	s.process.Wait()
}
