"""Reads scripts that try the sandbox, one a line; writes what came of each.

A line is `[script, seconds]`: of processor time, so that a machine under load kills
nobody early.

It lives in a process of its own: whatever a script manages to do, the tests see it.
"""

import json
import logging
import sys
import time

from joblog.app.engine.lua_callbacks import Hooks
from joblog.app.engine.scripting import ScriptRuntime
from joblog.app.errors import CommandError
from joblog.app.reply import BulkList
from joblog.app.version import REDIS_VERSION

CANARY_SECONDS = 10
MEMORY_LIMIT = 64 * 1024 * 1024
BIG = b"x" * 1_000_000
WIDE = BulkList([b"item %d" % i for i in range(5000)])

CANARY = b"""
local seen = {}
local function add(name, value) seen[#seen + 1] = name .. '=' .. tostring(value) end
for _, name in ipairs({'x', 'io', 'debug', 'python', 'package'}) do
  add(name, rawget(_G, name))
end
add('call', redis.call('ECHO', 'alive'))
add('KEYS', #KEYS) add('ARGV', #ARGV)
add('upper', ('abc'):upper()) add('format', string.format('%d', 5))
add('depth', cjson.encode_max_depth()) add('sparse', (cjson.encode_sparse_array()))
add('numbers', cjson.decode_invalid_numbers())
add('null', type(redis.call('NULL')))
add('globals', pcall(function() return missing end))
local count = 0 for _ in pairs(string) do count = count + 1 end add('pairs', count)
add('running', coroutine.running()) add('floor', math.floor(1.5))
local t = {} for i = 1, 1000 do t[i] = {i} end
add('table', #t)
return table.concat(seen, ' ')
"""


class Runner:
    """A runtime whose commands are a few harmless ones and a few that misbehave."""

    def __init__(self):
        self.deadline = 0.0
        self.echoed = []
        hooks = Hooks(self.call, should_stop=self.should_stop)
        self.runtime = ScriptRuntime(
            hooks, version=REDIS_VERSION, memory_limit=MEMORY_LIMIT
        )

    def call(self, argv):
        name = argv[0].upper()
        if name == b"ECHO":
            self.echoed.append(argv[1])
            return argv[1]
        if name == b"RAISE":
            raise KeyError("from Python")
        if name == b"EXIT":
            raise SystemExit(3)
        replies = {b"BIG": BIG, b"WIDE": WIDE, b"NULL": None, b"COUNT": len(argv)}
        return replies.get(name, CommandError(b"ERR no such command"))

    def should_stop(self):
        return int(time.thread_time() > self.deadline)

    def run(self, source, seconds=CANARY_SECONDS):
        self.deadline = time.thread_time() + seconds
        try:
            number = self.runtime.load(source)
            return repr(self.runtime.run(number, b"sha", 0, (), 2))
        except CommandError as error:
            return error.text.decode("latin-1")
        except KeyError:
            return "internal: KeyError"
        except SystemExit:
            return "internal: SystemExit"


def watch(events):
    """Note what reaches for the world; the interpreter tells of it."""
    names = ("open", "os.", "subprocess.", "socket.", "ctypes.", "exec", "import")

    def hook(event, arguments):
        if events is not None and event.startswith(names):
            events.append(f"{event} {arguments!r}"[:200])

    sys.addaudithook(hook)


def main():
    logging.disable()
    events = []
    runner = Runner()
    expected = runner.run(CANARY)
    watch(events)
    for line in sys.stdin:
        source, patience = json.loads(line)
        runner.echoed.clear()
        events.clear()
        started = time.monotonic()
        outcome = runner.run(source.encode("latin-1"), patience)
        seconds = time.monotonic() - started
        touched = list(events)
        echoed = [text.decode("latin-1") for text in runner.echoed[:3]]
        canary = runner.run(CANARY)
        report = {
            "outcome": outcome,
            "seconds": seconds,
            "touched": touched,
            "echoed": echoed,
            "traces": "" if canary == expected else f"{canary} instead of {expected}",
        }
        sys.stdout.write(json.dumps(report) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
