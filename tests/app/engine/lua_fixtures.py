"""A runtime whose commands are given by the test; the sandbox's files by themselves."""

from importlib import resources

from lupa import lua51

from joblog.app.engine.lua_callbacks import Hooks
from joblog.app.engine.scripting import ScriptRuntime
from joblog.app.errors import CommandError
from joblog.app.reply import BulkList
from joblog.app.version import REDIS_VERSION


class ScriptRunner:
    """Runs texts of scripts in one runtime.

    Attributes:
        calls: the argvs that scripts called.
        replies: by the first word of an argv, what answers it; else None does.
        verdict: what the runtime is told when it asks whether to stop.
        asked: how often it has asked.
    """

    def __init__(self, memory_limit=64 * 1024 * 1024, **limits):
        """Make a runtime; the limits are those of lua/limits.lua, by name."""
        self.calls = []
        self.replies = {}
        self.verdict = 0
        self.asked = 0
        hooks = Hooks(self._call, should_stop=self._should_stop)
        self.runtime = ScriptRuntime(
            hooks,
            version=REDIS_VERSION,
            memory_limit=memory_limit,
            limits={name.encode(): value for name, value in limits.items()},
        )

    def _should_stop(self):
        self.asked += 1
        return self.verdict

    def _call(self, argv):
        self.calls.append(argv)
        reply = self.replies.get(argv[0].decode("latin-1"))
        if isinstance(reply, Exception) and not isinstance(reply, CommandError):
            raise reply
        return reply

    def __call__(self, source, keys=(), arguments=(), resp=2):
        """Run a script; return its reply, or the text of its error."""
        source = source.encode("latin-1") if isinstance(source, str) else source
        words = (*keys, *arguments)
        try:
            number = self.runtime.load(source)
            return self.runtime.run(number, b"SHA", len(keys), words, resp)
        except CommandError as error:
            return error.text


def strings(*items):
    return BulkList(items)


def open_core(*names, stock=b"", **limits):
    """Load files of the sandbox into a Lua of their own, and return what they define.

    Its `perform` runs a text, which is given all of it; pcall there is the stock one.

    Args:
        names: of the files, behind hook and core.
        stock: Lua that runs first: it may put something else in the place of a function
            of the standard library, to see what the sandbox hands to it.
        limits: those of lua/limits.lua that are to be others.
    """
    lua = lua51.LuaRuntime(encoding=None)
    lua.execute(stock)
    core = lua.eval(b"{limits = {}, should_stop = should_stop or function() end}")
    for name, value in limits.items():
        core[b"limits"][name.encode()] = value
    for name in ("limits", "hook", "core", *names):
        path = resources.files("joblog.app.engine") / "lua" / f"{name}.lua"
        lua.execute(path.read_bytes(), core)
    core[b"perform"] = lua.execute(
        b"local core = ... return function(text) return loadstring(text)(core) end",
        core,
    )
    return core
