"""What a shell offers behind the options of the verbs. It imports neither torch nor Qt, and never complains."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import click
from click.shell_completion import BashComplete, CompletionItem, ZshComplete, add_completion_class

from pruner.checkpoint import Checkpoint, TensorInfo
from pruner.doctor import all_checks
from pruner.formats import open_checkpoint
from pruner.methods import method_named, options_of
from pruner.plan import is_candidate

VARIABLE = "_SECATEUR_COMPLETE"
"""Set by the scripts of the shells when they ask."""
_MOST = 300
_PLAIN = re.compile(r"[\w.*/:-]+")
"""What a shell takes as it is, or quotes by itself."""
Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


@add_completion_class
class _Bash(BashComplete):
    """click's, but nothing follows an equals sign, and nothing is taken for a pattern of files."""

    source_template = BashComplete.source_template.replace(
        "COMPREPLY+=($value)", 'COMPREPLY+=("$value")\n            [[ $value == *= ]] && compopt -o nospace'
    )


@add_completion_class
class _Zsh(ZshComplete):
    """click's, but nothing follows an equals sign; fish does so by itself."""

    source_template = ZshComplete.source_template.replace(
        "        _describe -V unsorted completions_with_descriptions -U",
        "        local -a ending\n"
        "        [[ $completions_with_descriptions[1] == *=:* ]] && ending=(-S '')\n"
        '        _describe -V unsorted completions_with_descriptions -U "${ending[@]}"',
    )


def tensor_names(ending: str = "") -> Completer:
    """Patterns and names of the tensors in FILE, with an ending such as “=”; only the names that pruning takes."""

    def complete(context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
        checkpoint = _checkpoint_of(context)
        if checkpoint is None or (ending and ending in begun):
            return []
        offered = [
            CompletionItem(f"{name}{ending}", help=told)
            for name, told in _offers(checkpoint)
            if name.startswith(begun) and _PLAIN.fullmatch(name)
        ]
        return offered[:_MOST]

    return complete


def _offers(checkpoint: Checkpoint) -> Iterator[tuple[str, str]]:
    """Patterns that match several candidates, then the candidates, each with what it is."""
    infos = [info for info in checkpoint.tensors.values() if is_candidate(info)]
    for pattern, count in Counter(_patterns(infos)).items():
        if count > 1:
            yield pattern, f"{count} tensors"
    for info in infos:
        yield info.name, f"{' × '.join(map(str, info.shape))} {info.dtype}"


def _patterns(infos: list[TensorInfo]) -> Iterator[str]:
    yield from ("*" for _ in infos)
    yield from (f"*.{info.name.rpartition('.')[2]}" for info in infos if "." in info.name)
    yield from (f"{info.name.partition('.')[0]}.*" for info in infos if "." in info.name)


def roots(context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """The keys of the dictionaries in FILE that hold weights."""
    checkpoint = _checkpoint_of(context)
    found = checkpoint.roots if checkpoint is not None else ()
    return [CompletionItem(root) for root in found if root.startswith(begun) and _PLAIN.fullmatch(root)]


def method_options(context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """The options of the method that is chosen."""
    method = method_named(context.params.get("method") or "")
    known = [CompletionItem(f"{one.name}=", help=one.about) for one in options_of(method)]
    return [one for one in known if one.value.startswith(begun)]


def devices(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Kinds of devices; which of them are there torch alone knows, and it takes too long to ask."""
    return [CompletionItem(name) for name in ("auto", "cpu", "cuda", "mps") if name.startswith(begun)]


def checks(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """The names of the checks."""
    return [CompletionItem(name, help=one.title) for name, one in all_checks().items() if name.startswith(begun)]


def _checkpoint_of(context: click.Context) -> Checkpoint | None:
    """The checkpoint that FILE names; None where there is none, or it cannot be opened."""
    # click leaves arguments where they stand while the value of an option is still missing
    given = context.params.get("file") or next(iter(context.args), None)
    if given is None:
        return None
    try:
        return open_checkpoint(Path(given), context.params.get("root"))
    except Exception:  # whatever is wrong with it is told when the command runs
        return None
