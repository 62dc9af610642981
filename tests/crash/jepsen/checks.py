"""What must be so in the end: of what clients were told, and of the logs.

registers    each history has an order in which every answer is right
the counter  no number twice, none lost, none that goes back
the queue    each job that was acknowledged is in one place, once; none was refused
the stream   each message follows the one before it; an epoch has one writer
the folders  each is sound, folds to what its server had, and is a beginning of the
             others, byte by byte
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter as Counts
from typing import TYPE_CHECKING

import nats

from joblog.actors.quorum.chain import Chain
from joblog.actors.quorum.parcels import HEADER_BYTES, Kind, Position, decode_parcel
from joblog.app.history.recovery import Fold
from joblog.app.keyspace.digest import dataset_digest
from joblog.storage.filesystem import FileSystem
from joblog.storage.reader import read_records
from joblog.storage.segment import decode_header
from joblog.storage.verify import verify_log
from tests.crash.jepsen.cluster import STREAM, Cluster, Node
from tests.crash.jepsen.histories import has_order
from tests.crash.test_linearizable import by_register
from tests.parity.wire import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.crash.jepsen.load import Counter, Load, Registers

AT_ONCE = 64
BAD_WORDS = (
    *("Traceback", "internal error", "has lost", "is missing", "checksum is wrong"),
    *("another one than", "their history", "its history", "does not fit", "to be 8"),
)


def find_wrong(cluster: Cluster, load: Load) -> Iterator[str]:
    """Say what is wrong, in words; the load has ended, and the cluster is whole."""
    yield from load.findings
    yield from _wrong_registers(load.registers)
    yield from _wrong_counts(load.counters, cluster)
    yield from _wrong_jobs(load, cluster)
    for node in cluster.nodes:
        lines = node.output().splitlines()
        for line in lines:
            if any(words in line for words in BAD_WORDS):
                yield f"joblog {node.number} said: {line}"
    yield from _wrong_logs(cluster)


def _wrong_registers(clients: list[Registers]) -> Iterator[str]:
    for register, operations in enumerate(by_register(clients)):
        if not has_order(operations):
            yield f"register {register}: {len(operations)} operations have no order"


def _wrong_counts(clients: list[Counter], cluster: Cluster) -> Iterator[str]:
    told = sorted(one for client in clients for one in client.told)
    numbers = [number for _, _, number in told]
    last = int(parse(cluster.ask("GET", "counter")).data)
    unsure = sum(client.unsure for client in clients)
    if len(set(numbers)) != len(numbers):
        yield "the counter told a number twice"
    if not len(numbers) <= last <= len(numbers) + unsure or last < max(numbers):
        yield f"the counter is {last}: {len(numbers)} were told, {unsure} are unsure"
    ended = sorted((end, number) for _, end, number in told)
    highest, at = 0, 0
    for begin, _, number in told:
        while at < len(ended) and ended[at][0] < begin:
            highest = max(highest, ended[at][1])
            at += 1
        if number <= highest:
            yield f"the counter told {number} after {highest}"


def _wrong_jobs(load: Load, cluster: Cluster) -> Iterator[str]:
    places = Counts[bytes]()
    keys = [item.data for item in parse(cluster.ask("KEYS", "working:*")).items]
    for key in (b"queue", b"done", *keys):
        items = parse(cluster.ask("LRANGE", key, "0", "-1")).items
        places.update(item.data for item in items)
    told = set().union(*(client.jobs for client in load.producers))
    unsure = set().union(*(client.unsure for client in load.producers))
    finished = set().union(*(client.finished for client in load.workers))
    made = int(parse(cluster.ask("GET", "made")).data)
    if lost := told - set(places):
        yield f"{len(lost)} acknowledged jobs are lost, such as {min(lost)!r}"
    if twice := [job for job, count in places.items() if count > 1]:
        yield f"{len(twice)} jobs are there twice, such as {twice[0]!r}"
    if foreign := set(places) - told - unsure:
        yield f"{len(foreign)} jobs were refused and are there: {min(foreign)!r}"
    if made != len(places):
        yield f"{made} jobs were counted, and {len(places)} are there"
    done = {item.data for item in parse(cluster.ask("LRANGE", "done", 0, -1)).items}
    if undone := finished - done:
        yield f"{len(undone)} finished jobs are not, such as {min(undone)!r}"
    moved = Counts(job for client in load.workers for job in client.moved)
    if given := [job for job, count in moved.items() if count > 1]:
        yield f"{len(given)} jobs were handed over twice, such as {given[0]!r}"


def _wrong_logs(cluster: Cluster) -> Iterator[str]:
    """Have each node lead for once, alone, and compare what they have then."""
    for node in cluster.nodes:
        node.end()
    digests = []
    for node in cluster.nodes:
        digests.append(cluster.ask("DEBUG", "DIGEST", of=node)[1:-2].decode())
        node.end()
        fold = Fold()
        fold.apply(read_records(node.folder, filesystem=FileSystem()))
        if dataset_digest(fold.keyspace).hex() != digests[-1]:
            yield f"joblog {node.number}: its log does not fold to what it had"
        if not verify_log(node.folder, filesystem=FileSystem()).is_sound:
            yield f"joblog {node.number}: its log is not sound"
    if len(set(digests)) > 1:
        yield f"the joblogs differ: {digests}"
    yield from _wrong_bytes(cluster.nodes)
    yield from _wrong_stream(cluster)


def _wrong_bytes(nodes: list[Node]) -> Iterator[str]:
    folders = [sorted((node.folder / "log").glob("*.log")) for node in nodes]
    wholes = [b"".join(path.read_bytes() for path in paths) for paths in folders]
    longest = max(wholes, key=len)
    for node, whole in zip(nodes, wholes, strict=True):
        if not longest.startswith(whole):
            yield f"joblog {node.number}: its log is not that of the others"


def _wrong_stream(cluster: Cluster) -> Iterator[str]:
    messages = asyncio.run(_read_stream(cluster.store.urls))
    first = decode_parcel(messages[0], "message 1")
    header = decode_header(first.data[:HEADER_BYTES], first.data)
    position = Position(1, HEADER_BYTES)
    chain = Chain(header, position, hashlib.sha256(first.data), 1, 0)
    writers: dict[int, set[bytes]] = {}
    for number, message in enumerate(messages[1:], 2):
        parcel = decode_parcel(message, f"message {number}")
        chain.take(parcel, f"message {number}")
        writers.setdefault(parcel.epoch, set()).add(parcel.writer)
        if parcel.kind is Kind.CLAIM and len(writers[parcel.epoch]) > 1:
            yield f"epoch {parcel.epoch} was claimed twice"
    for epoch, several in writers.items():
        if len(several) > 1:
            yield f"epoch {epoch} has {len(several)} writers"


async def _read_stream(urls: list[str]) -> list[bytes]:
    client = await nats.connect(urls)
    try:
        context = client.jetstream(timeout=10)
        last = (await context.stream_info(STREAM)).state.last_seq
        found: list[bytes] = []
        for begin in range(1, last + 1, AT_ONCE):
            numbers = range(begin, min(begin + AT_ONCE, last + 1))
            asked = [context.get_msg(STREAM, number) for number in numbers]
            found += [one.data or b"" for one in await asyncio.gather(*asked)]
        return found
    finally:
        await client.close()
