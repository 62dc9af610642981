"""The cluster: who keeps the same log by way of a store, and who leads.

Each server says of itself how it is, some times in a lease's length; what is heard is
noted here, and told by SENTINEL, ROLE and INFO. Who leads is what the log says: the
last claim in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from joblog.app.config import Config
    from joblog.app.state.replication import Address

SWITCH: Final = b"+switch-master"
"""The channel on which clients hear that another server leads."""

_NODES_MAX: Final = 64
_DOWN_LEASES: Final = 2


class Node(NamedTuple):
    """A server, as it was heard.

    Attributes:
        run_id: 40 hexadecimal digits, others at each start.
        address: where its clients reach it.
        leads: whether it leads.
        epoch: the epoch that it knows of.
        seq: its last record.
        priority: its `replica-priority`.
        heard_ms: when, by the steady clock.
    """

    run_id: str
    address: Address
    leads: bool
    epoch: int
    seq: int
    priority: int
    heard_ms: int


class Cluster:
    """What is known of it.

    Attributes:
        me: where clients reach this server; None where no store keeps the log.
        leader: who leads, as far as is known.
        epoch: the epoch of the last claim.
        led_since_ms: since when that is known, by the steady clock.
        nodes: the others, by their addresses.
    """

    def __init__(self, config: Config) -> None:
        """Know of nobody."""
        self._config = config
        self.me: Address | None = None
        self.leader: Address | None = None
        self.epoch = self.led_since_ms = 0
        self.nodes: dict[Address, Node] = {}

    @property
    def down_ms(self) -> int:
        """So long a server may not be heard before it counts as down."""
        return _DOWN_LEASES * self._config.log_store_lease

    def note_leader(
        self, leader: Address, epoch: int, steady_ms: int
    ) -> Address | None:
        """Note who leads; return who led before, where that is another."""
        before, self.leader = self.leader, leader
        self.epoch = max(self.epoch, epoch)
        if before == leader:
            return None
        self.led_since_ms = steady_ms
        return before

    def note_node(self, node: Node) -> None:
        """Note how another server is."""
        if node.address == self.me:
            return
        self.nodes[node.address] = node
        if len(self.nodes) > _NODES_MAX:
            oldest = min(self.nodes.values(), key=lambda one: one.heard_ms)
            del self.nodes[oldest.address]

    def is_down(self, address: Address, steady_ms: int) -> bool:
        """Say whether a server was not heard for too long."""
        if address == self.me:
            return False
        node = self.nodes.get(address)
        return node is None or steady_ms - node.heard_ms > self.down_ms

    def online(self, steady_ms: int) -> list[Node]:
        """Return those of the followers that were heard of late."""
        return [
            one for one in self.followers() if not self.is_down(one.address, steady_ms)
        ]

    def followers(self) -> list[Node]:
        """Return the others that do not lead, in the order of their addresses."""
        found = [one for one in self.nodes.values() if one.address != self.leader]
        return sorted(found, key=lambda one: one.address)
