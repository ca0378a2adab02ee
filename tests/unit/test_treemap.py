"""The treemap: areas add up, nothing overlaps, modules hold what they own."""

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pruner.checkpoint import Storage, TensorInfo, contiguous_stride
from pruner.module_tree import ModuleNode, build_tree, modules_from_names
from pruner.treemap import Box, Rectangle, Treemap, squarify, treemap

parts = st.sampled_from(["a", "b", "c", "0", "1", "weight"])
names = st.lists(parts, min_size=1, max_size=6).map(".".join)
sides = st.floats(1, 5000)
models = st.dictionaries(names, st.integers(0, 10**12), min_size=1, max_size=40)


def tree_of(sizes: dict[str, int]):
    infos = [
        TensorInfo(name, "tensor", "float32", (size,), contiguous_stride((size,)), Storage(Path("m.pt"), 0, 4 * size))
        for name, size in sizes.items()
    ]
    return build_tree(modules_from_names(sizes), infos)


def area(one: Rectangle | Box) -> float:
    return (one.right - one.x) * (one.bottom - one.y)


def tensors_of(laid: Treemap) -> list[Rectangle]:
    return [one for one in laid.rectangles if not one.is_module]


def overlap(one: Rectangle, other: Rectangle) -> float:
    width = min(one.right, other.right) - max(one.x, other.x)
    height = min(one.bottom, other.bottom) - max(one.y, other.y)
    return max(0.0, width) * max(0.0, height)


@given(models, sides, sides)
@settings(deadline=None)
def test_that_areas_are_to_each_other_as_elements_are(sizes, width, height):
    laid = treemap(tree_of(sizes), width, height)
    total = sum(sizes.values())
    assert {one.name: one.numel for one in tensors_of(laid)} == {name: size for name, size in sizes.items() if size}
    for one in laid.rectangles:
        assert area(one) == pytest.approx(width * height * one.numel / total, rel=1e-6, abs=1e-6)


@given(models, sides, sides, st.sampled_from([0, 14]))
@settings(deadline=None)
def test_that_what_a_module_owns_fills_it_below_its_header_and_does_not_overlap(sizes, width, height, header):
    laid = treemap(tree_of(sizes), width, height, header)
    owned: dict[int, list[Rectangle]] = {}
    for place, one in enumerate(laid.rectangles):
        assert one.parent < place
        owned.setdefault(one.parent, []).append(one)
    assert len(owned.get(-1, [])) <= 1
    for place, module in enumerate(laid.rectangles):
        below = owned.get(place, [])
        assert bool(below) == module.is_module
        for one in below:
            assert one.depth == module.depth + 1
            assert one.name.startswith(f"{module.name}." if module.name else "")
            assert module.x <= one.x <= one.right <= module.right
            assert module.y + module.header <= one.y <= one.bottom <= module.bottom
        if below:
            inside = module.width * (module.height - module.header)
            assert sum(map(area, below)) == pytest.approx(inside, rel=1e-9, abs=1e-6)
            assert all(overlap(a, b) <= 1e-6 for i, a in enumerate(below) for b in below[:i])


@given(st.lists(st.integers(1, 10**15), min_size=1, max_size=60), sides, sides)
@settings(deadline=None)
def test_that_neighbours_share_their_edges_to_the_last_bit(sizes, width, height):
    sizes.sort(reverse=True)
    boxes = list(squarify(sizes, Box(0.0, 0.0, width, height)))
    assert len(boxes) == len(sizes)
    lefts, tops = {one.x for one in boxes}, {one.y for one in boxes}
    assert all(one.right in lefts | {width} and one.bottom in tops | {height} for one in boxes)


def test_that_the_paper_s_example_comes_out_as_in_the_paper():
    """Sizes 6, 6, 4, 3, 2, 2, 1 in 6 by 4 (figure 4 of the paper)."""
    boxes = list(squarify([6, 6, 4, 3, 2, 2, 1], Box(0.0, 0.0, 6.0, 4.0)))
    assert [tuple(round(edge, 2) for edge in one) for one in boxes[:4]] == [
        (0, 0, 3, 2),
        (0, 2, 3, 4),
        (3, 0, 4.71, 2.33),
        (4.71, 0, 6, 2.33),
    ]


def test_that_equal_sizes_are_nearly_square():
    boxes = squarify([1] * 100, Box(0.0, 0.0, 1000.0, 700.0))
    ratios = [(one.right - one.x) / (one.bottom - one.y) for one in boxes]
    assert sum(0.5 < ratio < 2 for ratio in ratios) >= 90  # what is left for the last row has no choice


def test_that_headers_are_only_where_there_is_room():
    sizes = {f"large.{place}.weight": 10_000 for place in range(3)} | {f"small.{place}.w": 1 for place in range(3)}
    found = {one.name: one for one in treemap(tree_of(sizes), 300, 200, 16).rectangles}
    assert found[""].header == 0
    assert found["large"].header == 16
    assert found["small"].header == 0


def test_that_a_module_that_owns_one_module_alone_has_no_rectangle():
    found = [one.name for one in treemap(tree_of({"a.b.c.weight": 3, "a.b.d.weight": 4}), 10, 10).rectangles]
    assert found[0] == "a.b"
    assert sorted(found[1:]) == ["a.b.c", "a.b.c.weight", "a.b.d", "a.b.d.weight"]


def test_that_nothing_is_laid_out_where_nothing_is():
    assert treemap(tree_of({"empty": 0}), 10, 10).rectangles == ()
    assert treemap(tree_of({"full": 5}), 0, 10).rectangles == ()


def test_that_names_nest_deeper_than_pythons_stack():
    weight = tree_of({"w": 1}).tensors
    node = ModuleNode("m", "m", None, (), weight, 1)
    for depth in range(2, 3000):
        node = ModuleNode("m", "m", None, (node,), weight, depth)
    laid = treemap(node, 1000, 1000, 14)
    assert max(one.depth for one in laid.rectangles) == 2999
    assert sum(map(area, tensors_of(laid))) <= 1e6


def test_that_time_grows_hardly_faster_than_the_number_of_tensors():
    def seconds(count: int) -> float:
        tree = tree_of({f"m.{place // 8}.{place % 8}.weight": 1 + place * 7919 % 10_007 for place in range(count)})
        times = []
        for _ in range(3):
            begun = time.perf_counter()
            treemap(tree, 1400, 400, 14)
            times.append(time.perf_counter() - begun)
        return min(times)

    assert seconds(20_000) < 40 * seconds(1_000)
