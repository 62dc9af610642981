"""Bytes that came in and went out since the statistics were last reset."""

from __future__ import annotations

from typing import final


@final
class Traffic:
    """The traffic of one kind of connection; who reads and writes sockets counts it.

    Attributes:
        input_bytes, output_bytes: what the system gave and took.
        reads, writes: in how many calls.
    """

    __slots__ = ("input_bytes", "output_bytes", "reads", "writes")

    def __init__(self) -> None:
        """Count from zero."""
        self.input_bytes = self.output_bytes = self.reads = self.writes = 0

    def note_read(self, size: int) -> None:
        """Count what one call has read, in bytes."""
        self.input_bytes += size
        self.reads += 1

    def note_write(self, size: int) -> None:
        """Count what one call has written, in bytes."""
        self.output_bytes += size
        self.writes += 1

    def reset(self) -> None:
        """Count from zero again."""
        self.input_bytes = self.output_bytes = self.reads = self.writes = 0


@final
class Traffics:
    """The traffic of a server.

    Attributes:
        clients: that of clients.
        links: that of replicas, and of the link to a master.
    """

    __slots__ = ("clients", "links")

    def __init__(self) -> None:
        """Count from zero."""
        self.clients, self.links = Traffic(), Traffic()

    def input_bytes(self) -> int:
        """Return what was read, links included, as INFO tells it."""
        return self.clients.input_bytes + self.links.input_bytes

    def output_bytes(self) -> int:
        """Return what was written, links included, as INFO tells it."""
        return self.clients.output_bytes + self.links.output_bytes

    def fields(self) -> dict[str, int]:
        """Return the fields of INFO."""
        clients, links = self.clients, self.links
        return {
            "total_net_input_bytes": self.input_bytes(),
            "total_net_output_bytes": self.output_bytes(),
            "total_net_repl_input_bytes": links.input_bytes,
            "total_net_repl_output_bytes": links.output_bytes,
            "total_reads_processed": clients.reads + links.reads,
            "total_writes_processed": clients.writes + links.writes,
        }

    def reset(self) -> None:
        """Count from zero again."""
        self.clients.reset()
        self.links.reset()
