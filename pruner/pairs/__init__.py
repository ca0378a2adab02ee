"""Two checkpoints side by side: which tensors belong together, and how far apart they are."""

from pruner.pairs.marks import Marks
from pruner.pairs.measure import Agreement, Difference, histogram_of, measure
from pruner.pairs.names import Pair, Pairing, Side, match
from pruner.pairs.picture import PairPicture, PairTile, pair_picture
from pruner.pairs.values import Both

__all__ = [
    "Agreement",
    "Both",
    "Difference",
    "Marks",
    "Pair",
    "PairPicture",
    "PairTile",
    "Pairing",
    "Side",
    "histogram_of",
    "match",
    "measure",
    "pair_picture",
]
