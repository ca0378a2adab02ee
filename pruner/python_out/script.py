"""The script that prunes a live module, or a state_dict, as a plan or a pruning says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from pruner.checkpoint import Checkpoint
from pruner.errors import PrunerError
from pruner.methods import described, takes_amount
from pruner.plan import Plan
from pruner.prune import Pruning
from pruner.python_out.calls import Calls, Style, call_of
from pruner.python_out.files import pruned_name, quoted, source_of
from pruner.python_out.helpers import functions, imports

Goal = Literal["module", "state_dict"]
STYLES: dict[Style, str] = {
    "function": "prune.l1_unstructured(module, name, amount): one call that gives the module back",
    "class": "prune.L1Unstructured.apply(module, name, amount): the same by classes, which own methods derive from",
}
"""Both of torch's styles do the same; what is to be said of each."""
GOALS: dict[Goal, str] = {
    "module": "A model in memory: masks and hooks, as torch.nn.utils.prune leaves them",
    "state_dict": "The file: loads it, writes zeros and saves a copy",
}
"""What a script may prune."""
_FIND_IN_MODULE = '''
def find(name):
    """The module that owns a parameter, and the parameter's name there."""
    path, _, leaf = name.rpartition(".")
    return module.get_submodule(path), leaf
'''
_FIND_IN_STATE = '''
holders = {}


def find(name):
    """A module that holds a tensor of the state_dict, since torch prunes parameters of modules."""
    if name not in holders:
        holders[name] = torch.nn.Module()
        holders[name].weight = torch.nn.Parameter(state[name].contiguous(), requires_grad=False)
    return holders[name], "weight"
'''


def script(
    checkpoint: Checkpoint,
    plans: Sequence[Plan],
    pruning: Pruning | None = None,
    *,
    style: Style = "function",
    goal: Goal = "module",
) -> str:
    """Python that does with torch.nn.utils.prune what the plans do to the checkpoint.

    `pruning` is what the first of the plans did: where magnitudes equal the threshold torch might prune others of them,
    and the script says which. Raises `PrunerError` where there is no plan, or torch cannot do it: it has no products of
    float8, prunes no buffers of modules, and a script must be able to load the masks and scores that the plans name.
    """
    plans = [plan for plan in plans if plan.steps]
    if not plans:
        raise PrunerError(f"{checkpoint.path}: nothing is pruned or planned that a script could do.")
    _require_possible(checkpoint, plans, goal)
    calls = Calls(checkpoint, style)
    rounds: list[str] = []
    for index, plan in enumerate(plans):
        known = pruning is not None and index < len(pruning.plans)
        rounds += ["", _title(plan, index, known), *calls.round(plan, _tied(plan, index, pruning))]
    parts = [*_head(checkpoint, calls, goal), *_helpers(calls), *_between(rounds), *_end(checkpoint, goal)]
    return "\n".join(parts) + "\n"


def _head(checkpoint: Checkpoint, calls: Calls, goal: Goal) -> Iterator[str]:
    source = source_of(checkpoint) if goal == "state_dict" else None
    yield f"# Prunes as Secateur does {quoted(checkpoint.path.name)}."
    needed = imports(calls.helpers)
    standard = [one for one in needed if " " not in one]
    yield from (f"import {one}" for one in standard)
    if standard:
        yield ""
    yield from (f"import {one}" for one in needed if " " in one)
    yield "import torch"
    lines = {*calls.imports, *(source.imports if source else ())}
    yield from sorted(line for line in lines if not any(line != one and one.startswith(line) for one in lines))
    yield "from torch.nn.utils import prune"
    yield ""
    yield from calls.file_lines()
    if goal == "module":
        yield "module = ...  # your model, with its weights loaded"
        yield from ("", *_FIND_IN_MODULE.rstrip().splitlines())
        return
    if source is None:
        yield f"state = ...  # the state_dict of {quoted(checkpoint.path.name)}: tensors by name"
    else:
        yield from source.load
    yield from _FIND_IN_STATE.strip().splitlines()


def _helpers(calls: Calls) -> Iterator[str]:
    for text in functions(calls.helpers, call_of("custom_from_mask", calls.style)):
        yield from ("", "", *text.splitlines())


def _between(rounds: list[str]) -> Iterator[str]:
    yield ""
    yield from rounds


def _end(checkpoint: Checkpoint, goal: Goal) -> Iterator[str]:
    yield ""
    if goal == "module":
        yield "# To make it permanent: prune.remove(*find(name)) for each of the names."
        return
    yield "for name, holder in holders.items():"
    yield "    state[name] = state[name].masked_fill(holder.weight_mask == 0, 0)"
    if source := source_of(checkpoint):
        yield source.save.format(path=quoted(pruned_name(checkpoint.path, source.suffix)))


def _title(plan: Plan, index: int, known: bool) -> str:
    method = next(iter(plan.steps.values())).method
    together = ", all together" if plan.scope == "global" else ""
    note = "" if known or not takes_amount(method) else " (of equal magnitudes torch may take others)"
    return f"# Round {index + 1}: {described(method)}{together}{note}"


def _tied(plan: Plan, index: int, pruning: Pruning | None) -> frozenset[str]:
    if pruning is None or index >= len(pruning.plans):
        return frozenset()
    return frozenset(name for name in plan.steps if pruning.round_of(index, name).ties)


def _require_possible(checkpoint: Checkpoint, plans: Sequence[Plan], goal: Goal) -> None:
    for name in dict.fromkeys(name for plan in plans for name in plan.steps):
        info = checkpoint[name]
        if info.dtype.startswith("float8"):
            raise PrunerError(f"{checkpoint.path}: “{name}” is {info.dtype}, which torch.nn.utils.prune cannot prune.")
        if goal == "module" and info.kind == "buffer":
            raise PrunerError(
                f"{checkpoint.path}: “{name}” is a buffer, and torch.nn.utils.prune prunes parameters of modules. "
                "Choose the state_dict."
            )
