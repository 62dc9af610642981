"""Stories: one job each: where it is, who took it, and what happened to it.

A story keeps what a verdict needs, not all that happened: each change is told as a
`Step` to whoever asks for steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from joblog.replay.jobs.schema import ENDS
from joblog.storage.record import Origin, Record

if TYPE_CHECKING:
    from joblog.replay.jobs.schema import Meaning, Rule, Schema

Home = tuple[int, bytes]
"""A key: its database, and its name."""

JobName = tuple[str, bytes, bytes]
"""Which job: the schema's name, its queue where ids are a queue's own, and its id."""


def job_name(schema: Schema, meaning: Meaning, job_id: bytes) -> JobName:
    """Return which job an id is, in a key that means something."""
    queue = meaning.names.queue or b""
    return schema.name, queue if schema.is_scoped else b"", job_id


NOBODY: frozenset[int] = frozenset()
"""One for all stories: each empty set that Python makes takes 216 bytes."""


class Standing(NamedTuple):
    """Where a job stood after a step: the next step takes it from there.

    Attributes:
        queue: its queue.
        state: its state.
        seq: the record of the step; of a job that was there at the beginning the moment
            of that.
    """

    queue: bytes
    state: str
    seq: int


class Step(NamedTuple):
    """One thing that happened to a job, in one record.

    Attributes:
        kind: what, in a word or two: "enqueued", "taken", "done", ...
        state: the job's state after it.
        record: the record that did it.
        key: the key that tells it: a list, the job's own key, a lock.
        notes: what else changed, by a field's name, such as "error" and "attempts".
        lease_ms: the deadline of the lease that it has now, or None.
        due_ms: when it is due, or None.
        problem: what is wrong with this, "" where nothing is.
        is_inferred: whether it was concluded from what came later (see `sparse`).
        before: where the job stood, None where this is the first that is told of it.
    """

    kind: str
    state: str
    record: Record
    key: bytes = b""
    notes: dict[str, bytes] = {}  # noqa: RUF012 - a NamedTuple's default, never changed
    lease_ms: int | None = None
    due_ms: int | None = None
    problem: str = ""
    is_inferred: bool = False
    before: Standing | None = None


def bare_record(record: Record) -> Record:
    """Return what is kept of a record with a story: number, time and client."""
    seq, _, at_ms, *_ = record
    return Record(seq, 0, at_ms, record.db, [], Origin(record.origin.client_id))


class Story:
    """What is known of one job.

    Attributes:
        schema: the schema by which it was read.
        id: the job's id.
        queue: its queue's name, b"" where that is not known.
        state: one of `schema.STATES`; "" before the first.
        since_ms: since when; where that is not known, it was so at this time already.
        is_since_known: whether it is known since when.
        places: the keys that it lies in: the rule, and how often.
        marks: the keys that tell a state by being there, and their deadlines.
        is_in_hand: it runs, and no key says so: whoever took it has the only copy.
        is_moving: and a scheduler took it, which is to enqueue it next.
        is_dropped: and another's script took it out of its last key, to no other.
        is_acked: it runs, and was acknowledged before it ended.
        is_hollow: the job's own key was removed before it ended.
        was_gone: the job's own key was removed, before or after.
        facts: what its own key says, by the fields' names of the schema.
        status: the state that its own key told last, "" for none.
        lease_ms: when its lease ends, or None.
        due_ms: when it is due, or None.
        eta_ms: before when whoever takes it does not begin, or None.
        round: which try the newest message is for, 0 where none says.
        rounds: the tries before it whose messages came back, and count beside it.
        is_unkept: whether its messages say that no result of it is kept.
        deliveries: how often it was taken.
        taker: id of the client that took it last, 0 for none.
        taken_seq: the record in which it was.
        former: ids of clients that it was taken back from.
        times_taken_back: how often another than its taker put it back.
        hands: ids of clients that wrote of it while it ran.
        enqueued_seq: the record in which it last came from outside.
        done_seq: the record in which it was last done, 0 for none.
        is_done_told: whether a key said so, and it was no conclusion.
        enqueued_ms: when it first came.
        taken_ms: when it was last taken, or None.
        ended_ms: when it came to an end, or None.
        waited_ms: how long it waited before it was taken last.
        doubles: the problems that amount to a double delivery.
        last: the step that brought it to its state.
        standing: where it stood after the last step that was told, None before it.
        first_seq: the first record that told of it.
        last_seq: the last one.
        last_ms: when that was.
        number: how many jobs the tracker had come to know before.
    """

    __slots__ = (
        *("deliveries", "done_seq", "doubles", "due_ms", "ended_ms"),
        *("enqueued_ms", "enqueued_seq", "eta_ms", "facts", "first_seq", "former"),
        *("hands", "id", "is_acked", "is_done_told", "is_dropped", "is_hollow"),
        *(
            "is_in_hand",
            "is_moving",
            "is_since_known",
            "is_unkept",
            "last",
            "last_ms",
            "last_seq",
        ),
        *(
            "lease_ms",
            "marks",
            "number",
            "places",
            "queue",
            "round",
            "rounds",
            "schema",
        ),
        *("since_ms", "standing", "state", "status", "taken_ms", "taken_seq", "taker"),
        *("times_taken_back", "waited_ms", "was_gone"),
    )

    def __init__(self, schema: Schema, job_id: bytes, queue: bytes, seq: int) -> None:
        """Begin a story with the record that first tells of the job."""
        self.schema = schema
        self.id = job_id
        self.queue = queue
        self.state = ""
        self.since_ms = 0
        self.is_since_known = True
        self.places: dict[Home, tuple[Rule, int]] = {}
        self.marks: dict[Home, tuple[Rule, int | None]] = {}
        self.is_in_hand = self.is_moving = self.is_dropped = False
        self.is_acked = self.is_hollow = self.was_gone = False
        self.facts: dict[str, bytes] = {}
        self.status = ""
        self.lease_ms: int | None = None
        self.due_ms: int | None = None
        self.eta_ms: int | None = None
        self.round = 0
        self.rounds = NOBODY
        self.is_unkept = False
        self.deliveries = 0
        self.taker = 0
        self.taken_seq = 0
        self.former = NOBODY
        self.times_taken_back = 0
        self.hands = NOBODY
        self.enqueued_seq = 0
        self.done_seq = 0
        self.is_done_told = False
        self.enqueued_ms: int | None = None
        self.taken_ms: int | None = None
        self.ended_ms: int | None = None
        self.waited_ms: int | None = None
        self.doubles: tuple[str, ...] = ()
        self.last: Step | None = None
        self.standing: Standing | None = None
        self.first_seq = seq
        self.last_seq = seq
        self.last_ms = 0
        self.number = 0

    def begin_anew(self) -> None:
        """Let what comes now be another job of the same id."""
        self.was_gone = False
        self.deliveries = self.times_taken_back = self.done_seq = self.taker = 0
        self.former = self.hands = NOBODY
        self.enqueued_ms = self.taken_ms = self.waited_ms = self.ended_ms = None

    @property
    def has_ended(self) -> bool:
        """Whether its state is an end."""
        return self.state in ENDS

    def counts(self) -> dict[str, int]:
        """Return in how many places it lies, by the state that they tell."""
        counts: dict[str, int] = {}
        for rule, count in self.places.values():
            if rule.state:
                counts[rule.state] = counts.get(rule.state, 0) + count
        return counts


class Change:
    """What one record says of one job.

    Attributes:
        before: the state before the record.
        due_ms: when it was due before the record, or None.
        entered: (rule, key) of the places that it came to.
        left: (rule, key, how) of the places that it left.
        notes: the fields that changed, by the schema's names.
        told: a state that its own key, a result or a notice told; "" for none.
        was_done: whether one told that it was done, whatever was told then.
        is_result: whether a result told it.
        key: the key that told most.
        is_gone: whether its own key was removed.
        has_lease: whether its lease changed.
        lost_lease: whether its lease was removed: "expired" or "ended", "" for not.
        was_dropped: whether another's script had dropped it before the record.
        is_next_round: whether its next try came, sent by the one before.
        is_replaced: whether that is of another task, which it put in its place.
        was_tried: whether its own key tells of tries that it had.
        is_of_life: whether it was taken since the server was last started.
    """

    __slots__ = (
        *("before", "due_ms", "entered", "has_lease", "is_gone", "is_result"),
        *(
            "is_next_round",
            "is_of_life",
            "is_replaced",
            "key",
            "left",
            "lost_lease",
            "notes",
            "told",
        ),
        *("was_done", "was_dropped", "was_tried"),
    )

    def __init__(self, story: Story, life_seq: int = 0) -> None:
        """Begin with a job as it was before the record, in the server's life then."""
        self.is_of_life = story.taken_seq >= life_seq
        self.before = story.state
        self.due_ms = story.due_ms
        self.entered: list[tuple[Rule, bytes]] = []
        self.left: list[tuple[Rule, bytes, str]] = []
        self.notes: dict[str, bytes] = {}
        self.told = ""
        self.was_done = False
        self.is_result = False
        self.key = b""
        self.is_gone = False
        self.has_lease = False
        self.lost_lease = ""
        self.was_dropped = story.is_dropped
        self.is_next_round = self.is_replaced = False
        self.was_tried = False

    def entered_state(self, state: str) -> bytes | None:
        """Return the place of a state that the job came to, None for none."""
        for rule, key in self.entered:
            if rule.state == state:
                return key
        return None

    def tells(self, state: str) -> bool:
        """Tell whether a key says that the job is in a state."""
        return self.told == state or self.entered_state(state) is not None

    def left_state(self, state: str, how: str = "") -> bool:
        """Tell whether the job left a place of a state, in a certain way or any."""
        for rule, _, each in self.left:
            if rule.state == state and (not how or each == how):
                return True
        return False
