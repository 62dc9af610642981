package broker

import (
	"context"
	"time"
)

// Lock is held by the one who has its token, until it runs out or is given back.
type Lock struct {
	queue *Queue
	key   string
	token []byte
}

// Lock takes a lock of the queue for a time; nil where another holds it.
func (q *Queue) Lock(ctx context.Context, name string, ttl time.Duration) (*Lock, error) {
	lock := &Lock{q, q.key("lock:" + name), NewToken()}
	taken, err := q.client.SetNX(ctx, lock.key, lock.token, ttl).Result()
	if err != nil || !taken {
		return nil, err
	}
	return lock, nil
}

// Extend keeps the lock for a time from now and says whether it was still held.
func (l *Lock) Extend(ctx context.Context, ttl time.Duration) (bool, error) {
	return l.run(ctx, "extend", l.token, ttl.Milliseconds())
}

// Unlock gives the lock back and says whether it was still held.
func (l *Lock) Unlock(ctx context.Context) (bool, error) {
	return l.run(ctx, "unlock", l.token)
}

func (l *Lock) run(ctx context.Context, name string, argv ...any) (bool, error) {
	return l.queue.scripts.run(ctx, l.queue.client, name, l.key, argv...).Bool()
}
