"""Reports: numbers that are the pruning's, a page that is sound whatever names say, a table that reads back."""

import csv
import hashlib
import json
import math
import re
import zlib
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

import pruner
from pruner import Cancelled, PrunerError
from pruner.cli import main
from pruner.report.gathering import MOST_PICTURES, gather
from pruner.report.markup import element
from pruner.report.png import png_of
from pruner.report.words import THIN

EVIL = {
    "<script>alert(1)</script>.weight": (8, 8),
    'a"onload="x.&amp;</title><b>': (6, 6),
    "=HYPERLINK(1)": (5,),
    "-1+1": (4,),
    "line\nbreak\u202e\x00.weight": (4, 4),
}
VOID = {"meta", "img", "wbr"}


class Page(HTMLParser):
    """A page as a browser takes it: its elements in order, with the text of each; whether it is well-formed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.sections: dict[str, list[list[str]]] = {}
        self.words: list[str] = []
        self._rows: list[list[str]] = []
        self._heading = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "h2":
            self._heading = ""
        if tag == "tr":
            self._rows.append([])
        if tag in ("td", "th"):
            self._rows[-1].append("")
        if tag == "div" and self.open[-2] in ("td", "th") and self._rows[-1][-1]:
            self._rows[-1][-1] += "|"

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag == "h2":
            self._rows = self.sections.setdefault(self._heading, [])

    def handle_data(self, data):
        self.words.append(data)
        if "h2" in self.open:
            self._heading += data
        elif "tr" in self.open:
            self._rows[-1][-1] += data


@pytest.fixture
def model(tmp_path):
    """A checkpoint with convolutions, a buffer, and what is zero already."""
    torch.manual_seed(0)
    state = {
        "conv.weight": torch.randn(8, 3, 3, 3),
        "conv.bias": torch.randn(8),
        "norm.num_batches_tracked": torch.tensor(7),
        "fc.weight": torch.randn(12, 20),
        "fc.bias": torch.zeros(12),
    }
    state["conv.weight"][2] = 0
    state["fc.weight"][0, :2] = torch.tensor([float("nan"), float("inf")])
    torch.save(state, tmp_path / "net.pt")
    checkpoint = pruner.open_checkpoint(tmp_path / "net.pt")
    pruning = pruner.prune(checkpoint, pruner.Plan.match(checkpoint, {"*.weight": 0.3}))
    plan = pruner.Plan.match(checkpoint, {"fc.weight": 3}, method="ln_structured")
    return checkpoint, pruner.prune(checkpoint, plan, after=pruning), state


def page_of(checkpoint, pruning, path: Path, saved=None) -> tuple[Page, str]:
    pruner.report(checkpoint, pruning, path, saved)
    text = path.read_text(encoding="utf-8")
    return Page(text), text


def rows_of(path: Path) -> dict[str, dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def test_that_the_page_tells_the_numbers_of_the_pruning(model, tmp_path):
    checkpoint, pruning, _ = model
    saved = pruner.save(checkpoint, pruning, tmp_path / "out.pt")
    page, _ = page_of(checkpoint, pruning, tmp_path / "r.html", saved)
    _, *rows, total = page.sections["What was pruned"]
    assert [(row[0], row[3], row[4], row[5]) for row in rows] == [
        (name, str(one.numel), str(one.pruned), f"{one.zeros_before}|{one.zeros}")
        for name, one in pruning.tensors.items()
    ]
    assert rows[1][2] == "L1 unstructured, 30%|Ln structured, 3"
    assert total[4] == str(sum(one.pruned for one in pruning.tensors.values()))
    assert [row[-1] for row in rows] == ["1", "3"]
    assert [(row[0], row[-1]) for row in page.sections["Rounds"][1:]] == [
        ("1", str(65 + 72)),
        ("2", str(pruning["fc.weight"].rounds[1].pruned)),
    ]
    files = {row[1]: row[3] for row in page.sections["Files"][1:]}
    assert files == {name: hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in ("net.pt", "out.pt")}
    assert {
        row[0] for row in page.sections["Left as they are"][1:]
    } == checkpoint.tensors.keys() - pruning.tensors.keys()
    versions = dict(page.sections["Versions"])
    assert versions["torch"] == torch.__version__
    assert versions["Device"] == "cpu"


def test_that_the_recipe_on_the_page_prunes_the_same_again(model, tmp_path):
    checkpoint, pruning, _ = model
    _, text = page_of(checkpoint, pruning, tmp_path / "r.html")
    code = ElementTree.fromstring(re.search(r"<pre>(.*)</pre>", text, re.DOTALL)[1]).text
    again = pruner.Recipe.parse(code).apply(checkpoint)
    assert all(again[name].mask == one.mask for name, one in pruning.tensors.items())


def test_that_the_table_tells_what_numpy_counts(model, tmp_path):
    checkpoint, pruning, state = model
    saved = pruner.save(checkpoint, pruning, tmp_path / "out.pt")
    pruner.report(checkpoint, pruning, tmp_path / "r.csv", saved)
    rows = rows_of(tmp_path / "r.csv")
    after = torch.load(tmp_path / "out.pt", weights_only=True)
    assert list(rows) == list(state)
    for name, row in rows.items():
        kept = pruning[name].mask.to_tensor() if name in pruning else torch.ones_like(state[name], dtype=torch.bool)
        masked = state[name].double().where(kept, 0.0)
        for side, values in (("before", state[name].double()), ("after", masked)):
            finite = values[values.isfinite()]
            assert int(row[f"zeros_{side}"]) == int((values == 0).sum())
            assert float(row[f"sparsity_{side}"]) == int((values == 0).sum()) / values.numel()
            assert float(row[f"min_{side}"]) == float(finite.min())
            assert float(row[f"max_{side}"]) == float(finite.max())
            assert float(row[f"mean_{side}"]) == pytest.approx(float(finite.mean()), abs=1e-12)
            assert float(row[f"l2_{side}"]) == pytest.approx(float(finite.norm()))
        assert int(row["pruned"]) == int((~kept).sum())
        assert int(row["zeros_after"]) == int((after[name] == 0).sum())
    assert (rows["fc.weight"]["method"], rows["fc.weight"]["amount"]) == ("l1_unstructured; ln_structured", "30%; 3")
    assert (rows["fc.weight"]["nan"], rows["fc.weight"]["inf"]) == ("1", "1")
    assert float(rows["fc.weight"]["threshold"]) == pruning["fc.weight"].rounds[-1].threshold
    assert rows["conv.bias"]["method"] == rows["conv.bias"]["threshold"] == rows["conv.bias"]["dead_channels"] == ""


def test_that_names_stay_text_and_no_cell_is_a_formula(tmp_path):
    save_file({name: torch.randn(shape) for name, shape in EVIL.items()}, tmp_path / "<b>&.safetensors")
    checkpoint = pruner.open_checkpoint(tmp_path / "<b>&.safetensors")
    pruning = pruner.prune(checkpoint, pruner.Plan.match(checkpoint, {"*": 0.5}))
    page, text = page_of(checkpoint, pruning, tmp_path / "r.html")
    assert {tag for tag, _ in page.elements} & {"script", "a", "link", "iframe", "object"} == set()
    assert not any(key.startswith("on") for _, attributes in page.elements for key in attributes)
    shown = {row[0] for row in page.sections["What was pruned"][1:-1]}
    assert shown == {name.replace("\n", "\\n").replace("\u202e", "\\u202e").replace("\x00", "\\x00") for name in EVIL}
    for picture in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        ElementTree.fromstring(picture)
    addresses = [attributes["src"] for _, attributes in page.elements if "src" in attributes]
    assert all(one.startswith("data:image/png;base64,") for one in addresses)
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    pruner.report(checkpoint, pruning, tmp_path / "r.csv")
    rows = rows_of(tmp_path / "r.csv")
    assert {name.removeprefix("'") for name in rows} == EVIL.keys()
    assert not any(name.startswith(("=", "+", "-", "@")) for name in rows)


@settings(max_examples=50)
@given(st.text(), st.text())
def test_that_no_text_becomes_markup(words, value):
    made = element("p", words, title=value)
    found = Page(made)
    assert found.elements[0][0] == "p"
    assert len(found.elements) == 1


def test_that_every_picture_says_in_words_what_it_shows(model, tmp_path):
    checkpoint, pruning, _ = model
    page, text = page_of(checkpoint, pruning, tmp_path / "r.html")
    pictures = [attributes for tag, attributes in page.elements if tag == "svg"]
    ids = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    assert len(pictures) == 2 + 2
    assert all(set(one["aria-labelledby"].split()) <= ids for one in pictures)
    assert all(attributes["alt"] for tag, attributes in page.elements if tag == "img")
    assert text.count("<title>") - 1 >= len(checkpoint.tensors)  # the page's own, and one a rectangle
    bars = re.search(r'<svg[^>]*aria-labelledby="histogram-1-title.*?</svg>', text, re.DOTALL)[0]
    assert f"pruned: {pruning['fc.weight'].pruned} of 240 elements. Magnitudes reach to " in bars


def test_that_histograms_and_maps_hold_every_element(model):
    checkpoint, pruning, _ = model
    for one in gather(checkpoint, pruning).pruned:
        drawn = one.picture
        counts = drawn.histogram
        not_finite = one.before.nan + one.before.inf
        assert (
            int(counts.kept.sum() + counts.pruned.sum()) + counts.zeros + counts.zeros_pruned == one.numel - not_finite
        )
        assert np.nansum(drawn.density) == one.numel - one.pruned
        assert drawn.block == 1


def places_of(shape: tuple[int, ...], columns: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows and columns of all elements by flat index: a matrix, filters output × input, or a line in rows."""
    flat = np.arange(math.prod(shape))
    if len(shape) == 4:
        out, into, y, x = np.unravel_index(flat, shape)
        return out * shape[2] + y, into * shape[3] + x
    return np.divmod(flat, columns if len(shape) == 1 else shape[1])


