"""Run one script against two servers and compare their replies as bytes.

See the docstring of tests/parity/conftest.py for how to use it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from tests.parity import wire
from tests.support.servers import ServerProcess

Loose = Callable[[Any, Any, Any], bool]
Script = Sequence[Any]

ALWAYS_UNORDERED = frozenset({"KEYS", "SMEMBERS", "SINTER", "SUNION", "SDIFF"})
"""Commands whose order Redis leaves open, and which no script relies upon."""

_SHOWN_BYTES = 600


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a script: some bytes to send, and some replies to wait for.

    Attributes:
        words: the command, raw bytes, or None where nothing is sent.
        client: the connection that it goes over; each name is one of its own.
        replies: how many replies to read.
    """

    words: Any
    client: str
    replies: int


def at(client: str, *words: Any) -> Step:
    """Return a step that another client takes, named as you like."""
    return Step(list(words), client, _replies_to(words))


def send(client: str, *words: Any) -> Step:
    """Return a step that sends a command and does not wait for its reply (BLPOP)."""
    return Step(list(words), client, 0)


def receive(client: str, replies: int = 1) -> Step:
    """Return a step that waits for replies that are due, or for pushes."""
    return Step(None, client, replies)


def raw(data: bytes, replies: int = 1, client: str = "main") -> Step:
    """Return a step that sends bytes as they are: inline commands, broken RESP."""
    return Step(data, client, replies)


def _replies_to(words: Sequence[Any]) -> int:
    name = str(words[0]).upper() if words and not isinstance(words[0], bytes) else ""
    if name in {"SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"}:
        return max(len(words) - 1, 1)
    if name in {"UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"}:
        return max(len(words) - 1, 1)
    return 1


def _as_step(step: Any) -> Step:
    if isinstance(step, Step):
        return step
    if isinstance(step, str):
        step = step.split()
    return Step(list(step), "main", _replies_to(step))


def run(server: ServerProcess, steps: Sequence[Step], protocol: int) -> list[bytes]:
    """Run a script on an empty server and return the raw replies of each step."""
    control = server.connect()
    for words in (["FLUSHALL"], ["SCRIPT", "FLUSH"], ["FUNCTION", "FLUSH"]):
        reply = control.ask(*words)
        assert words != ["FLUSHALL"] or reply == b"+OK\r\n", (server.name, reply)
    clients: dict[str, wire.Connection] = {}
    replies = []
    try:
        for step in steps:
            if step.client not in clients:
                clients[step.client] = server.connect()
                _speak(clients[step.client], protocol)
            client = clients[step.client]
            if step.words is not None:
                client.send(wire.encode(step.words))
            if not step.replies:
                _wait_until_read(control)
            replies.append(b"".join(_read(client, step.replies)))
    finally:
        for connection in (control, *clients.values()):
            connection.close()
    return replies


def _speak(client: wire.Connection, protocol: int) -> None:
    if protocol != 2:
        greeting = client.ask("HELLO", protocol)
        assert greeting[:1] == b"%", greeting


def _read(client: wire.Connection, count: int) -> list[bytes]:
    replies: list[bytes] = []
    while len(replies) < count and not (replies and replies[-1][:1] == b"<"):
        replies.append(client.read())
    return replies


def _wait_until_read(control: wire.Connection) -> None:
    """Return when the server has surely read what other clients sent before.

    What was sent is in the server's socket when the first PING arrives, so the turn of
    its loop that answers the second PING comes after the one that read it.
    """
    for _ in range(2):
        control.ask("PING")


class Parity:
    """Compares this server with a witness; the `parity` fixture is one.

    Attributes:
        ours: this server.
        witness: starts or returns the real server of a name.
        after_script: called with our server after each script.
    """

    def __init__(
        self,
        ours: Callable[[], ServerProcess],
        witness: Callable[[str], ServerProcess],
        after_script: Callable[[ServerProcess], None],
    ) -> None:
        self._ours = ours
        self._witness = witness
        self._after_script = after_script

    def __call__(
        self,
        script: Script,
        *,
        unordered: Collection[int | str] = (),
        loose: Loose | None = None,
        known: Mapping[int | str, str] | None = None,
        protocols: Sequence[int] = (2, 3),
        witness: str = "valkey",
        digest: bool = True,
    ) -> None:
        """Run a script on both servers, in RESP2 and again in RESP3, and compare.

        Args:
            script: steps: a list of words, one string of words, or a `Step`.
            unordered: indexes of steps, or names of commands, whose arrays are
                compared as multisets.
            loose: called as `loose(words, ours, theirs)` with parsed replies where
                they differ; True accepts the difference.
            known: differences that docs/compatibility.md lists: index or name of
                the command -> the reason. One that no longer differs fails.
            protocols: the protocols to run it in.
            witness: `valkey`; `redis` for what Valkey changed since Redis 7.2, or
                `redis8` for what only Redis 8 has.
            digest: compare DEBUG DIGEST of both afterwards.
        """
        steps = [_as_step(step) for step in script]
        known = dict(known or {})
        unused = set(known)
        reports: list[str] = []
        for protocol in protocols:
            ours, theirs = self._ours(), self._witness(witness)
            answers = run(ours, steps, protocol)
            expected = run(theirs, steps, protocol)
            late = [
                step
                for step, reply in zip(steps, expected, strict=True)
                if reply.startswith(wire.NO_REPLY)
            ]
            assert not late, f"{theirs.name} gives no such reply: {late}"
            for index, step in enumerate(steps):
                pair = answers[index], expected[index]
                if _agree(index, step, pair, unordered, loose):
                    continue
                labels = _labels(index, step) & known.keys()
                unused -= labels
                if not labels:
                    reports.append(_report(index, step, pair, protocol, theirs.name))
            if digest and not reports:
                reports += _compare_digests(ours, theirs, protocol)
            if not ours.is_alive:
                reports.append(f"our server died:\n{ours.output()}")
            else:
                self._after_script(ours)
        reports += [f"{label!r} differs no longer: {known[label]}" for label in unused]
        if reports:
            pytest.fail("\n\n".join(reports), pytrace=False)


