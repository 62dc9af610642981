"""What a history that was tapped from a master does not tell, said beside an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from joblog.replay.jobs.views import Actors
    from joblog.replay.verbs.options import Tool


def tell_masters(tool: Tool, actors: Actors) -> None:
    """Say which of those that were named are masters, and what they do not tell."""
    for address in sorted(actors.masters):
        tool.output.hint_once(
            f"replay: {address} is a master that this log follows: what it sends does "
            "not tell which client of it wrote, as which user, nor by which script"
        )