@pytest.mark.parametrize("shape", [(2000, 1300), (64, 3, 7, 7), (40_000,), (3, 700), (5, 1)])
def test_that_maps_tell_the_true_density_of_each_block(tmp_path, shape):
    torch.manual_seed(1)
    torch.save({"w": torch.randn(shape)}, tmp_path / "w.pt")
    checkpoint = pruner.open_checkpoint(tmp_path / "w.pt")
    pruning = pruner.prune(checkpoint, pruner.Plan.match(checkpoint, {"w": 0.6}))
    (one,) = gather(checkpoint, pruning).pruned
    drawn, layout = one.picture, one.picture.layout
    block, (rows, columns) = drawn.block, drawn.density.shape
    assert max(rows, columns) <= 160
    kept, there = np.zeros((2, rows * block, columns * block))
    places = places_of(shape, layout.columns)
    kept[places], there[places] = pruning["w"].mask.to_bools().reshape(-1), 1
    sums = [part.reshape(rows, block, columns, block).sum((1, 3)) for part in (kept, there)]
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(drawn.density, sums[0] / sums[1], rtol=1e-6)


def test_that_a_png_has_a_pixel_for_each_share():
    image = png_of(np.array([[0, 1, 0.5], [np.nan, 0.001, 0.999]], np.float32))
    length = int.from_bytes(image[image.index(b"IDAT") - 4 : image.index(b"IDAT")], "big")
    lines = zlib.decompress(image[image.index(b"IDAT") + 4 :][:length])
    assert list(lines) == [0, 254, 0, 127, 0, 255, 253, 1]
    from PySide6.QtGui import QImage

    read = QImage.fromData(image)
    assert [read.pixelColor(x, 0).name() for x in (0, 1)] == ["#e3c9a0", "#17324d"]
    assert read.pixelColor(0, 1).alpha() == 0


