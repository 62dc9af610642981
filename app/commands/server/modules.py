"""MODULE: there are no modules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.table.table import Flag, command
from joblog.app.table.tips import UNORDERED
from joblog.app.table.usage import add_help

if TYPE_CHECKING:
    from joblog.app.state.context import Context

_CHANGE: Final = Flag.ADMIN | Flag.NOSCRIPT | Flag.NO_ASYNC_LOADING | Flag.PROTECTED


@command(
    "MODULE LIST",
    arity=2,
    flags=Flag.ADMIN | Flag.NOSCRIPT,
    group="server",
    since="4.0.0",
    summary="Return an empty list: there are no modules.",
    complexity="O(1)",
    tips=(UNORDERED,),
)
def module_list(_: Context) -> list[Any]:
    """Return nothing."""
    return []


@command(
    "MODULE LOAD",
    arity=-3,
    flags=_CHANGE,
    group="server",
    since="4.0.0",
    summary="Refuse: this server takes no modules.",
    complexity="O(1)",
)
def module_load(_: Context, _path: bytes, *_arg: bytes) -> None:
    """Refuse."""
    raise CommandError(errors.NO_MODULES)


@command(
    "MODULE LOADEX",
    arity=-3,
    flags=_CHANGE,
    group="server",
    since="7.0.0",
    summary="Refuse: this server takes no modules.",
    complexity="O(1)",
)
def module_loadex(_: Context, _path: bytes, *_arg: bytes) -> None:
    """Refuse."""
    raise CommandError(errors.NO_MODULES)


@command(
    "MODULE UNLOAD",
    arity=3,
    flags=_CHANGE,
    group="server",
    since="4.0.0",
    summary="Refuse: there is no module to unload.",
    complexity="O(1)",
)
def module_unload(_: Context, _name: bytes) -> None:
    """Refuse."""
    raise CommandError(errors.NO_MODULES)


add_help("MODULE", group="server", since="5.0.0")
