"""A model of slots over several logs, each with one leader: of decision 64.

Nodes, the streams of their logs, and clients, played by a scheduler that takes what
comes next by chance. A message may be late or lost, its answer too; nodes stop, go on,
and die; a stream may have no quorum for a while. A slot moves by two records:

    OUT   in the log that has it: behind it nothing of the slot is written there
    IN    in the log that gets it: what the slot held at the OUT, and the next term

Each guard that the protocol rests on may be left out, to see what it is for.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

LOGS, NODES_OF_ONE, SLOTS, CLIENTS = 3, 2, 3, 4
LEASE = 12
GUARDS = (
    "conditional append",
    "answers wait for the quorum",
    "out ends a term",
    "in holds all up to the out",
    "one in for a move",
    "answers need the lease",
    "a new lease needs a look",
)
SCENARIOS = {
    "nothing fails": frozenset[str](),
    "a leader is lost in mid-move": frozenset({"move", "die"}),
    "two leaders": frozenset({"move", "duel"}),
    "an old owner is stopped": frozenset({"move", "stop"}),
    "clients with an old map": frozenset({"move", "old maps"}),
    "a stream without quorum": frozenset({"move", "quorum"}),
    "a move to a node that dies": frozenset({"move", "die at in"}),
    "all of it": frozenset({"move", "die", "duel", "stop", "old maps", "quorum"}),
}


class Entry(NamedTuple):
    """A message of a stream: a claim, a write, an OUT or an IN."""

    kind: str
    epoch: int
    slot: int = -1
    value: int = -1
    term: int = 0
    to: int = -1
    held: tuple[int, ...] = ()


class Folded:
    """What a log says up to a message.

    Attributes:
        epoch: of its last claim.
        held: the writes in each slot that it has, in order.
        terms: for each slot that it knows of, the last term that it knows.
        gone: where slots went.
    """

    def __init__(self, number: int) -> None:
        """Fold nothing: at first the slots lie over the logs in turn."""
        self.epoch = 0
        self.held: dict[int, list[int]] = {
            slot: [] for slot in range(SLOTS) if slot % LOGS == number
        }
        self.terms = dict.fromkeys(self.held, 1)
        self.gone: dict[int, int] = {}

    def take(self, entry: Entry) -> None:
        """Fold one more."""
        if entry.kind == "claim":
            self.epoch = entry.epoch
        elif entry.kind == "write":
            self.held.setdefault(entry.slot, []).append(entry.value)
        elif entry.kind == "out":
            self.held.pop(entry.slot, None)
            self.terms[entry.slot], self.gone[entry.slot] = entry.term, entry.to
        else:
            self.held[entry.slot] = list(entry.held)
            self.terms[entry.slot] = entry.term
            self.gone.pop(entry.slot, None)


class Log:
    """A stream, and who has its lease."""

    def __init__(self, number: int) -> None:
        """Hold nothing."""
        self.number = number
        self.entries: list[Entry] = []
        self.has_quorum = True
        self.holder: Node | None = None
        self.lease_until = 0

    def fold(self, upto: int | None = None) -> Folded:
        """Return what it says, up to a message."""
        folded = Folded(self.number)
        for entry in self.entries[:upto]:
            folded.take(entry)
        return folded


class Request(NamedTuple):
    """What a client wants: to write a value, or to read what a slot holds (None)."""

    client: Client
    slot: int
    value: int | None
    began: int


class Node:
    """Leads a log, or does not."""

    def __init__(self, world: World, log: Log) -> None:
        """Know nothing."""
        self.world, self.log = world, log
        self.is_stopped = False
        self.die()

    def die(self) -> None:
        """Forget all; whoever waits for an answer gets none."""
        self.leads = self.is_busy = False
        self.count = 0
        self.life = object()
        self.folded = Folded(self.log.number)
        self.asked: list[Request] = []

    def step(self) -> None:
        """Do what is next: claim, answer, or bring in what was moved here."""
        if self.is_stopped or self.is_busy:
            return
        world, log = self.world, self.log
        if not self.leads:
            is_free = log.holder in {None, self} or log.lease_until < world.now
            if is_free or "duel" in world.faults:
                self.count, self.folded = len(log.entries), log.fold()
                self.append(Entry("claim", self.folded.epoch + 1), self.begin_to_lead)
            return
        if log.lease_until < world.now and not self.look():
            return
        if log.holder is self or log.lease_until < world.now:
            log.holder, log.lease_until = self, world.now + LEASE
        if self.asked:
            self.answer(self.asked.pop(0))
        else:
            self.bring_in()

    def begin_to_lead(self) -> None:
        """Lead: the claim is in the log."""
        self.leads = True

    def look(self) -> bool:
        """Say whether nobody has led since: whose lease ended may not know."""
        if not self.world.has("a new lease needs a look"):
            return True
        if len(self.log.entries) > self.count:
            self.die()
        return self.leads

    def answer(self, request: Request) -> None:
        """Answer a request, if this log has its slot."""
        world, slot = self.world, request.slot
        has = slot in self.folded.held
        if not has and world.has("out ends a term"):
            request.client.redirect(slot, self.folded.gone.get(slot))
        elif not has and slot not in self.folded.terms:
            request.client.redirect(slot, None)
        elif request.value is None:
            if self.may_answer():
                world.note_read(request, list(self.folded.held.get(slot, ())))
        else:
            entry = Entry("write", self.folded.epoch, slot, request.value)
            if world.has("answers wait for the quorum"):
                self.append(entry, lambda: self.tell_written(request))
            else:
                world.note_write(request)
                self.append(entry, lambda: None)

    def may_answer(self) -> bool:
        """Say whether nobody else can answer now."""
        log, world = self.log, self.world
        has_lease = log.holder is self and log.lease_until >= world.now
        return has_lease or not world.has("answers need the lease")

    def tell_written(self, request: Request) -> None:
        """Tell a client that its write is done; without the lease nobody is told."""
        if self.may_answer():
            self.world.note_write(request)

    def hand_over(self, slot: int, to: int) -> None:
        """Begin the move of a slot to another log."""
        if self.leads and not self.is_stopped and not self.is_busy:
            folded = self.folded
            if slot in folded.held and to != self.log.number:
                term = folded.terms[slot] + 1
                self.append(
                    Entry("out", folded.epoch, slot, term=term, to=to), lambda: None
                )

    def bring_in(self) -> None:
        """Take over a slot whose OUT names this log."""
        world = self.world
        for other in world.logs:
            for place, entry in enumerate(other.entries):
                if entry.kind != "out" or entry.to != self.log.number:
                    continue
                is_new = self.folded.terms.get(entry.slot, 0) < entry.term
                is_again = not world.has("one in for a move") and world.chance.random()
                if is_new or (is_again and is_again < 0.2):
                    upto = place
                    if not world.has("in holds all up to the out"):
                        upto = max(place - 2, 0)
                    held = tuple(other.fold(upto).held.get(entry.slot, ()))
                    if "die at in" in world.faults and world.chance.random() < 0.3:
                        self.die()
                        return
                    came = Entry(
                        "in", self.folded.epoch, entry.slot, term=entry.term, held=held
                    )
                    self.append(came, lambda: None)
                    return

    def append(self, entry: Entry, then: Callable[[], None]) -> None:
        """Send a message to the stream, one at a time; go on when it is known."""
        self.is_busy = True
        expected, life = self.count, self.life

        def arrive() -> None:
            if not self.log.has_quorum:
                self.world.send(arrive)  # it waits
                return
            entries, chance = self.log.entries, self.world.chance
            is_known = len(entries) == expected
            if is_known or not self.world.has("conditional append"):
                entries.append(entry)
                found = True
            else:
                # What is not known is asked: it may be there since an earlier try.
                found = any(one is entry for one in entries)
            if chance.random() < 0.2 and not found:
                self.world.send(arrive)  # the answer is lost; it is asked again
                return
            self.world.send(lambda: told(found=found))

        def told(*, found: bool) -> None:
            if self.life is not life:
                return
            if self.is_stopped:
                self.world.send(lambda: told(found=found))
                return
            self.is_busy = False
            if not found:
                self.die()  # overtaken: memory is ahead of the log
                return
            self.count = expected + 1
            self.folded.take(entry)
            then()

        self.world.send(arrive)


class Client:
    """Asks, one thing at a time, and knows more or less where slots are."""

    def __init__(self, world: World) -> None:
        """Know where slots are at first."""
        self.world = world
        self.map = {slot: slot % LOGS for slot in range(SLOTS)}
        self.waits_until = 0
        self.request: Request | None = None

    def step(self) -> None:
        """Ask, or ask elsewhere; what has no answer for long is given up."""
        world, chance = self.world, self.world.chance
        if world.now < self.waits_until:
            return
        slot = chance.randrange(SLOTS)
        value = world.next_value() if chance.random() < 0.7 else None
        self.request = Request(self, slot, value, world.now)
        self.send()

    def send(self) -> None:
        """Ask some node of the log that is believed to have the slot."""
        world, request = self.world, self.request
        assert request is not None
        self.waits_until = world.now + 60
        node = world.chance.choice(world.nodes_of(self.map[request.slot]))
        world.send(lambda: node.asked.append(request))

    def redirect(self, slot: int, to: int | None) -> None:
        """Hear that a slot is elsewhere: nothing was done."""
        chance = self.world.chance
        if "old maps" not in self.world.faults or chance.random() < 0.5:
            self.map[slot] = chance.randrange(LOGS) if to is None else to
        self.waits_until = 0


class World:
    """All of it, and what is known in the end.

    Attributes:
        now: how many steps there were.
        faults: what may befall it.
    """

    def __init__(
        self, seed: int, faults: frozenset[str], without: str | None = None
    ) -> None:
        """Begin.

        Args:
            seed: decides all.
            faults: what may befall it.
            without: a guard that is left out.
        """
        self.chance = random.Random(seed)
        self.faults, self._without = faults, without
        self.now = self._values = 0
        self.logs = [Log(number) for number in range(LOGS)]
        self.nodes = [Node(self, log) for log in self.logs for _ in range(NODES_OF_ONE)]
        self.clients = [Client(self) for _ in range(CLIENTS)]
        self._under_way: list[Callable[[], None]] = []
        self.written: dict[int, tuple[int, int, int]] = {}
        self.reads: list[tuple[Request, list[int], int]] = []

    def has(self, guard: str) -> bool:
        """Say whether a guard is there."""
        return guard != self._without

    def nodes_of(self, log: int) -> list[Node]:
        """Return those that may lead a log."""
        return [node for node in self.nodes if node.log.number == log]

    def next_value(self) -> int:
        """Return one that was not written yet."""
        self._values += 1
        return self._values

    def send(self, message: Callable[[], None]) -> None:
        """Have something happen some time later."""
        self._under_way.append(message)

    def note_write(self, request: Request) -> None:
        """A client is told that its write is done."""
        assert request.value is not None
        self.written[request.value] = (request.slot, request.began, self.now)
        request.client.waits_until = 0

    def note_read(self, request: Request, found: list[int]) -> None:
        """A client is told what a slot holds."""
        self.reads.append((request, found, self.now))
        request.client.waits_until = 0

    def run(self, steps: int) -> list[str]:
        """Let things happen, then let all end; return what is wrong."""
        for _ in range(steps):
            self._step()
            self._fail()
        self.faults = frozenset()
        for node in self.nodes:
            node.is_stopped = False
        for log in self.logs:
            log.has_quorum = True
        for client in self.clients:
            client.waits_until = self.now + 10**9
        for _ in range(1500):
            self._step()
        return list(self.find_wrong())

    def _step(self) -> None:
        self.now += 1
        if self._under_way and self.chance.random() < 0.6:
            at = self.chance.randrange(len(self._under_way))
            self._under_way.pop(at)()
        elif self.chance.random() < 0.6:
            self.chance.choice(self.nodes).step()
        else:
            self.chance.choice(self.clients).step()

    def _fail(self) -> None:
        """Have something befall somebody, now and then."""
        if not self.faults or self.chance.random() > 0.05:
            return
        node, log = self.chance.choice(self.nodes), self.chance.choice(self.logs)
        what = self.chance.choice(sorted(self.faults))
        if what == "move":
            node.hand_over(self.chance.randrange(SLOTS), self.chance.randrange(LOGS))
        elif what == "die":
            node.die()
        elif what == "stop":
            node.is_stopped = not node.is_stopped and self.chance.random() < 0.5
        elif what == "quorum":
            log.has_quorum = not log.has_quorum or self.chance.random() < 0.5

    # --- what must be so ------------------------------------------------------

    def find_wrong(self) -> Iterator[str]:
        """Say what is wrong, in words."""
        ends = [log.fold() for log in self.logs]
        for slot in range(SLOTS):
            owners = [folded for folded in ends if slot in folded.held]
            if len(owners) != 1:
                yield f"{len(owners)} logs have slot {slot}"
                continue
            held = owners[0].held[slot]
            told = {value for value, one in self.written.items() if one[0] == slot}
            if lost := told - set(held):
                yield f"{len(lost)} acknowledged writes of slot {slot} are lost"
            if any(count > 1 for count in Counter(held).values()):
                yield f"slot {slot} has a write twice"
            yield from self._wrong_order(slot, held)
        yield from self._wrong_terms()

    def _wrong_order(self, slot: int, held: list[int]) -> Iterator[str]:
        """What was acknowledged before another one began is before that; reads too."""
        places = {value: place for place, value in enumerate(held)}
        ended = sorted(
            (end, places[value])
            for value, (where, _, end) in self.written.items()
            if where == slot and value in places
        )
        for value, (where, began, _) in self.written.items():
            before = [place for end, place in ended if end < began]
            if (
                where == slot
                and before
                and places.get(value, max(before)) < max(before)
            ):
                yield f"slot {slot} has {value} before what was there earlier"
        for request, found, _ in self.reads:
            if request.slot != slot:
                continue
            least = [place for end, place in ended if end < request.began]
            if held[: len(found)] != found or (least and len(found) <= max(least)):
                yield f"a read of slot {slot} was old, or of another history"

    def _wrong_terms(self) -> Iterator[str]:
        """In a term of a slot one log acknowledges, and between OUT and IN none."""
        owners: dict[tuple[int, int], set[int]] = {}
        for log in self.logs:
            folded = Folded(log.number)
            for entry in log.entries:
                if entry.kind == "write" and entry.value in self.written:
                    if entry.slot not in folded.held:
                        yield f"log {log.number} acknowledged what it has not"
                    term = folded.terms.get(entry.slot, 0)
                    owners.setdefault((entry.slot, term), set()).add(log.number)
                folded.take(entry)
        for (slot, term), several in owners.items():
            if len(several) > 1:
                yield f"term {term} of slot {slot} has {len(several)} owners"
