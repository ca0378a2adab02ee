"""Whether a checkpoint's keys and shapes are those of a model."""

from __future__ import annotations

from collections.abc import Iterator

from pruner.checkpoint import Checkpoint
from pruner.doctor import Finding
from pruner.doctor.repairing import Repair
from pruner.models import Description
from pruner.pairs import Pair, match
from pruner.words import counted, listed

NAME = "fit"


def fit(checkpoint: Checkpoint, model: Description) -> Iterator[Finding]:
    """What a strict load into the model would complain about, and names that differ by a prefix; reads no number."""
    pairing = match(checkpoint, model.as_checkpoint())
    shapes = [pair for pair in pairing.both if _shapes(checkpoint, model, pair)]
    if shapes:
        names = tuple(pair.a.name for pair in shapes if pair.a)
        told = "; ".join(f"“{pair.name}” {_shapes(checkpoint, model, pair)}" for pair in shapes[:3])
        yield Finding(
            NAME,
            "fault",
            names,
            f"{counted(len(names), 'tensor')} of another shape than in {model.model}: {told}.",
            "A load fails, also with strict=False. The model was built with other sizes than the file was saved with.",
        )
    if pairing.removed:
        yield Finding(
            NAME,
            "fault",
            pairing.removed,
            f"{counted(len(pairing.removed), 'tensor')} that {model.model} does not have: {listed(pairing.removed)}.",
            "A strict load calls them unexpected; strict=False passes over them.",
            Repair(f"Drop {counted(len(pairing.removed), 'unexpected tensor')}", dropped=frozenset(pairing.removed)),
        )
    if pairing.added:
        yield Finding(
            NAME,
            "fault",
            (),
            f"{counted(len(pairing.added), 'tensor')} of {model.model} missing in the file: {listed(pairing.added)}.",
            "A strict load fails; with strict=False they keep what the model was built with, which is random.",
        )
    renamed = {
        pair.a.name: pair.b.name
        for pair in pairing.both
        if pair.a and pair.b and pair.a.name != pair.b.name and not pair.product
    }
    if renamed:
        prefix = pairing.prefixes[0] or pairing.prefixes[1]
        yield Finding(
            NAME,
            "fault",
            tuple(renamed),
            f"{counted(len(renamed), 'name')} differ from those of {model.model} by "
            f"{f'the prefix “{prefix}”' if prefix else 'a wrapper'}: {listed(tuple(renamed))}.",
            "A strict load finds none of them, and strict=False silently loads nothing.",
            Repair(f"Give {counted(len(renamed), 'tensor')} the model's names", renamed),
        )


def _shapes(checkpoint: Checkpoint, model: Description, pair: Pair) -> str:
    """Both shapes, where they differ."""
    assert pair.a is not None
    assert pair.b is not None
    here, there = checkpoint[pair.a.name].shape, model.tensors[pair.b.name].shape
    return f"is {list(here)} and not {list(there)}" if here != there else ""
