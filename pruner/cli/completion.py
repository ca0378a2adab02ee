"""`secateur completion`: the script with which a shell completes the command."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from pruner.cli.completing import VARIABLE
from pruner.cli.explaining import ExplainedCommand

_SHELLS = ("bash", "zsh", "fish")
_EXAMPLES = (
    ("bash: a line in ~/.bashrc", 'eval "$(secateur completion bash)"'),
    ("zsh: a line in ~/.zshrc, behind compinit", 'eval "$(secateur completion zsh)"'),
    ("fish: once", "secateur completion fish > ~/.config/fish/completions/secateur.fish"),
    (
        "bash: as a file, with which the shell starts faster",
        "secateur completion bash > ~/.local/share/bash-completion/completions/secateur",
    ),
)


@click.command(cls=ExplainedCommand, short_help="Print the script that completes in a shell.", examples=_EXAMPLES)
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script with which SHELL (bash 4.4 or newer, zsh, fish) completes secateur.

    The script is installed once, as below; then Tab completes verbs, options, methods, forms, files, and behind FILE
    also the names of its tensors and patterns of them: secateur prune model.pt --amount <Tab>.
    """
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(context.find_root().command, {}, "secateur", VARIABLE).source(), nl=False)
