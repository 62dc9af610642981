package broker

import (
	"context"

	"github.com/redis/go-redis/v9"

	"delancie/lua"
)

// scripts are the broker's operations. Each runs by EVALSHA, and by EVAL where the server
// answers NOSCRIPT: after its restart, or after a SCRIPT FLUSH.
type scripts struct {
	byName map[string]*redis.Script
}

func loadScripts() (scripts, error) {
	sources, err := lua.Sources()
	if err != nil {
		return scripts{}, err
	}
	byName := make(map[string]*redis.Script, len(sources))
	for name, source := range sources {
		byName[name] = redis.NewScript(source)
	}
	return scripts{byName}, nil
}

// run runs a script whose only key is given. An unknown name is our mistake and panics.
func (s scripts) run(
	ctx context.Context, client redis.Scripter, name, key string, argv ...any,
) *redis.Cmd {
	return s.byName[name].Run(ctx, client, []string{key}, argv...)
}
