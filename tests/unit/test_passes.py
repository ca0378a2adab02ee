"""However numbers are spread, they are read twice: to find the cut, and to make the mask, which is exact."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from pruner import Mask, open_checkpoint
from pruner.elements import Elements, elements_in, elements_of
from tests.unit.oracles import outcomes

SIZE = 2_000_000
SHARES = (0.001, 0.3, 0.5, 0.9, 0.999)


def normal() -> torch.Tensor:
    return torch.randn(SIZE, generator=torch.Generator().manual_seed(0))


def in_blocks_of(length: int) -> torch.Tensor:
    return normal()[: SIZE // length + 1].repeat_interleave(length)[:SIZE]


def scaled_in_periods_of(length: int) -> torch.Tensor:
    scales = torch.randn(length, generator=torch.Generator().manual_seed(1)).mul(3).exp()
    return normal() * scales.repeat(SIZE // length + 1)[:SIZE]


def with_a_part(start: int, length: int, factor: float) -> torch.Tensor:
    values = normal()
    values[start : start + length] *= factor
    return values


SPREADS: dict[str, Callable[[], torch.Tensor]] = {
    "normal": normal,
    "all equal": lambda: torch.full((SIZE,), -0.5),
    "all zero": lambda: torch.zeros(SIZE),
    "nine of ten zero": lambda: normal() * (torch.rand(SIZE, generator=torch.Generator().manual_seed(2)) < 0.1),
    "denormal": lambda: normal() * 1e-40,
    "one outlier": lambda: torch.cat([normal()[1:] * 1e-6, torch.tensor([1e38])]),
    "sorted": lambda: normal().abs().sort().values,
    "reversed": lambda: normal().sort(descending=True).values,
    "alternating": lambda: torch.tensor([1.0, -2.0]).repeat(SIZE // 2),
    "blocks of 800": lambda: in_blocks_of(800),
    "blocks of 1000": lambda: in_blocks_of(1000),
    "blocks of 70000": lambda: in_blocks_of(70_000),
    "periods of 1000": lambda: scaled_in_periods_of(1000),
    "periods of 41000": lambda: scaled_in_periods_of(41_000),
    "a part of zeros that no sample meets": lambda: with_a_part(REGION[0], REGION[1], 0),
    "a part that is larger, and not met either": lambda: with_a_part(REGION[0], REGION[1], 1e3),
}
REGION = (225_056, 37_000)
"""Between two blocks of the sample, which are nowhere farther apart."""


def counted(elements: Elements, reads: list[str]) -> Elements:
    """The elements; each time their values are read they write their name into `reads`."""

    def read(size: int):
        reads.append(elements.name)
        return elements.read(size)

    return replace(elements, read=read)


def exactly(magnitudes: np.ndarray, order: np.ndarray, k: int) -> np.ndarray:
    """What stays after the `k` smallest: all above the k-th, and of those that equal it the last ones."""
    cut = order[k - 1]
    stays = magnitudes > cut
    ties = np.flatnonzero(magnitudes == cut)
    stays[ties[k - int((magnitudes < cut).sum()) :]] = True
    return stays


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("spread", SPREADS)
def test_that_values_are_read_twice_whatever_their_spread_and_the_mask_is_exact(tmp_path, spread, dtype):
    values = SPREADS[spread]().to(dtype).contiguous()
    save_file({"w": values}, tmp_path / "m.safetensors")
    checkpoint = open_checkpoint(tmp_path / "m.safetensors")
    magnitudes = values.float().abs().numpy()
    order = np.sort(magnitudes)
    for share in SHARES:
        reads: list[str] = []
        in_file = counted(elements_of(checkpoint, "w", threads=2), reads)
        in_memory = counted(elements_in(values, name="memory", threads=2), reads)
        masks = [outcomes("l1_unstructured", share, [one])[0].mask for one in (in_file, in_memory)]
        assert sorted(reads) == ["memory", "memory", "w", "w"]
        assert masks[0] == masks[1]
        assert np.array_equal(masks[0].to_bools(), exactly(magnitudes, order, round(share * SIZE)))


@pytest.mark.parametrize(("left", "dtype"), [(0.5, torch.float16), (0.1, torch.bfloat16), (0.01, torch.float32)])
def test_that_later_rounds_over_unlike_tensors_read_each_of_them_twice(left, dtype):
    """One tensor has most elements and few that are left, the other is dense and of another scale."""
    generator = np.random.default_rng(0)
    first, second = normal().to(dtype), (normal()[:150_000] * 3).to(dtype)
    mask = Mask.from_bools(generator.random(SIZE) < left)
    both = np.concatenate([first.float().abs().numpy(), second.float().abs().numpy()])
    kept = np.concatenate([mask.to_bools(), np.ones(len(second), dtype=bool)])
    order = np.sort(both[kept])
    for share in SHARES:
        reads: list[str] = []
        tensors = [
            counted(elements_in(first, mask, name="a", threads=2), reads),
            counted(elements_in(second, name="b", threads=2), reads),
        ]
        found = np.concatenate([one.mask.to_bools() for one in outcomes("l1_unstructured", share, tensors)])
        assert sorted(reads) == ["a", "a", "b", "b"]
        expected = np.zeros(len(both), dtype=bool)
        expected[kept] = exactly(both[kept], order, round(share * len(order)))
        assert np.array_equal(found, expected)


def test_that_many_small_tensors_are_read_twice():
    generator = torch.Generator().manual_seed(0)
    values = [torch.randn(700, generator=generator) * (place % 7) for place in range(400)]
    magnitudes = torch.cat(values).abs().numpy()
    order = np.sort(magnitudes)
    for share in SHARES:
        reads: list[str] = []
        tensors = [counted(elements_in(one, name=str(place)), reads) for place, one in enumerate(values)]
        found = np.concatenate([one.mask.to_bools() for one in outcomes("l1_unstructured", share, tensors)])
        assert len(reads) == 800
        assert np.array_equal(found, exactly(magnitudes, order, round(share * len(order))))


@pytest.mark.parametrize("method", ["n_m", "threshold", "ln_structured"])
def test_that_methods_that_need_no_cut_among_elements_read_once(method):
    reads: list[str] = []
    elements = counted(elements_in(normal().view(2000, 1000), name="w", threads=2), reads)
    options = {"value": 0.5} if method == "threshold" else {}
    outcomes(method, 0.5, [elements], **options)
    assert reads == ["w"]


def test_that_chance_reads_nothing():
    reads: list[str] = []
    elements = counted(elements_in(torch.ones(2000, 1000), name="w"), reads)
    for method in ("random_unstructured", "random_structured"):
        assert outcomes(method, 0.5, [elements])[0].mask.pruned == 1_000_000
    assert not reads


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("method", "passes"), [("l1_unstructured", 2), ("threshold", 1), ("ln_structured", 1), ("n_m", 1)]
)
def test_that_every_piece_is_told_of_as_passed_the_last_one_too(tmp_path, method, passes, threads):
    """Whether the file is still the same is asked then."""
    save_file({"w": normal().view(1000, 2000)}, tmp_path / "m.safetensors")
    checkpoint = open_checkpoint(tmp_path / "m.safetensors")
    told: list[int] = []
    elements = replace(elements_of(checkpoint, "w", threads=threads, passed=told.append), piece=1 << 17)
    outcomes(method, 0.5, [elements], **({"value": 0.5} if method == "threshold" else {}))
    assert sum(told) == passes * SIZE * 4
