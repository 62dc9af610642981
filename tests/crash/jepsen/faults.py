"""What befalls a cluster: each fault is begun, lasts a while, and is ended.

A fault takes the cluster and chance, and returns what ends it.
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.crash.jepsen.cluster import Cluster, Node
from tests.support.links import Link
from tests.support.stores import NODES

Ending = Callable[[], object]
Fault = Callable[[Cluster, random.Random], Ending]

BLOCK = 4096
LEFT_BYTES = 16 * BLOCK
JUMPS = (-86_400, -3600, -5, -0.5, 0.5, 5, 3600, 86_400, 315_000_000)


def _leader(cluster: Cluster, chance: random.Random) -> Node:
    """Return who leads; where nobody does, any."""
    return cluster.leader() or chance.choice(cluster.nodes)


def _other(cluster: Cluster, chance: random.Random) -> Node:
    """Return one that does not lead."""
    leader = cluster.leader()
    return chance.choice([node for node in cluster.nodes if node is not leader])


# --- processes --------------------------------------------------------------


def _end_nodes(nodes: Iterable[Node], what: signal.Signals) -> Ending:
    for node in nodes:
        node.send(what)
    return lambda: None


def kill_leader(cluster: Cluster, chance: random.Random) -> Ending:
    return _end_nodes([_leader(cluster, chance)], signal.SIGKILL)


def end_leader(cluster: Cluster, chance: random.Random) -> Ending:
    return _end_nodes([_leader(cluster, chance)], signal.SIGTERM)


def kill_another(cluster: Cluster, chance: random.Random) -> Ending:
    return _end_nodes([_other(cluster, chance)], signal.SIGKILL)


def kill_nodes(cluster: Cluster, chance: random.Random) -> Ending:
    return _end_nodes(cluster.nodes, signal.SIGKILL)


def stop_leader(cluster: Cluster, chance: random.Random) -> Ending:
    node = _leader(cluster, chance)
    node.send(signal.SIGSTOP)
    return node.bring_back


def stop_another(cluster: Cluster, chance: random.Random) -> Ending:
    node = _other(cluster, chance)
    node.send(signal.SIGSTOP)
    return node.bring_back


def _strike_stores(
    cluster: Cluster, numbers: Iterable[int], what: signal.Signals
) -> Ending:
    struck = [one for one in numbers if cluster.store.is_running(one)]
    for number in struck:
        if what is signal.SIGKILL:
            cluster.store.kill(number)
        else:
            cluster.store.signal(number, what)

    def bring_back() -> None:
        for number in struck:
            cluster.store.bring_back(number)

    return bring_back


def kill_store(cluster: Cluster, chance: random.Random) -> Ending:
    return _strike_stores(cluster, [chance.randrange(NODES)], signal.SIGKILL)


def kill_two_stores(cluster: Cluster, chance: random.Random) -> Ending:
    return _strike_stores(cluster, chance.sample(range(NODES), 2), signal.SIGKILL)


def kill_stores(cluster: Cluster, chance: random.Random) -> Ending:
    return _strike_stores(cluster, range(NODES), signal.SIGKILL)


def stop_store(cluster: Cluster, chance: random.Random) -> Ending:
    return _strike_stores(cluster, [chance.randrange(NODES)], signal.SIGSTOP)


def stop_two_stores(cluster: Cluster, chance: random.Random) -> Ending:
    return _strike_stores(cluster, chance.sample(range(NODES), 2), signal.SIGSTOP)


def kill_all(cluster: Cluster, chance: random.Random) -> Ending:
    kill_nodes(cluster, chance)
    return kill_stores(cluster, chance)


# --- the network ------------------------------------------------------------


def _spoil(links: list[Link], chance: random.Random) -> Ending:
    """Have links lose what they are given, in one direction or both, or be cut."""
    how = chance.choice(("both", "there", "back", "cut"))
    for link in links:
        if how == "cut":
            link.cut()
        else:
            link.silence(*(("there", "back") if how == "both" else (how,)))
    return lambda: [link.heal() for link in links]


def _routes_of(cluster: Cluster, number: int) -> list[Link]:
    return [link for pair, link in cluster.store.routes.items() if number in pair]


def part_two_stores(cluster: Cluster, chance: random.Random) -> Ending:
    one, other = chance.sample(range(NODES), 2)
    routes = cluster.store.routes
    return _spoil([routes[one, other], routes[other, one]], chance)


def isolate_store(cluster: Cluster, chance: random.Random) -> Ending:
    return _spoil(_routes_of(cluster, chance.randrange(NODES)), chance)


def part_all_stores(cluster: Cluster, chance: random.Random) -> Ending:
    return _spoil(list(cluster.store.routes.values()), chance)


def isolate_leader(cluster: Cluster, chance: random.Random) -> Ending:
    return _spoil(_leader(cluster, chance).links, chance)


def isolate_nodes(cluster: Cluster, chance: random.Random) -> Ending:
    return _spoil([link for node in cluster.nodes for link in node.links], chance)


def part_leader_from_store(cluster: Cluster, chance: random.Random) -> Ending:
    return _spoil([chance.choice(_leader(cluster, chance).links)], chance)


def part_leader_with_one_store(cluster: Cluster, chance: random.Random) -> Ending:
    """The leader and one of the stores are on one side, all others on the other."""
    leader, number = _leader(cluster, chance), chance.randrange(NODES)
    links = [link for at, link in enumerate(leader.links) if at != number]
    return _spoil([*links, *_routes_of(cluster, number)], chance)


def delay_routes(cluster: Cluster, chance: random.Random) -> Ending:
    return _delay(list(cluster.store.routes.values()), chance)


def delay_leader(cluster: Cluster, chance: random.Random) -> Ending:
    return _delay(_leader(cluster, chance).links, chance)


def _delay(links: list[Link], chance: random.Random) -> Ending:
    for link in links:
        link.slow_down(chance.choice((0.02, 0.1, 0.5)))
    return lambda: [link.heal() for link in links]


def cut_all_for_a_moment(cluster: Cluster, chance: random.Random) -> Ending:
    for link in cluster.network.links:
        if chance.random() < 0.7:
            link.cut()
    cluster.network.heal()
    return lambda: None


# --- clocks and disks -------------------------------------------------------


def set_clock_of_leader(cluster: Cluster, chance: random.Random) -> Ending:
    _leader(cluster, chance).set_clock(chance.choice(JUMPS))
    return lambda: None


def set_clocks(cluster: Cluster, chance: random.Random) -> Ending:
    for node in cluster.nodes:
        node.set_clock(chance.choice(JUMPS))
    return lambda: None


def slow_disk_of_leader(cluster: Cluster, chance: random.Random) -> Ending:
    node = _leader(cluster, chance)
    node.slow_down(is_slow=True)
    return lambda: node.slow_down(is_slow=False)


def fill_disk_of_leader(cluster: Cluster, chance: random.Random) -> Ending:
    ballast = _fill(_leader(cluster, chance).folder.parent)
    return lambda: ballast.unlink(missing_ok=True)


def fill_disk_of_store(cluster: Cluster, chance: random.Random) -> Ending:
    """A nats-server whose disk was full takes part again when it is started anew."""
    number = chance.randrange(NODES)
    ballast = _fill(cluster.store.folder(number))

    def make_room() -> None:
        ballast.unlink(missing_ok=True)
        cluster.store.kill(number)
        cluster.store.bring_back(number)

    return make_room


def _fill(folder: Path) -> Path:
    found = os.statvfs(folder)
    size = (found.f_bavail * found.f_frsize - LEFT_BYTES) // BLOCK * BLOCK
    path = folder / "ballast"
    with path.open("ab") as file:
        if size > 0:
            os.posix_fallocate(file.fileno(), file.tell(), size)
    return path


FAULTS: tuple[Fault, ...] = (
    *(kill_leader, end_leader, kill_another, kill_nodes, stop_leader, stop_another),
    *(kill_store, kill_two_stores, kill_stores, stop_store, stop_two_stores),
    *(kill_all, part_two_stores, isolate_store, part_all_stores, isolate_leader),
    *(isolate_nodes, part_leader_from_store, part_leader_with_one_store),
    *(delay_routes, delay_leader, cut_all_for_a_moment),
    *(set_clock_of_leader, set_clocks, slow_disk_of_leader),
)
OF_DISKS: tuple[Fault, ...] = (fill_disk_of_leader, fill_disk_of_store)
"""These need small disks."""
