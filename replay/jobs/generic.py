"""The generic schema: it needs no file. A job is an id that moves between keys.

What a key means is guessed from the words in its name (`jobs:processing`, `retry_set`);
a list whose name says nothing is a line of waiting jobs. An element is the id, or JSON
that has one; in a hash it is JSON, or an id that was seen elsewhere: most hashes are of
one job, and what they say is no job. A hash with a known id in its name is that job's.
With a wanted id every element and every key that has it as a word counts, whatever else
it is: a string that is called a lock, or by a word of running jobs, is a lease, which
ends without ending the job; any other key is the job's own.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from joblog.replay.jobs.elements import make_reader
from joblog.replay.jobs.patterns import Names, Pattern
from joblog.replay.jobs.schema import Meaning, Rule, Schema

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from joblog.replay.jobs.elements import ReadId

_WORD = re.compile(rb"[a-z]+")
_STATES = {
    "running": "active running processing progress inprogress wip reserved unacked "
    "inflight taken leased working busy started current",
    "scheduled": "delayed delay scheduled schedule retry retries later deferred",
    "blocked": "blocked waitlist paused held",
    "failed": "failed failures dead error errors archived dlq deadletter buried",
    "done": "done completed complete finished finish success succeeded processed",
    "cancelled": "cancelled canceled revoked aborted",
    "waiting": "queue queued queues pending wait waiting ready jobs tasks todo inbox",
}
_STATE_OF = {
    word.encode(): state for state, words in _STATES.items() for word in words.split()
}
_LIST_WRITERS = frozenset(
    b"LPUSH RPUSH LPUSHX RPUSHX LPOP RPOP LMOVE RPOPLPUSH LREM LTRIM LSET".split()
)
_HASH_WRITERS = frozenset(b"HSET HMSET HSETNX HINCRBY HINCRBYFLOAT HSETEX".split())
_ID_LONGEST = 200
_KEYS_KEPT = 100_000
_IDS = (
    "json id",
    "json jid",
    "json job_id",
    "json jobId",
    "json task_id",
    "json uuid",
    "json headers.id",
)
_FIELDS = {
    "status": "status",
    "result": "result",
    "attempts": "attempts",
    "worker": "worker",
}
_ERRORS = (
    *("error", "last_error", "lasterror", "error_message", "errormessage", "err"),
    *("exception", "exc", "exc_info", "traceback", "stacktrace", "reason"),
    *("failure", "failure_reason", "failed_reason", "failedreason", "fail_reason"),
)
_GUESSES = dict.fromkeys(_ERRORS, "error")
_LEASES = frozenset(
    b"lock locked locks lease leases heartbeat heartbeats alive claim claims".split()
)
_STRING_WRITERS = frozenset(b"SET SETEX PSETEX SETNX GETSET INCR INCRBY".split())
_ANY = Pattern("{*}")
_LEASE = Rule("mark", _ANY, is_lease=True)
_OWN = Rule("job", _ANY, form="hash", fields=_FIELDS, guesses=_GUESSES)
_IN_HASH = "#"
"""Stands behind the state that a hash's name tells, where one is written down."""

_SEPARATOR = re.compile(rb"[:./_]+")
_IDS_KEPT = 100_000


