"""The `replay` command: its verbs, and how it ends.

Exit codes: 0 for an answer, 1 for none (nothing matched, or it cannot be told), 2 for a
command line that is wrong, 3 for a damaged log.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from joblog.app.collector import seldom
from joblog.app.history.moments import NoSuchMomentError
from joblog.app.version import VERSION
from joblog.replay.jobs.schema import SchemaError
from joblog.replay.output.answers import tell
from joblog.replay.output.exits import DAMAGED, NO_KEY, NOTHING, USAGE
from joblog.replay.output.pager import Pager, forget_output
from joblog.replay.verbs import VERBS, Verbs
from joblog.replay.verbs.folders import with_folder
from joblog.storage.errors import (
    CorruptLogError,
    EncryptionError,
    PrunedError,
    SnapshotAheadError,
    StorageError,
)

_CLOSED = 0
_FIRST = "top"
_FIND_HELP = {"help_option_names": ["-h", "--help"]}


class _Replay(click.Group):
    """The group of all verbs; it turns errors into one line and an exit code."""

    def list_commands(self, _: click.Context) -> list[str]:
        """Return the verbs in the order in which people meet them."""
        return list(VERBS)

    def get_command(self, _: click.Context, cmd_name: str) -> click.Command | None:
        """Return a verb, None where there is none of that name."""
        return Verbs().get(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return a verb and its words, with one for the folder that is not named.

        For a folder alone it is `top`.
        """
        if args and args[0] not in VERBS and Path(args[0]).is_dir():
            args = [_FIRST, *args]
        name, verb, words = super().resolve_command(ctx, args)
        if verb is not None:
            words = with_folder(verb, words, is_partial=ctx.resilient_parsing)
        return name, verb, words

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of verbs; none of them is imported for that."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Run a verb; a pager that it started is waited for."""
        try:
            with seldom():
                return self._invoke(ctx)
        finally:
            if not ctx.parent:
                Pager.end()

    def _invoke(self, ctx: click.Context) -> Any:
        try:
            code = super().invoke(ctx)
            sys.stdout.flush()
        except (CorruptLogError, SnapshotAheadError) as error:
            _fail(str(error), DAMAGED, ctx)
        except PrunedError as error:
            _fail(f"{error}; nothing is known of what was before", NOTHING, ctx)
        except EncryptionError as error:
            _fail(str(error), NO_KEY, ctx)
        except (StorageError, NoSuchMomentError) as error:
            _fail(str(error), NOTHING, ctx)
        except SchemaError as error:
            _fail(str(error), USAGE, ctx)
        except BrokenPipeError:
            # Whoever read the answer has seen enough; what is left must not be
            # written when Python flushes at its end.
            forget_output()
            ctx.exit(_CLOSED)
        ctx.exit(code if isinstance(code, int) else 0)


def _fail(text: str, code: int, ctx: click.Context) -> None:
    sys.stdout.flush()
    tell(f"replay: {text}")
    ctx.exit(code)


@click.group(
    cls=_Replay,
    name="replay",
    context_settings=_FIND_HELP,
    epilog="Exit codes: 0 found, 1 nothing found or failed, 2 usage, 3 damaged log.",
)
@click.version_option(VERSION, prog_name="replay")
@click.option("--no-pager", is_flag=True, help="Write long answers at once.")
def main(*, no_pager: bool) -> None:
    """Ask a joblog data folder what happened, also while its server runs.

    \b
    Moments:  @1042 (after that record), 2026-11-23T14:00:05Z (ISO 8601),
              'yesterday 14:00', 14:00, '5m ago', now, or a tag (LOG.TAG)
    Ranges:   A..B, after A and up to B: @100..@200, 'today..now', a-tag..;
              or --since A and --until B, in every verb that takes a range
    Folder:   DIR may be left out: then it is REPLAY_DIR, else the nearest
              (this folder, data or joblog-data in it, or the same above)

    New here? 'replay demo' walks through a small queue that went wrong.
    """  # noqa: D301 - \b is click's mark for lines that are kept as they are
    if no_pager:
        Pager.forbid()


main.commands = Verbs()  # type: ignore[assignment]  # nobody adds one at run time
