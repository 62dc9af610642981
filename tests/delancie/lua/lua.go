// Package lua holds the broker's scripts.
//
// A script's first line names it (`-- name: enqueue`), so that the log of the server
// shows which operation a record belongs to. A line `-- include: ready` stands for
// the file include/ready.lua; each script says what it needs, in order.
package lua

import (
	"embed"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
)

//go:embed *.lua include/*.lua
var files embed.FS

var (
	nameLine    = regexp.MustCompile(`^-- name: (\w+)\n`)
	includeLine = regexp.MustCompile(`(?m)^-- include: (\w+)\n`)
)

// Sources returns the whole text of each script, by its name.
func Sources() (map[string]string, error) {
	paths, err := fs.Glob(files, "*.lua")
	if err != nil {
		return nil, err
	}
	sources := make(map[string]string, len(paths))
	for _, path := range paths {
		name := strings.TrimSuffix(path, ".lua")
		text, err := files.ReadFile(path)
		if err != nil {
			return nil, err
		}
		source, err := resolve(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if match := nameLine.FindStringSubmatch(source); match == nil || match[1] != name {
			return nil, fmt.Errorf("%s: the first line must be `-- name: %s`", path, name)
		}
		sources[name] = source
	}
	return sources, nil
}

// resolve puts the included files in place of the lines that name them.
func resolve(source string) (string, error) {
	var failure error
	resolved := includeLine.ReplaceAllStringFunc(source, func(line string) string {
		part := includeLine.FindStringSubmatch(line)[1]
		text, err := files.ReadFile("include/" + part + ".lua")
		if err != nil {
			failure = err
		}
		return string(text)
	})
	return resolved, failure
}
