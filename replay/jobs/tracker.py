"""The tracker: records in, stories of jobs out.

It folds the log (`joblog.replay.keys.past`), and looks at each effect on a key of a
schema just before and just after it is applied. Memory: the state, the stories of
jobs that have not ended or that `keeps` asks for, 10,000 of others, and 100,000 ids.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from joblog.app.history.touched import WHOLE_DATABASE_NAMES
from joblog.replay.jobs.ended import Ended
from joblog.replay.jobs.facts import (
    Aliases,
    note_element,
    note_facts,
    read_fields,
    read_paths,
    take_score,
)
from joblog.replay.jobs.groups import database_of, standing_of, watch
from joblog.replay.jobs.known import KnownKeys
from joblog.replay.jobs.lives import Lives
from joblog.replay.jobs.notices import read_notice
from joblog.replay.jobs.repeats import is_late
from joblog.replay.jobs.rounds import is_of_now
from joblog.replay.jobs.settling import settle
from joblog.replay.jobs.stories import (
    Change,
    Standing,
    Story,
    bare_record,
    job_name,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from joblog.app.keyspace.database import Database
    from joblog.replay.jobs.ended import Gone
    from joblog.replay.jobs.followed import Followed
    from joblog.replay.jobs.known import Known
    from joblog.replay.jobs.moves import Move
    from joblog.replay.jobs.schema import Meaning, Schema
    from joblog.replay.jobs.stories import Home, JobName, Step
    from joblog.storage.record import Record

Telling = tuple[Story, "Step"]


class Tracker:
    """Follows the jobs of some schemas through a log.

    Attributes:
        stories: the jobs that are known.
        has_results: schemas' names, of those that were seen to keep results.
        known: which keys have to do with jobs.
        aliases: other names of jobs.
        lives: where the server was started anew.
        changes: what the record under way says of each job.
        ended: the jobs whose stories were let go.
        count: how many jobs it has come to know.
        started: how many there were at the beginning, by queue and state.
    """

    def __init__(
        self,
        schemas: Sequence[Schema],
        *,
        wants: Callable[[bytes], bool] | None = None,
        keeps: Callable[[Story], bool] = lambda _: True,
        gone: Gone | None = None,
    ) -> None:
        """Begin with no jobs.

        Args:
            schemas: what keys mean; the first that knows a key counts.
            wants: which ids to follow; None for all.
            keeps: whether to keep the story of a job that has ended.
            gone: takes the stories that are not kept. What a story's last record did
                is not kept either, then: only its number, its time and its client.
        """
        self.known = KnownKeys(schemas)
        self._schemas = schemas
        for schema in schemas:
            schema.remember(None)
        self._wants = wants
        self._keeps = keeps
        self.stories: dict[JobName, Story] = {}
        self.has_results: set[str] = set()
        self.aliases = Aliases()
        self.lives = Lives()
        self.changes: dict[JobName, Change] = {}
        self.ended = Ended(self.stories, gone)
        self.count = 0
        self.started: Counter[tuple[bytes, str]] = Counter()
        self._is_lean = gone is not None

    def run(self, past: Followed, until_seq: int) -> Iterator[Telling]:
        """Fold the log up to a record and yield what happened to jobs, in order.

        Args:
            past: at the moment from which jobs are followed; see `beginning`.
            until_seq: the last record.

        Raises:
            CorruptLogError: the log is damaged, or a record cannot be applied.
        """
        for records in past.batches(until_seq):
            start = 0
            for position, record in enumerate(records):
                if not record.effects:
                    self.lives.take(record, self.stories.values())
                    continue
                known = self.known.find(record)
                if known is not None:
                    if start < position:
                        past.apply(records[start:position])
                    start = position + 1
                    self._enter(past, record, known)
                    if self.changes:
                        yield from self._settle_all(record)
            past.apply(records[start:])

    def forget(self) -> None:
        """Know no jobs again, as at the beginning."""
        self.stories.clear()
        self.has_results.clear()
        self.aliases.known.clear()
        self.lives = Lives()
        self.ended.remember((), ())
        self.count = 0
        self.started.clear()
        for schema in self._schemas:
            schema.remember(None)

    def _enter(
        self, past: Followed, record: Record, known_of_effects: list[Known]
    ) -> None:
        """Apply one record, effect by effect, and take in what it did to jobs."""
        db = record.db
        is_all = len(record.effects) == 1
        for argv, known in zip(record.effects, known_of_effects, strict=True):
            one = record if is_all else record._replace(db=db, effects=[argv])
            database = past.databases[db]
            if argv[0] in WHOLE_DATABASE_NAMES:
                self._apply_to_all(past, one)
                continue
            if not known:
                past.apply([one])
                if argv[0].upper() == b"SELECT":
                    db = int(argv[1])
                continue
            finish = watch(database, argv, known)
            past.apply([one])
            moves = finish()
            for key, found in known.items():
                self._take(database, key, found, argv, one, moves)

    def _take(
        self,
        database: Database,
        key: bytes,
        found: tuple[Schema, Meaning],
        argv: list[bytes],
        record: Record,
        moves: list[Move],
    ) -> None:
        """Take in what one effect did to one key."""
        schema, meaning = found
        home = (database.index, key)
        rule = meaning.rule
        own = [move for move in moves if move.key == key]
        if rule.kind == "alias" or rule.has_aliases:
            self.aliases.learn(rule, own)
        match rule.kind:
            case "place":
                for move in own:
                    self.move(schema, meaning, home, move, record.seq, record)
            case "job" | "result":
                self._read_job(schema, meaning, database, home, own, record)
            case "mark":
                self._mark(schema, meaning, database, home, record)
            case "notice":
                self._notice(schema, meaning, argv, record)

    # --- what a key says of a job ------------------------------------------------

    def _find(
        self, schema: Schema, meaning: Meaning, job_id: bytes, seq: int, *, is_new: bool
    ) -> tuple[Story, Change] | None:
        """Return a job's story and what this record says of it.

        Returns:
            None where the job is not wanted, or is not known and not to be.
        """
        if self._wants is not None and not self._wants(job_id):
            return None
        queue = meaning.names.queue or b""
        name = job_name(schema, meaning, job_id)
        story = self.stories.get(name)
        if story is None:
            if not is_new or name in self.ended.names:
                return None
            story = self.stories[name] = Story(schema, job_id, queue, seq)
            story.number = self.count
            self.count += 1
        elif queue and not story.queue:
            story.queue = queue
        change = self.changes.get(name)
        if change is None:
            change = self.changes[name] = Change(story, self.lives.since)
        return story, change

    def move(
        self,
        schema: Schema,
        meaning: Meaning,
        home: Home,
        move: Move,
        seq: int,
        record: Record | None,
    ) -> None:
        """Take in that an element came to a place, left it, or got another score."""
        (rule, home), element = standing_of(meaning.rule, move, home), move.element
        assert rule.read_id is not None
        if move.value is not None and rule.part == "value":
            element = move.value
        job_id = rule.read_id(element, self.aliases.known)
        if not job_id:
            return
        stood = None
        if move.delta > 0 and record is not None and not rule.repeats:
            stood = self.ended.revive(job_name(schema, meaning, job_id))
        found = self._find(schema, meaning, job_id, seq, is_new=move.delta > 0)
        if found is None or is_late(found[0], rule, home, move):
            return
        story, change = found
        story.standing = stood or story.standing
        content = element if rule.form != "pickle" else (move.value or element)
        facts = read_paths(rule, content) if content else {}
        if rule.on_error is not None and "error" in facts:
            rule = rule.on_error
        if not is_of_now(story, change, move, facts):
            return
        _, there = story.places.get(home, (rule, 0))
        there += move.delta
        if there > 0:
            story.places[home] = (rule, there)
        else:
            story.places.pop(home, None)
        if move.delta > 0 or (rule.is_result_field and move.delta == 0):
            change.entered.append((rule, home[1]))
            note_element(story, change, rule, facts)
            if rule.state and meaning.names.queue:
                story.queue = meaning.names.queue
        elif move.delta < 0:
            change.left.append((rule, home[1], move.how))
            if not any(other.tells_due for other, _ in story.places.values()):
                story.due_ms = None
        if rule.score and move.score is not None and move.delta >= 0:
            take_score(story, change, rule, move.score, facts)

    def _read_job(
        self,
        schema: Schema,
        meaning: Meaning,
        database: Database,
        home: Home,
        moves: list[Move],
        record: Record,
    ) -> None:
        """Take in what a job's own key says, or that it was removed."""
        rule, names = meaning
        assert names.id is not None
        value = database.values.get(home[1])
        if rule.kind == "result" and value is not None:
            self.has_results.add(schema.name)
        found = self._find(
            schema, meaning, names.id, record.seq, is_new=value is not None
        )
        if found is None:
            return
        story, change = found
        change.key = change.key or home[1]
        if rule.kind == "result" and value is not None:
            change.told = rule.state
            change.is_result = True
        if value is None:
            change.is_gone = rule.kind == "job" or rule.form == "json"
            story.was_gone = story.was_gone or rule.kind == "job"
            return
        if rule.kind == "job":
            change.is_gone = False
            story.is_hollow = False
        fresh = read_fields(rule, value, moves)
        if rule.on_error is not None and "error" in fresh:
            change.told = rule.on_error.state
        change.was_tried = fresh.get("attempts", b"0") not in {b"", b"0"}
        if "status" in fresh:
            story.status = schema.statuses.get(fresh["status"], "")
            change.told = story.status
            change.was_done |= story.status == "done"
        if rule.kind == "result" and change.told == "done":
            # Where a failed job's error lies, a result may lie as well.
            fresh.pop("error", None)
        note_facts(story, change, fresh)

    def _mark(
        self,
        schema: Schema,
        meaning: Meaning,
        database: Database,
        home: Home,
        record: Record,
    ) -> None:
        """Take in that a key which tells a state, or a lease, came or went."""
        rule, names = meaning
        assert names.id is not None
        is_there = home[1] in database.values
        found = self._find(schema, meaning, names.id, record.seq, is_new=is_there)
        if found is None:
            return
        story, change = found
        change.key = change.key or home[1]
        if is_there:
            deadline_ms = database.deadlines.get(home[1])
            story.marks[home] = (rule, deadline_ms)
            if rule.is_lease:
                change.has_lease = True
                story.lease_ms = deadline_ms
            return
        story.marks.pop(home, None)
        if rule.is_lease:
            is_expired = record.origin.note is not None and (
                record.origin.note.get("kind") == "expired"
            )
            change.lost_lease = "expired" if is_expired else "ended"
            if not is_expired:
                story.lease_ms = None
            if rule.state:
                change.left.append(
                    (rule, home[1], "expired" if is_expired else "removed")
                )

    def _notice(
        self, schema: Schema, meaning: Meaning, argv: list[bytes], record: Record
    ) -> None:
        """Take in what an entry of a stream tells of a job."""
        told = read_notice(meaning, argv)
        if told is None:
            return
        found = self._find(schema, meaning, told.job_id, record.seq, is_new=False)
        if found is not None:
            story, change = found
            change.told = told.state or change.told
            note_facts(story, change, told.facts)

    # --- whole databases ---------------------------------------------------------

    def _apply_to_all(self, past: Followed, record: Record) -> None:
        """Apply FLUSHALL, FLUSHDB or SWAPDB, and find every place anew."""
        past.apply([record])
        for name, story in self.stories.items():
            gone = [
                home
                for home in (*story.places, *story.marks)
                if home[1] not in past.databases[database_of(home)].values
            ]
            if not gone:
                continue
            change = self.changes.setdefault(name, Change(story, self.lives.since))
            for home in gone:
                story.marks.pop(home, None)
                rule, _ = story.places.pop(home, (None, 0))
                if rule is not None:
                    change.left.append((rule, home[1], "flushed"))

    # --- the end of a record -----------------------------------------------------

    def _settle_all(self, record: Record) -> Iterator[Telling]:
        changes, self.changes = self.changes, {}
        over: list[tuple[JobName, Story]] = []
        for name, change in changes.items():
            story = self.stories[name]
            step = settle(story, change, record)
            story.last_seq, story.last_ms = record.seq, record.at_ms
            if step is not None:
                story.standing = Standing(story.queue, step.state, record.seq)
                yield story, step
                if self._is_lean and story.last is step:
                    story.last = step._replace(record=bare_record(record))
            if story.has_ended and not self._keeps(story):
                over.append((name, story))
        # Only now: of what another job's end lets go the record may have told, too.
        for name, story in over:
            if self.stories.get(name) is story:
                self.ended.let_go(name, story)
