"""What a rectangle of the treemap is, in words, and the module behind it."""

from __future__ import annotations

import math

import numpy as np

from app import numbers
from app.fitting import is_prunable
from app.next_round import NextRound
from app.norm_losses import NormLosses
from app.plan_text import amount_note
from app.treemap_colours import Form, Shares, Tensors
from app.treemap_measures import Measure
from app.treemap_plane import Ints, Plane
from pruner.losses import Loss
from pruner.module_tree import ModuleNode


def module_below(tree: ModuleNode, name: str) -> ModuleNode:
    """The module of that name; the deepest around it where there is none."""
    node = tree
    while node.name != name:
        around = (child for child in node.children if child.name == name or name.startswith(f"{child.name}."))
        child = next(around, None)
        if child is None:
            break
        node = child
    return node


def describe(
    planned: NextRound,
    plane: Plane,
    place: int,
    tensors: Tensors,
    shares: Shares | None,
    measure: Measure,
    losses: NormLosses,
) -> str:
    """What a rectangle is, in lines; of a module what it holds in all, with the share that is shown."""
    one = plane.rectangles[place]
    if planned.checkpoint is None:
        return ""
    if not one.is_module:
        return _tensor(planned, one.name, measure, losses)
    below, sparsity = plane.rows_below(place), measure.norm is None
    lines = [
        one.name or planned.checkpoint.path.name,
        f"module of {numbers.plural(len(below), 'tensor')}, {numbers.plural(one.numel, 'element')}",
        _share(tensors, shares, below, measure) if sparsity else _lost(planned, tensors, below, measure, losses),
    ]
    return "\n".join(line for line in lines if line)


def _share(tensors: Tensors, shares: Shares | None, below: Ints, measure: Measure) -> str:
    """The sparsity of tensors together, of those that can be pruned."""
    below = below[tensors.forms[below] != Form.FIXED]
    if not len(below):
        return ""
    share = float("nan") if shares is None else float(np.average(shares[below], weights=tensors.numels[below]))
    when = " after the planned round" if measure is Measure.AFTER else ""
    return f"zeros{when} are not all known" if math.isnan(share) else f"{numbers.percent(share)} zeros{when}"


def _lost(planned: NextRound, tensors: Tensors, below: Ints, measure: Measure, losses: NormLosses) -> str:
    """What the pruned ones among tensors have lost together."""
    pruning, names = planned.pruning, list(tensors.places)
    pruned = [names[row] for row in below.tolist() if pruning is not None and names[row] in pruning]
    if not pruned or measure.norm is None:
        return "nothing of it is pruned"
    found = [loss for name in pruned if (loss := losses.of(pruning, name)) is not None]
    of = f"{measure.name} norm of its {numbers.plural(len(pruned), 'pruned tensor')}"
    share = sum(found, Loss()).share(measure.norm) if len(found) == len(pruned) else math.nan
    return f"{of}: not all measured yet" if math.isnan(share) else f"{of}: {numbers.percent(share)} lost"


def _tensor(planned: NextRound, name: str, measure: Measure, losses: NormLosses) -> str:
    """Name, shape, elements, zeros, what is lost and what is planned, in lines."""
    assert planned.checkpoint is not None
    info = planned.checkpoint[name]
    lines = [name, f"{info.kind}, {info.dtype}, {numbers.shape(info.shape)} = {numbers.plural(info.numel, 'element')}"]
    lines.append(_zeros(planned, name))
    if measure.norm is not None and planned.pruning is not None and name in planned.pruning:
        lines.append(_loss(losses.of(planned.pruning, name), measure))
    if note := amount_note(planned, name):
        lines.append(f"Planned: {note}")
    elif is_prunable(info):
        lines.append("Nothing is planned for it.")
    return "\n".join(lines)


def _loss(loss: Loss | None, measure: Measure) -> str:
    if loss is None or measure.norm is None:
        return f"{measure.name} norm: not measured yet"
    share = loss.share(measure.norm)
    if math.isnan(share):
        return f"{measure.name} norm: its numbers cannot be read"
    return f"{measure.name} norm: {numbers.percent(share)} lost"


def _zeros(planned: NextRound, name: str) -> str:
    assert planned.checkpoint is not None
    info = planned.checkpoint[name]
    outlook = planned.outlook(name)
    if outlook is None:
        return "zeros are not counted yet" if info.prunable else "cannot be pruned"
    text = f"{numbers.plural(outlook.now, 'zero')} ({numbers.percent(outlook.now / max(1, outlook.numel))})"
    if name not in planned.planned:
        return text
    if outlook.planned is None:
        return f"{text}, after the planned round as many as only the round itself tells"
    after = numbers.percent(outlook.planned / max(1, outlook.numel))
    return f"{text}, after the planned round {numbers.count(outlook.planned)} ({after})"