def test_that_the_same_input_gives_the_same_bytes_and_no_place_of_this_machine(model, tmp_path):
    checkpoint, pruning, _ = model
    saved = pruner.save(checkpoint, pruning, tmp_path / "out.pt")
    for ending in ("html", "csv"):
        pruner.report(checkpoint, pruning, tmp_path / f"a.{ending}", saved)
        again = pruner.open_checkpoint(tmp_path / "net.pt")
        pruner.report(again, pruning, tmp_path / f"b.{ending}", saved)
        assert (tmp_path / f"a.{ending}").read_bytes() == (tmp_path / f"b.{ending}").read_bytes()
        assert str(tmp_path).encode() not in (tmp_path / f"a.{ending}").read_bytes()


def test_that_only_the_largest_get_pictures_and_the_page_says_so(tmp_path):
    torch.save({f"l{n}.weight": torch.randn(10 + n) for n in range(30)}, tmp_path / "many.pt")
    checkpoint = pruner.open_checkpoint(tmp_path / "many.pt")
    pruning = pruner.prune(checkpoint, pruner.Plan.match(checkpoint, {"*": 0.5}))
    page, text = page_of(checkpoint, pruning, tmp_path / "r.html")
    assert sum(tag == "img" for tag, _ in page.elements) == MOST_PICTURES
    assert f"Drawn are the {MOST_PICTURES} largest of 30 pruned tensors." in "".join(page.words)
    assert "Histogram of the magnitudes of l29.weight" in text
    assert "Histogram of the magnitudes of l5.weight" not in text


