"""A recipe: rounds with patterns instead of names, which a small TOML file holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pruner.checkpoint import Checkpoint
from pruner.errors import PrunerError
from pruner.files import appearing
from pruner.plan import Plan
from pruner.progress import Progress
from pruner.prune import DEFAULT_MEMORY, Pruning, prune_rounds
from pruner.recipes.lines import Place
from pruner.recipes.matching import RecipeMatch, match
from pruner.recipes.problems import Problem, RecipeError
from pruner.recipes.reading import parse
from pruner.recipes.rounds import RecipeRound
from pruner.recipes.writing import round_of, text_of
from pruner.words import counted

_MOST_BYTES = 16 << 20


@dataclass(frozen=True)
class Recipe:
    """Rounds in the order in which they run; `name` is that of its file, for messages."""

    rounds: tuple[RecipeRound, ...]
    name: str = field(default="recipe", compare=False)
    comment: str = field(default="", compare=False)
    _lines: Mapping[Place, int] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def read(cls, path: str | Path) -> Recipe:
        """The recipe of a file; files that its options name are looked for beside it.

        Raises `RecipeError` (a `PrunerError`) with all that is wrong, each with its line.
        """
        path = Path(path)
        try:
            with path.open("rb") as file:
                data = file.read(_MOST_BYTES + 1)
            text = data.decode("utf-8-sig")
        except OSError as error:
            raise PrunerError(f"{path}: cannot be read ({error.strerror}).") from error
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise RecipeError(str(path), [Problem("this is no text in UTF-8.", line)]) from None
        if len(data) > _MOST_BYTES:
            raise PrunerError(f"{path}: this is too large for a recipe.")
        return cls.parse(text, path.name, path.absolute().parent)

    @classmethod
    def parse(cls, text: str, name: str = "recipe", folder: Path | None = None) -> Recipe:
        """The recipe of a text; `folder` is where the files lie that it names. Raises `RecipeError`."""
        rounds, lines = parse(text, name, folder)
        return cls(rounds, name, _lines=lines)

    @classmethod
    def of(cls, checkpoint: Checkpoint, plans: Iterable[Plan], pruning: Pruning | None = None) -> Recipe:
        """The recipe that gives these plans on this checkpoint, with comments that tell what the plans come to.

        `pruning` is what the first of the plans did. Raises `PrunerError` where there is no plan.
        """
        from pruner import __version__

        plans = [plan for plan in plans if plan.steps]
        if not plans:
            raise PrunerError(f"{checkpoint.path}: nothing is pruned or planned that a recipe could tell.")
        rounds = tuple(
            round_of(checkpoint, plan, _told(checkpoint, plan, index, pruning)) for index, plan in enumerate(plans)
        )
        return cls(rounds, comment=f"A recipe of Secateur {__version__}, made with {checkpoint.path.name}.")

    def text(self, folder: Path | None = None) -> str:
        """The recipe as TOML; files that lie in `folder` are named from there."""
        return text_of(self.rounds, self.comment, folder)

    def write(self, path: str | Path) -> None:
        """Write the recipe to a file, which appears whole or not at all; raises `PrunerError`."""
        target = Path(path).absolute()
        try:
            with appearing(target) as partial:
                partial.write_text(self.text(target.parent), encoding="utf-8", newline="\n")
        except UnicodeEncodeError:
            raise PrunerError(f"{path}: a tensor's name is no Unicode, which TOML cannot hold.") from None

    def match(self, checkpoint: Checkpoint) -> RecipeMatch:
        """What the recipe comes to on a checkpoint, and what does not match; nothing runs."""
        return match(self.rounds, self._lines, checkpoint)

    def plans(self, checkpoint: Checkpoint) -> tuple[Plan, ...]:
        """The plan of each round; raises `RecipeError` with all that does not match."""
        found = self.match(checkpoint)
        if found.problems:
            raise RecipeError(self.name, found.problems)
        return found.plans

    def apply(
        self,
        checkpoint: Checkpoint,
        device: str = "auto",
        progress: Progress | None = None,
        *,
        after: Pruning | None = None,
        memory: int = DEFAULT_MEMORY,
    ) -> Pruning:
        """Run all rounds, on what `after` left; the arguments are those of `prune`.

        Raises `RecipeError` where something does not match, `PrunerError` as `prune` does.
        """
        return prune_rounds(checkpoint, self.plans(checkpoint), device, progress, after=after, memory=memory)


def _told(checkpoint: Checkpoint, plan: Plan, index: int, pruning: Pruning | None) -> str:
    """What a round takes, and what it did."""
    numel = sum(checkpoint[name].numel for name in plan.steps)
    told = f"Round {index + 1}: {counted(len(plan.steps), 'tensor')} of {numel:,} elements"
    if pruning is None or index >= len(pruning.plans):
        return f"{told}."
    taken = sum(pruning.round_of(index, name).pruned for name in plan.steps)
    return f"{told}; {taken:,} pruned."
