"""Schemas: what one queue library's keys mean; `schema_files` reads them from TOML."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from joblog.replay.jobs.elements import ReadId
    from joblog.replay.jobs.patterns import Names, Pattern

STATES = (
    *("waiting", "scheduled", "blocked", "running"),
    *("done", "failed", "cancelled", "deleted"),
)
"""Each state that a job can be in; the last four are ends."""

ENDS = frozenset(("done", "failed", "cancelled", "deleted"))

SCORES = (
    *("", "deadline_ms", "deadline_s", "since_ms", "since_s"),
    *("due_ms", "due_s", "due_ms_4096"),
)
"""What scores of a sorted set are: a lease's end, when it began, when a job is due.

In `due_ms_4096` the time in ms stands above the lowest 12 bits, which hold a counter.
"""

FIELDS = (
    *("queue", "status", "error", "result", "attempts", "worker"),
    *("task", "due", "eta", "round", "replaced", "unkept"),
)
"""What may be read of a job. The last five are about one element of a place:

- `due`: the time in ms that counts in place of a `due` score;
- `eta`: the time before which whoever took the job does not begin, as ms or ISO 8601;
- `round`: a number; an element with a higher one is the job's next try, and what is
  still there of the tries before says no more;
- `replaced`: a number that counts above `round`: how often the job was put in the
  place of another of its id, by that;
- `unkept`: "true" where no result of this job will be kept.
"""

_KEYS_KEPT = 100_000


class SchemaError(ValueError):
    """A schema cannot be used; the text says which, where, and why."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What keys of one pattern mean; see the module's head for the fields.

    Attributes:
        kind: "place", "job", "mark", "result", "alias", "notice", "counter"
            or "other".
        pattern: the keys that it is about.
        state: the state that it tells, "" for none.
        read_id: reads a job's id from an element, or from what the key has for it;
            None where that is the id.
        part: "value" or "field": which part of a hash's field the element is.
        score: one of SCORES.
        left: the state after leaving it for nowhere, "" for what is usual.
        is_register: whether jobs in it may lie elsewhere too.
        is_held: whether who has a job in it enqueues it when it is due, so that it says
            nothing any more of a job that was taken.
        repeats: whether it tells only now and then, and late, which jobs run.
        untold: finds in an element of such a place that its leaving does not tell how
            the job ended; None for never.
        has_aliases: whether a hash's fields are other names of the jobs in it.
        form: "hash", "json", "pickle" or "value": how a key holds what is known;
            "entry": a place's elements are entries of a stream.
        fields: from one of FIELDS to where it is: a field's name, or a JSON path.
        is_lease: whether the key's deadline is that of a lease.
        states: of a notice: from what an entry says to a state.
        job: of a notice: the field that has the job's id, where the key has not.
        event: of a notice: the field that says what happened.
        pending: of a stream: the rule that counts for entries that a consumer has.
        on_error: the rule that counts where `fields` find an error, None for this.
        where: tells of a key that fits the pattern whether it is meant; None for any.
        guesses: from a field's name, in small letters, to one of FIELDS; of a hash, or
            of JSON at its top.
    """

    kind: str
    pattern: Pattern
    state: str = ""
    read_id: ReadId | None = None
    part: str = "value"
    score: str = ""
    left: str = ""
    is_register: bool = False
    is_held: bool = False
    repeats: bool = False
    untold: Callable[[bytes], object] | None = None
    has_aliases: bool = False
    form: str = "hash"
    fields: dict[str, str] = field(default_factory=dict)
    is_lease: bool = False
    states: dict[str, str] = field(default_factory=dict)
    job: str = "id"
    event: str = "event"
    on_error: Rule | None = None
    pending: Rule | None = None
    where: Callable[[bytes], object] | None = None

    @property
    def is_result_field(self) -> bool:
        """Whether fields of a hash have jobs' results, so that each write tells one."""
        return self.part == "field" and self.state in ENDS

    def meaning(self, names: Names) -> Meaning | None:
        """Return what a key of these names means, None where it is none of a job's."""
        if self.kind == "other":
            return None
        if names.id is None or self.read_id is None:
            return Meaning(self, names)
        job_id = self.read_id(names.id, {})
        return Meaning(self, names._replace(id=job_id)) if job_id else None

    @property
    def tells_due(self) -> bool:
        """Whether it says when a job is due."""
        return self.score[:3] == "due" or "due" in self.fields

    guesses: Mapping[str, str] = field(default_factory=dict)