def test_that_tensors_without_elements_or_numbers_are_told_too(tmp_path):
    state = {"w": torch.randn(4, 4), "empty": torch.empty(0, 3), "scalar": torch.tensor(0.0)}
    state["sparse"] = torch.eye(3).to_sparse()
    torch.save(state, tmp_path / "odd.pt")
    checkpoint = pruner.open_checkpoint(tmp_path / "odd.pt")
    pruning = pruner.prune(checkpoint, pruner.Plan.match(checkpoint, {"w": 1.0}))
    page, _ = page_of(checkpoint, pruning, tmp_path / "r.html")
    left = {row[0]: row for row in page.sections["Left as they are"]}
    assert left["sparse"][-1] == left["empty"][-1] == "–"
    assert left["scalar"][-1] == f"100{THIN}%"
    assert any("“w” has lost all of its 16 elements." in word for word in page.words)


def test_that_a_report_cancelled_at_any_step_leaves_nothing(model, tmp_path):
    checkpoint, pruning, _ = model
    before = sorted(tmp_path.iterdir())
    calls = []
    pruner.report(checkpoint, pruning, tmp_path / "r.html", progress=lambda *state: calls.append(state))
    (tmp_path / "r.html").unlink()
    assert calls[-1][0] == calls[-1][1]
    for last in range(0, len(calls), 3):
        left = iter(range(last))

        def stop(*_: object, left=left) -> None:
            if next(left, None) is None:
                raise Cancelled

        with pytest.raises(Cancelled):
            pruner.report(checkpoint, pruning, tmp_path / "r.html", progress=stop)
        assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("r.pdf", "ends in .html"),
        ("none/r.html", "no such folder"),
        ("net.csv", "source itself"),
        ("there.html", "exists already"),
        ("folder.html", "one file"),
    ],
)
def test_that_a_name_that_cannot_be_is_refused_before_any_work(tmp_path, name, says):
    np.save(tmp_path / "net.npy", np.ones(4, np.float32))
    (tmp_path / "net.npy").rename(tmp_path / "net.csv")
    (tmp_path / "there.html").touch()
    (tmp_path / "folder.html").mkdir()
    checkpoint = pruner.open_checkpoint(tmp_path / "net.csv")

    def refused(*_: object) -> None:
        pytest.fail("work began")

    with pytest.raises(PrunerError, match=says):
        pruner.report(checkpoint, pruner.Pruning(), tmp_path / name, overwrite=False, progress=refused)


