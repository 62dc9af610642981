"""`replay completion`: the script that lets a shell complete verbs and options."""

from __future__ import annotations

import sys

import click
from click.shell_completion import get_completion_class

_WHOLE_WORDS = """\
# Keys have colons, at which bash would break words.
COMP_WORDBREAKS=${COMP_WORDBREAKS//:/}
"""


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> int:
    r"""Print the completion script for a shell.

    \b
    Examples:
      eval "$(replay completion bash)"                           in ~/.bashrc
      eval "$(replay completion zsh)"                            in ~/.zshrc
      replay completion fish > ~/.config/fish/completions/replay.fish
    """
    completion_class = get_completion_class(shell)
    assert completion_class is not None
    if shell == "bash":
        sys.stdout.write(_WHOLE_WORDS)
    made = completion_class(ctx.find_root().command, {}, "replay", "_REPLAY_COMPLETE")
    # click's own bash source asks the shell for its version first, which needs a shell.
    sys.stdout.write(made.source_template % made.source_vars())
    sys.stdout.write("\n")
    return 0