class Meaning(NamedTuple):
    """What one key means.

    Attributes:
        rule: the rule that it comes under.
        names: the queue's name and the job's id, where the key has them.
    """

    rule: Rule
    names: Names


class Habits(NamedTuple):
    """What a library does with all of its jobs.

    Attributes:
        has_acks: whether a running job is kept anywhere until it ends.
        is_scoped: whether two queues may have jobs of one id.
        reuses_ids: whether an id may be given to another job once its job has ended.
        keeps_leases: whether nobody takes a job back whose lease has not run out.
        swept: how the error of a job begins that was taken back from a worker; one that
            has another was given back by its own worker. Empty where none tells.
    """

    has_acks: bool = True
    is_scoped: bool = False
    reuses_ids: bool = False
    keeps_leases: bool = False
    swept: bytes = b""


class Schema:
    """One library's schema.

    Attributes:
        name: how it is called on the command line.
        title: how people call the library.
        detect: patterns of keys that only this library writes.
        has_acks: as `Habits` tells it, and so the next four.
        unless: the name of a schema that takes this one's place where both are found.
        content: all that it says, by which what was kept of it is known again.
        has_rounds: whether each try of a job is a message of its own.
        guesses: whether what it says of a key depends on what came before.
        rules: in the order in which they are tried.
        statuses: from a job's status to a state.
        source: the file that it was read from, for errors.
    """

    guesses = False

    def __init__(
        self,
        name: str,
        title: str,
        rules: list[Rule],
        *,
        detect: tuple[Pattern, ...] = (),
        statuses: Mapping[bytes, str] | None = None,
        habits: Habits = Habits(),  # noqa: B008 - a NamedTuple never changes
        unless: str = "",
        source: str = "",
        content: str = "",
    ) -> None:
        """Make a schema of rules."""
        self.name = name
        self.title = title
        self.rules = rules
        self.detect = detect
        self.statuses = dict(statuses or {})
        self.has_acks = habits.has_acks
        self.is_scoped = habits.is_scoped
        self.reuses_ids = habits.reuses_ids
        self.keeps_leases = habits.keeps_leases
        self.swept = habits.swept
        self.has_rounds = any("round" in rule.fields for rule in rules)
        self.unless = unless
        self.source = source
        self.content = content
        more = [each for rule in rules for each in (rule.on_error, rule.pending)]
        self._coded = [*rules, *filter(None, more)]
        self._codes = {id(rule): code for code, rule in enumerate(self._coded)}
        self._meanings: dict[bytes, Meaning | None] = {}

    def meaning(self, key: bytes, _: bytes = b"") -> Meaning | None:
        """Return what a key means, None where it has nothing to do with jobs.

        Args:
            key: the key.
            _: the command that writes it, which only a schema that guesses looks at.
        """
        try:
            return self._meanings[key]
        except KeyError:
            pass
        found = None
        for rule in self.rules:
            names = rule.pattern.match(key)
            if names is not None and (rule.where is None or rule.where(key)):
                found = rule.meaning(names)
                break
        if len(self._meanings) >= _KEYS_KEPT:
            self._meanings.clear()
        self._meanings[key] = found
        return found

    def code_of(self, rule: Rule) -> Any:
        """Return what stands for a rule where it is kept in a file."""
        return self._codes[id(rule)]

    def rule_of(self, code: Any) -> Rule:
        """Return the rule for which that stands."""
        rule: Rule = self._coded[code]
        return rule

    def memory(self) -> Any:
        """Return what it has learned of a log, to be kept in a file."""
        return None

    def remember(self, memory: Any) -> None:
        """Know what it had learned at a moment of a log; None at its beginning."""

    def anew(self) -> Schema:
        """Return it for one who follows a log, with nothing learned: itself here."""
        return self

    def unlinks(self, _: bytes, __: Sequence[list[bytes]]) -> bool:
        """Tell whether effects remove what a job was, where no rule names its key."""
        return False

    def detects(self, key: bytes) -> bool:
        """Tell whether only this library writes such a key."""
        return any(pattern.match(key) for pattern in self.detect)