@pytest.fixture
def folder(model, tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


PRUNE = ["prune", "net.pt", "-o", "out.pt", "--amount", "fc.weight=30%"]


def test_that_the_command_writes_both_kinds_and_says_so(folder, capfd):
    assert main([*PRUNE, "--report", "r.html", "--report", "r.csv", "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert told["reports"] == ["r.html", "r.csv"]
    digest = hashlib.sha256((folder / "out.pt").read_bytes()).hexdigest()
    assert digest in (folder / "r.html").read_text(encoding="utf-8")
    row = rows_of(folder / "r.csv")["fc.weight"]
    (one,) = told["tensors"]
    assert (int(row["pruned"]), float(row["threshold"])) == (one["pruned"], one["threshold"])
    assert main([*PRUNE, "--report", "r.html", "--force"]) == 0
    assert capfd.readouterr().out.endswith("Wrote r.html.\n")


@pytest.mark.parametrize(
    ("more", "status", "says"),
    [
        (["--report", "r.txt"], 2, "ends in neither .html"),
        (["--report", "-"], 2, "cannot stand for a pipe"),
        (["--report", "none/r.html"], 1, "no such folder"),
        (["--report", "there.html"], 1, "exists already"),
        (["--report", "r.html", "--report", "r.html"], 1, "names of their own"),
        (["--script", "r.html", "--report", "r.html"], 1, "names of their own"),
    ],
)
def test_that_a_wrong_report_is_refused_before_the_work_begins(folder, capfd, more, status, says):
    (folder / "there.html").touch()
    before = sorted(folder.iterdir())
    assert main([*PRUNE, *more]) == status
    assert says in capfd.readouterr().err
    assert sorted(folder.iterdir()) == before


def test_that_shards_and_files_of_masks_are_hashed_each(folder):
    torch.save({"fc.weight": torch.ones(12, 20)}, "masks.pt")
    arguments = ["prune", "net.pt", "-o", "out", "--shard-size", "1000", "--method", "custom_from_mask"]
    assert main([*arguments, "--option", "file=masks.pt", "--tensors", "fc.weight", "--report", "r.html"]) == 0
    rows = Page((folder / "r.html").read_text(encoding="utf-8")).sections["Files"][1:]
    named = {row[1]: row[3] for row in rows}
    shards = {f"out/{path.name}": path for path in (folder / "out").iterdir()}
    assert named.keys() == {"net.pt", "masks.pt", *shards}
    for name, path in {"masks.pt": folder / "masks.pt", **shards}.items():
        assert named[name] == hashlib.sha256(path.read_bytes()).hexdigest()


@settings(max_examples=20)
@given(st.lists(st.floats(width=32), min_size=2, max_size=40), st.integers(0, 40))
def test_that_figures_before_and_after_agree_with_numpy(tmp_path_factory, values, count):
    path = tmp_path_factory.mktemp("figures") / "w.pt"
    torch.save({"w": torch.tensor(values)}, path)
    checkpoint = pruner.open_checkpoint(path)
    pruning = pruner.prune(checkpoint, pruner.Plan.match(checkpoint, {"w": min(count, len(values))}))
    (one,) = gather(checkpoint, pruning, pictures=False).tensors
    array = np.array(values, np.float32).astype(np.float64)
    kept = pruning["w"].mask.to_bools()
    for figures, numbers in ((one.before, array), (one.after, np.where(kept, array, 0.0))):
        finite = numbers[np.isfinite(numbers)]
        assert (figures.nan, figures.inf) == (np.isnan(numbers).sum(), np.isinf(numbers).sum())
        assert figures.zeros == (numbers == 0).sum()
        assert figures.minimum == (finite.min() if len(finite) else None)
        assert figures.l1 == pytest.approx(np.abs(finite).sum())
    assert one.zeros_before == one.before.zeros
    assert one.zeros == one.after.zeros