class GenericSchema(Schema):
    """A schema that guesses.

    Attributes:
        wanted: the only id that counts; None for any.
    """

    guesses = True

    def __init__(self, wanted: bytes | None = None) -> None:
        """Guess of any job, or of one."""
        super().__init__("generic", "generic", [], content="generic")
        self.wanted = wanted
        self._mentions = _find_word(wanted) if wanted else None
        self._ids: OrderedDict[bytes, None] = OrderedDict()
        self._read = _one_id(wanted) if wanted else _read_any(self._ids)
        self._read_known = _read_seen(self._read, self._ids)
        self._known: dict[bytes, tuple[Meaning | None, bool]] = {}
        self._hashes: OrderedDict[bytes, None] = OrderedDict()
        self._lists: OrderedDict[bytes, None] = OrderedDict()
        self._places: dict[str, Rule] = {}
        self._strings: set[bytes] = set()

    def meaning(self, key: bytes, command: bytes = b"") -> Meaning | None:
        """Return what a key seems to mean, None where nothing tells."""
        if self._mentions is not None and self._mentions(key):
            return self._meaning_of_own(key, command)
        name = command.upper()
        is_list = name in _LIST_WRITERS
        try:
            found, may_be_lease = self._known[key]
        except KeyError:
            found, may_be_lease = self._keep(key)
        if may_be_lease and not is_list:
            lease = self._meaning_of_lease(key)
            if lease is not None:
                return lease
        if self.wanted is None and (name in _HASH_WRITERS or key in self._hashes):
            return self._meaning_of_hash(key, is_written=name in _HASH_WRITERS)
        is_unknown = found is None or not found.rule.state
        if is_unknown and (is_list or key in self._lists):
            _remember(self._lists, key)
            return self._mean(key, "waiting")
        return found

    def _meaning_of_own(self, key: bytes, command: bytes) -> Meaning:
        """Return what a key means that has the wanted id in its name."""
        if command.upper() in _STRING_WRITERS:
            self._strings.add(key)
        words = set(_WORD.findall(key.lower()))
        names = Names(None, self.wanted)
        if words & _LEASES:
            return Meaning(_LEASE, names)
        if key in self._strings and _guess_state(key) == "running":
            return Meaning(Rule("mark", _ANY, "running", is_lease=True), names)
        return Meaning(_OWN, names)

    def _meaning_of_lease(self, key: bytes) -> Meaning | None:
        """Return what a lease's key means, if a job is known that it may be of."""
        job_id = self._find_id(key)
        return None if job_id is None else Meaning(_LEASE, Names(None, job_id))

    def _meaning_of_hash(self, key: bytes, *, is_written: bool) -> Meaning | None:
        """Return what a hash means: a known job's own key, or by its name a place."""
        if is_written:
            job_id = self._find_id(key)
            if job_id is not None:
                return Meaning(_OWN, Names(None, job_id))
            _remember(self._hashes, key)
        state = _guess_state(key)
        return self._mean(key, state + _IN_HASH) if state else None

    def _find_id(self, key: bytes) -> bytes | None:
        """Return the id of a known job that a key has in its name, if there is one."""
        parts = _SEPARATOR.split(key)
        kept = [part for part in parts if part.lower() not in _LEASES]
        for start in range(len(kept)):
            for end in range(len(kept), start, -1):
                job_id = b":".join(kept[start:end])
                if job_id in self._ids:
                    return job_id
        return None

    def unlinks(self, job_id: bytes, effects: Sequence[list[bytes]]) -> bool:
        """Tell whether effects remove a key that has a job's id as a word: no lease."""
        mentions = _find_word(job_id)
        return any(
            mentions(key) and not set(_WORD.findall(key.lower())) & _LEASES
            for argv in effects
            if argv[0].upper() in {b"DEL", b"UNLINK"}
            for key in argv[1:]
        )

    def _keep(self, key: bytes) -> tuple[Meaning | None, bool]:
        """Return what a key's name alone tells, and whether it may be a lease's."""
        state = _guess_state(key)
        found = self._mean(key, state) if state or self.wanted else None
        may_be_lease = self.wanted is None and bool(
            set(_WORD.findall(key.lower())) & _LEASES
        )
        if len(self._known) >= _KEYS_KEPT:
            self._known.clear()
        self._known[key] = found, may_be_lease
        return found, may_be_lease

    def _mean(self, key: bytes, state: str) -> Meaning:
        return Meaning(self.rule_of(state), Names(_guess_queue(key), None))

    def code_of(self, rule: Rule) -> Any:
        """Return the state that a place tells, None for a lease."""
        if rule.is_lease:
            return None
        is_in_hash = rule.read_id is self._read_known
        return rule.state + _IN_HASH if is_in_hash else rule.state

    def rule_of(self, code: Any) -> Rule:
        """Return the rule of places that tell a state, or that of leases."""
        if code is None:
            return _LEASE
        rule = self._places.get(code)
        if rule is None:
            read = self._read_known if code.endswith(_IN_HASH) else self._read
            state = code.removesuffix(_IN_HASH)
            rule = Rule("place", _ANY, state, read, guesses=_GUESSES)
            self._places[code] = rule
        return rule

    def anew(self) -> GenericSchema:
        """Return one that has learned nothing, for one who follows a log."""
        return GenericSchema(self.wanted)

    def memory(self) -> Any:
        """Return the keys that are lists, those that are hashes, and the ids seen."""
        return [list(self._lists), list(self._hashes), list(self._ids)]

    def remember(self, memory: Any) -> None:
        """Know those keys and ids, and no others."""
        lists, hashes, ids = memory or ((), (), ())
        self._lists = OrderedDict.fromkeys(lists)
        self._hashes = OrderedDict.fromkeys(hashes)
        self._ids.clear()
        self._ids.update(dict.fromkeys(ids))


def _remember(keys: OrderedDict[bytes, None], key: bytes) -> None:
    """Note down a key; the oldest are forgotten first."""
    if key not in keys:
        keys[key] = None
        if len(keys) > _KEYS_KEPT:
            keys.popitem(last=False)


def _guess_state(key: bytes) -> str:
    words = _WORD.findall(key.lower())
    states = {_STATE_OF[word] for word in words if word in _STATE_OF}
    return next((state for state in _STATES if state in states), "")


def _guess_queue(key: bytes) -> bytes:
    """Return a key's name without the words that tell a state."""
    parts = re.split(rb"([:._/\-]+)", key)
    kept = [part for part in parts[::2] if part.lower() not in _STATE_OF]
    return b":".join(kept) or key


def _find_word(wanted: bytes) -> Callable[[bytes], object]:
    """Return a call that finds an id where no letter or digit is beside it."""
    edges = rb"(?<![0-9A-Za-z])%s(?![0-9A-Za-z])" % re.escape(wanted)
    return re.compile(edges).search


def _one_id(wanted: bytes) -> ReadId:
    mentions = _find_word(wanted)
    return lambda element, _: wanted if mentions(element) else None


def _read_any(seen: OrderedDict[bytes, None]) -> ReadId:
    """Return what reads any id, and notes down the last ones that it read."""
    from_json = make_reader(_IDS)

    def read(element: bytes, names: Mapping[bytes, bytes]) -> bytes | None:
        if element[:1] in {b"{", b"["}:
            found = from_json(element, names)
        else:
            found = element if len(element) <= _ID_LONGEST else None
        if found and found not in seen:
            seen[found] = None
            if len(seen) > _IDS_KEPT:
                seen.popitem(last=False)
        return found

    return read


def _read_seen(read: ReadId, seen: OrderedDict[bytes, None]) -> ReadId:
    """Return what reads an id of JSON, or one that was seen."""

    def read_seen(element: bytes, names: Mapping[bytes, bytes]) -> bytes | None:
        if element[:1] in {b"{", b"["} or element in seen:
            return read(element, names)
        return None

    return read_seen