def _labels(index: int, step: Step) -> set[int | str]:
    words = step.words
    if words is None or isinstance(words, bytes):
        return {index}
    names = {str(words[0]).upper(), " ".join(str(word).upper() for word in words[:2])}
    return {index, index, *names}


def _agree(
    index: int,
    step: Step,
    pair: tuple[bytes, bytes],
    unordered: Collection[int | str],
    loose: Loose | None,
) -> bool:
    if pair[0] == pair[1]:
        return True
    if step.replies != 1 or b"<" in (pair[0][:1], pair[1][:1]):
        return False
    ours, theirs = wire.parse(pair[0]), wire.parse(pair[1])
    if _labels(index, step) & (ALWAYS_UNORDERED | set(unordered)):
        ours, theirs = wire.without_order(ours), wire.without_order(theirs)
    return bool(ours == theirs or (loose and loose(step.words, ours, theirs)))


def _report(
    index: int, step: Step, pair: tuple[bytes, bytes], protocol: int, witness: str
) -> str:
    words = step.words
    if words is None:
        command = "(receive)"
    elif isinstance(words, bytes):
        command = repr(words)
    else:
        command = " ".join(_show_word(word) for word in words)
    client = "" if step.client == "main" else f" [{step.client}]"
    width = max(len(witness), len("joblog"))
    return (
        f"RESP{protocol}, step {index}{client}: {command}\n"
        f"  {'joblog':<{width}}  {_shorten(pair[0])}\n"
        f"  {witness:<{width}}  {_shorten(pair[1])}"
    )


def _show_word(word: Any) -> str:
    text = word.decode("latin-1") if isinstance(word, bytes) else str(word)
    plain = text and text.isprintable() and not set(" '\"") & set(text)
    return text if plain else repr(word)


def _shorten(reply: bytes) -> str:
    if len(reply) <= _SHOWN_BYTES:
        return repr(reply)[1:]
    return f"{reply[:_SHOWN_BYTES]!r}... ({len(reply)} bytes)"


def _compare_digests(
    ours: ServerProcess, theirs: ServerProcess, protocol: int
) -> list[str]:
    """Compare the keyspaces by the digest that both compute in the same way."""
    digests = []
    for server in (ours, theirs):
        connection = server.connect()
        digests.append(connection.ask("DEBUG", "DIGEST"))
        connection.close()
    if digests[0] == digests[1] or b"-" in (digests[0][:1], digests[1][:1]):
        return []
    report = (
        f"RESP{protocol}: all replies are equal, but DEBUG DIGEST is not:\n"
        f"  joblog  {digests[0]!r}\n  {theirs.name:<6}  {digests[1]!r}"
    )
    return [report]


def same_shape(_words: Any, ours: Any, theirs: Any) -> bool:
    """Accept replies of the same types and lengths, whatever the values: a `loose`."""
    if not (isinstance(ours, wire.Aggregate) and isinstance(theirs, wire.Aggregate)):
        return type(ours) is type(theirs) and ours.type == theirs.type
    return (
        ours.type == theirs.type
        and len(ours.items) == len(theirs.items)
        and all(map(same_shape, [None] * len(ours.items), ours.items, theirs.items))
    )


def nearly(tolerance: int) -> Loose:
    """Return a `loose` that accepts integers that differ by so much (PTTL)."""

    def accept(_words: Any, ours: Any, theirs: Any) -> bool:
        if not (isinstance(ours, wire.Line) and isinstance(theirs, wire.Line)):
            return False
        if ours.type != ":" or theirs.type != ":":
            return False
        return abs(int(ours.text) - int(theirs.text)) <= tolerance

    return accept


def same_scan(_words: Any, ours: Any, theirs: Any) -> bool:
    """Accept a page of SCAN with the same items in another order: a `loose`.

    Cursors are compared only by whether the iteration is over, so the script should
    give a COUNT that takes everything at once.
    """
    if not (isinstance(ours, wire.Aggregate) and isinstance(theirs, wire.Aggregate)):
        return False
    is_over = [page.items[0].data == b"0" for page in (ours, theirs)]
    pages = [wire.without_order(page.items[1]) for page in (ours, theirs)]
    return is_over[0] == is_over[1] and pages[0] == pages[1]


def same_fields(*names: str) -> Loose:
    """Return a `loose` that compares only some fields of INFO.

    Args:
        names: of the fields; of `cmdstat_` fields the times are left out.
    """

    def fields(reply: Any) -> dict[str, str]:
        lines = reply.data.decode().split("\r\n")
        pairs = (line.partition(":")[::2] for line in lines)
        return {
            name: re.sub(r"usec\w*=[\d.]+,", "", value)
            for name, value in pairs
            if name in names
        }

    def accept(words: Any, ours: Any, theirs: Any) -> bool:
        if str(words[0]).upper() != "INFO":
            return False
        return fields(ours) == fields(theirs)

    return accept
