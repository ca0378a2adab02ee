"""Times of the whole model's picture: python -m tests.benchmarks.whole_model [TENSORS …]

Each line is of one model: laying it out and bringing that to pixels (on the view lane), then on the GUI thread colours,
drawing once a change, repainting what is drawn, and pointing. Milliseconds, the best of several, since other work on
the machine can hold any of them up. No file is read.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
from PySide6.QtWidgets import QApplication

from app.dressing import dress
from app.next_round import NextRound
from app.norm_losses import NormLosses
from app.theme import current
from app.treemap_colours import Tensors, table
from app.treemap_labels import header_height
from app.treemap_measures import Measure, shares_of
from app.treemap_plane import make_plane
from app.treemap_view import TreemapView
from pruner import Amount, Checkpoint
from pruner.checkpoint import Storage, TensorInfo, contiguous_stride
from pruner.module_tree import module_tree, modules_from_names
from pruner.treemap import treemap

WIDTH, HEIGHT = 1400, 400
PARTS = {
    "attn.q.weight": (64, 64),
    "attn.k.weight": (64, 64),
    "attn.v.weight": (64, 64),
    "attn.o.weight": (64, 64),
    "mlp.up.weight": (256, 64),
    "mlp.up.bias": (256,),
    "mlp.down.weight": (64, 256),
    "mlp.down.bias": (64,),
    "norm.weight": (64,),
    "norm.running_mean": (64,),
}


def model(count: int) -> Checkpoint:
    """Blocks of ten tensors, in stages of twenty blocks."""
    tensors = {}
    for place in range(count):
        block, (part, shape) = place // 10, list(PARTS.items())[place % 10]
        name = f"model.stages.{block // 20}.{block % 20}.{part}"
        shape = (shape[0] + block % 13, *shape[1:])
        kind = "buffer" if part.endswith("mean") else "parameter"
        storage = Storage(Path("none.pt"), 0, 0)
        tensors[name] = TensorInfo(name, kind, "float32", shape, contiguous_stride(shape), storage)
    return Checkpoint(Path("none.pt"), "none", tensors, modules_from_names(tensors), ())


def best(work: Callable[[], Any], tries: int = 5) -> float:
    """Milliseconds of some work."""
    times = []
    for _ in range(tries):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return min(times) * 1000


def measure(count: int) -> list[float]:
    """The times of a model of so many tensors."""
    checkpoint = model(count)
    tree, tensors = module_tree(checkpoint), Tensors.of(checkpoint)
    zeros = {name: info.numel * place // count for place, (name, info) in enumerate(checkpoint.tensors.items())}
    amounts = {name: Amount(0.5) for name in checkpoint.tensors if "mean" not in name}
    planned = NextRound(checkpoint, zeros=zeros, entries=amounts)
    view = TreemapView(str)
    view.resize(WIDTH, HEIGHT)
    view.show()
    QApplication.processEvents()
    header = header_height(view.font())
    laid = best(lambda: treemap(tree, WIDTH, HEIGHT, header))
    whole = best(lambda: make_plane(tree, tensors.places, WIDTH, HEIGHT, 1.0, header))
    plane = make_plane(tree, tensors.places, WIDTH, HEIGHT, 1.0, header)
    losses = NormLosses()
    now, after = (best(lambda what=what: shares_of(planned, what, losses)) for what in (Measure.NOW, Measure.AFTER))
    shares = shares_of(planned, Measure.NOW, losses)
    tables = best(lambda: table(current(), shares, tensors.forms))
    view.show_plane(plane, table(current(), shares, tensors.forms), shares)
    drawn = best(lambda: view._draw(plane, view._colours))
    view.repaint()
    painted = best(view.repaint, 20)
    xs = np.random.default_rng(0).integers(0, HEIGHT, (1000, 2)).tolist()
    pointed = best(lambda: [view._hover(view._at(x, y)) for x, y in xs]) / 1000
    return [laid, whole, now, after, tables, drawn, painted, pointed]


def main(arguments: list[str]) -> None:
    """Print a line for each number of tensors."""
    app = QApplication([])
    dress(app)
    heads = ("tensors", "layout", "+ pixels", "now", "after", "table", "draw", "repaint", "hover")
    print("".join(f"{head:>10}" for head in heads))
    for count in [int(one) for one in arguments] or [10, 5_000, 50_000]:
        print(f"{count:>10}" + "".join(f"{one:>10.2f}" for one in measure(count)))


if __name__ == "__main__":
    main(sys.argv[1:])
