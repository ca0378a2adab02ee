"""The calls of one round in a script: torch's own methods where they do the same, else masks by small functions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pruner.checkpoint import Checkpoint
from pruner.companions import companion_name
from pruner.errors import PrunerError
from pruner.formats import open_checkpoint
from pruner.methods import Method, takes_amount
from pruner.methods.custom_from_mask import CustomFromMask
from pruner.methods.ln_structured import LnStructured
from pruner.methods.n_m import NM
from pruner.methods.random_structured import RandomStructured
from pruner.methods.random_unstructured import RandomUnstructured
from pruner.methods.scores import Scores
from pruner.methods.threshold import Threshold
from pruner.plan import Plan, Step
from pruner.prune import groups_of
from pruner.python_out.files import quoted, source_of, tuple_of

Style = Literal["function", "class"]
_CALLS = {
    "l1_unstructured": "L1Unstructured",
    "ln_structured": "LnStructured",
    "custom_from_mask": "CustomFromMask",
}


def call_of(name: str, style: Style) -> str:
    """How torch's method is applied to a parameter, up to the bracket."""
    return f"prune.{name}" if style == "function" else f"prune.{_CALLS[name]}.apply"


@dataclass
class Calls:
    """Writes rounds; `helpers` collects the functions they need, `files` the variables that hold other files."""

    checkpoint: Checkpoint
    style: Style

    def __post_init__(self) -> None:
        self.helpers: set[str] = set()
        self.files: dict[str, str] = {}
        self.imports: set[str] = set()
        self._others: dict[str, Checkpoint] = {}

    def round(self, plan: Plan, tied: frozenset[str]) -> Iterator[str]:
        """The lines of a round; `tied` names the tensors where magnitudes, or norms, equal the threshold and stayed."""
        groups = groups_of(self.checkpoint, plan)
        if plan.scope == "global":
            yield from self._together(plan, groups[0], bool(tied))
        else:
            yield from self._each(plan, [group[0] for group in groups], tied)
        first = [name for group in groups for name in group]
        yield from self._twins(plan, first)

    def _each(self, plan: Plan, names: Sequence[str], tied: frozenset[str]) -> Iterator[str]:
        """Calls in loops over the tensors that have the same."""
        loops: dict[str, list[str]] = {}
        for name in names:
            loops.setdefault(self._call(plan.steps[name], name in tied, name), []).append(name)
        for call, own in loops.items():
            if len(own) == 1:
                yield call.replace("@NAME@", quoted(own[0]))
            else:
                yield f"for name in {tuple_of(own)}:"
                yield f"    {call.replace('@NAME@', 'name')}"

    def _call(self, step: Step, tied: bool, name: str) -> str:
        """The call for one tensor, with `@NAME@` for its name."""
        method, amount = step.method, step.amount
        where = "*find(@NAME@)"
        if isinstance(method, NM):
            self.helpers.add("n_m")
            return self._masked(f"n_m({where}, n={method.n}, m={method.m}, dim={method.dim})")
        if isinstance(method, Threshold):
            self.helpers.add("threshold")
            return self._masked(f"threshold({where}, value={method.value!r})")
        if isinstance(method, CustomFromMask):
            return self._masked(self._of_file(method.file, name, ("_mask", ""), "mask"))
        value = amount.value
        target = ", target=True" if amount.is_target else ""
        if isinstance(method, (LnStructured, RandomStructured)):
            if isinstance(method, LnStructured) and not amount.is_target and not tied:
                options = f"amount={value!r}, n={_norm(method.n)}, dim={method.dim}"
                return f"{call_of('ln_structured', self.style)}({where}, {options})"
            self.helpers.add("prune_channels")
            keys = self._channel_keys(method)
            return f"prune_channels({where}, {keys}, amount={value!r}, dim={method.dim}{target})"
        if self._by_torch(method) and not amount.is_target and not tied:
            scores = ""
            if isinstance(method, Scores):
                scores = f", importance_scores={self._of_file(method.file, name, ('',), 'scores')}"
            return f"{call_of('l1_unstructured', self.style)}({where}, amount={value!r}{scores})"
        self.helpers.add("prune_smallest")
        return f"prune_smallest([find(@NAME@)], [{self._keys(method, name, '@NAME@')}], amount={value!r}{target})"

    def _together(self, plan: Plan, names: Sequence[str], tied: bool) -> Iterator[str]:
        step = plan.steps[names[0]]
        method, amount = step.method, step.amount
        bounds = [(plan.steps[name].floor, plan.steps[name].ceiling) for name in names]
        bounded = any(one != (0, 1) for one in bounds)
        yield f"names = {tuple_of(list(names))}"
        yield "parameters = [find(name) for name in names]"
        if self._by_torch(method) and not amount.is_target and not bounded and not tied:
            yield "prune.global_unstructured("
            yield "    parameters,"
            yield "    pruning_method=prune.L1Unstructured,"
            if isinstance(method, Scores):
                scores = [self._of_file(method.file, name, ("",), "scores") for name in names]
                yield f"    importance_scores=dict(zip(parameters, {_list(self._shared(scores))})),"
            yield f"    amount={amount.value!r},"
            yield ")"
            return
        self.helpers.add("prune_smallest")
        keys = self._shared([self._keys(method, name, "@NAME@") for name in names])
        more = ", target=True" if amount.is_target else ""
        if bounded:
            self.helpers.add("smallest_between")
            more += ", bounds=bounds"
            yield f"bounds = {_list_of_bounds(bounds)}  # the least and the most sparsity of each"
        yield f"prune_smallest(parameters, {_list(keys)}, amount={amount.value!r}{more})"

    def _twins(self, plan: Plan, first: Sequence[str]) -> Iterator[str]:
        """Other names of the same memory get the mask of the first."""
        for name in plan.steps:
            if name not in first:
                others = self.checkpoint[name].shares_storage_with
                own = next(other for other in first if other in others)
                yield "# The same memory by another name:"
                yield "owner, leaf = find(" + quoted(own) + ")"
                mask = 'getattr(owner, leaf + "_mask")'
                yield f"{call_of('custom_from_mask', self.style)}(*find({quoted(name)}), mask={mask})"

    def _by_torch(self, method: Method) -> bool:
        """Whether torch prunes by the smallest magnitudes as the method does."""
        return takes_amount(method) and not isinstance(method, RandomUnstructured)

    def _masked(self, mask: str) -> str:
        return f"{call_of('custom_from_mask', self.style)}(*find(@NAME@), mask={mask})"

    def _keys(self, method: Method, name: str, variable: str) -> str:
        """What ranks the elements of a tensor."""
        if isinstance(method, RandomUnstructured):
            self.helpers.add("random_keys")
            return f"random_keys({variable}, getattr(*find({variable})).numel(), seed={method.seed})"
        if isinstance(method, Scores):
            return f"{self._of_file(method.file, name, ('',), 'scores')}.abs()"
        return f"getattr(*find({variable})).detach().abs()"

    def _channel_keys(self, method: LnStructured | RandomStructured) -> str:
        if isinstance(method, LnStructured):
            self.helpers.add("norms")
            return f"norms(*find(@NAME@), n={_norm(method.n)}, dim={method.dim})"
        self.helpers.add("random_keys")
        return f"random_keys(@NAME@, getattr(*find(@NAME@)).shape[{method.dim}], seed={method.seed})"

    def _shared(self, expressions: list[str]) -> list[str] | str:
        """A comprehension over the names where all expressions are the same."""
        if len(set(expressions)) == 1:
            return f"[{expressions[0].replace('@NAME@', 'name')} for name in names]"
        return [one.replace("@NAME@", f"names[{place}]") for place, one in enumerate(expressions)]

    def _of_file(self, file: str, name: str, endings: Sequence[str], what: str) -> str:
        """The tensor of another file that belongs to a name, once that file is loaded."""
        if file not in self._others:
            self._others[file] = open_checkpoint(Path(file))
        other = self._others[file]
        source = source_of(other)
        found = companion_name(other, name, endings)
        if source is None or found is None:
            raise PrunerError(
                f"{file}: a script cannot load the {what} of “{name}” from it. "
                "Save them as .safetensors or .pt, under the tensors' names."
            )
        variable = self.files.setdefault(file, what if what not in self.files.values() else f"{what}_{len(self.files)}")
        self.imports.update(line.replace(", save_file", "") for line in source.imports)
        ending = found.removeprefix(name)
        if found == name + ending:
            return f"{variable}[@NAME@{f' + {quoted(ending)}' if ending else ''}]"
        return f"{variable}[{quoted(found)}]"

    def file_lines(self) -> Iterator[str]:
        """The lines that load the other files."""
        for file, variable in self.files.items():
            source = source_of(self._others[file])
            assert source is not None
            yield from source.load[:-1]
            last = source.load[-1]
            yield last.replace("state = ", f"{variable} = ", 1) if last.startswith("state = ") else last
            if not last.startswith("state = "):
                yield f"{variable} = state"


def _norm(n: float) -> str:
    if math.isinf(n):
        return f'float("{n}")'
    return str(int(n)) if n.is_integer() else repr(n)


def _list(parts: list[str] | str) -> str:
    return parts if isinstance(parts, str) else f"[{', '.join(parts)}]"


def _list_of_bounds(bounds: Sequence[tuple[float, float]]) -> str:
    if len(set(bounds)) == 1:
        return f"[{bounds[0]!r}] * len(names)"
    return f"[{', '.join(map(repr, bounds))}]"
