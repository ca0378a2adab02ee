"""Layouts, blocks and colours of the map, as a user chooses them."""

import math

import numpy as np
import pytest
import torch
from PySide6.QtCore import QPointF, QSettings, Qt
from PySide6.QtWidgets import QMenu, QSpinBox

from app.colour_maps import SIGNED, UNSIGNED, signed_colours, unsigned_colours
from app.map_colours import ramp
from app.map_look import LookButton
from app.map_view import MapView
from app.theme import DARK, LIGHT
from pruner.pyramid import Bands
from tests.gui.test_map import check_drawn, look, masks, move, only, put, settle, view, wheel

__all__ = ["view"]


def titles(view: MapView) -> dict[str, object]:
    """What the menu View offers, its submenus' too."""
    menu = view.look.menu()
    menu.aboutToShow.emit()
    actions = [*menu.actions(), *(one for sub in menu.findChildren(QMenu) for one in sub.actions())]
    return {action.text().partition("\t")[0]: action for action in actions}


def choose(qtbot, view: MapView, title: str) -> None:
    """Choose something in the menu View."""
    titles(view)[title].trigger()
    settle_made(qtbot, view)


def settle_made(qtbot, view: MapView) -> None:
    """Wait until the picture that is to be looked at is drawn."""
    shape = view.canvas.picture.layout.shape

    def there() -> bool:
        shown = view.canvas.picture
        return (shown.layout, shown.pyramid.aggregate) == view.wanted(shape) and not view.canvas._asked

    qtbot.waitUntil(there, timeout=10_000)
    settle(qtbot, view)


def arranged(qtbot, view: MapView, path, values: torch.Tensor, kept: torch.Tensor | None) -> None:
    """Show a tensor in the layout that was chosen."""
    put(view, path, values, kept)
    qtbot.waitUntil(lambda: view.canvas.picture is not None and view.canvas.picture.layout.shape == values.shape)
    settle_made(qtbot, view)


def banded(kept: torch.Tensor, layout: Bands) -> np.ndarray:
    """The rows in bands beside each other, NaN between them."""
    out = np.full((layout.rows, layout.columns), np.nan)
    for band, rows in enumerate(torch.split(kept, layout.length)):
        left = band * layout.step
        out[: len(rows), left : left + kept.shape[1]] = rows.numpy()
    return out


@pytest.mark.parametrize("name", [*masks(8, 8), "one"])
@pytest.mark.parametrize("kind", ["turned", "slices", "bands"])
def test_that_pixels_have_the_computed_density_in_every_layout(qtbot, view, tmp_path, kind, name):
    shape = (240, 130, 3, 3) if kind != "bands" else (6000, 40)
    if name == "one":
        flat = torch.zeros(math.prod(shape), dtype=torch.bool)
        flat[math.prod(shape) // 2 + 9 * 50 + 5] = True
    else:
        flat = masks(shape[0], math.prod(shape[1:]) + 2)[name][:, : math.prod(shape[1:])].reshape(-1)
    kept = flat.reshape(shape)
    arranged(qtbot, view, tmp_path / "m.pt", torch.randn(shape), kept)
    only(qtbot, view, "mask")
    if kind == "turned":
        choose(qtbot, view, "Filters, input × output")
        plane = kept.permute(1, 2, 0, 3).reshape(130 * 3, 240 * 3).numpy()
    elif kind == "slices":
        choose(qtbot, view, "Slices")
        for dim, place in ((2, 1), (3, 2)):
            view.slices.sliders[dim][1].setValue(place)
        settle_made(qtbot, view)
        plane = kept[:, :, 1, 2].numpy()
    else:
        assert isinstance(view.canvas.picture.layout, Bands)
        plane = banded(kept, view.canvas.picture.layout)
    view.canvas.point(None)
    for _ in range(5):
        if name != "one":  # rings are drawn over the blocks around a single element
            assert check_drawn(view, plane) > 10
        tile = view.canvas.tile
        share = tile.kept / np.maximum(tile.elements, 1)
        for row, column in np.argwhere(tile.elements > 0)[:: max(1, tile.elements.size // 50)]:
            top, left = tile.area.top + row * tile.block, tile.area.left + column * tile.block
            assert share[row, column] == pytest.approx(
                np.nanmean(plane[top : top + tile.block, left : left + tile.block])
            )
        wheel(view, view.canvas.panes[0].area.center(), 4)
        settle(qtbot, view)


def test_that_sliders_choose_the_slice_and_the_cursor_tells_its_elements(qtbot, view, tmp_path):
    values = torch.randn(9, 7, 4, 5)
    look(qtbot, view, tmp_path / "m.pt", values, torch.rand(9, 7, 4, 5) < 0.5)
    only(qtbot, view, "before")
    assert not view.slices.isVisible()
    choose(qtbot, view, "Slices")
    assert view.slices.isVisible()
    slider = view.slices.sliders[2][0]
    slider.setFocus()
    for _ in range(3):
        qtbot.keyClick(slider, Qt.Key.Key_Right)
    settle_made(qtbot, view)
    assert view.slices.sliders[2][1].value() == 3
    move(qtbot, view, 6.5, 2.5)
    value = f"{float(values[6, 2, 3, 0]):.4g}".replace("-", "−")
    assert view.said[-1].startswith(f"out 6, in 2, ky 3, kx 0 · {value}")
    assert np.array_equal(view.canvas.tile.before, values[:, :, 3, 0].numpy())
    view.slices.down.setFocus()
    qtbot.keyClick(view.slices.down, Qt.Key.Key_End)  # kx down the plane
    settle_made(qtbot, view)
    assert np.array_equal(view.canvas.tile.before, values[0, :, 3, :].T.numpy())
    view.slices.across.setFocus()
    qtbot.keyClick(view.slices.across, Qt.Key.Key_End)  # what is down already changes its place
    settle_made(qtbot, view)
    assert np.array_equal(view.canvas.tile.before, values[0, :, 3, :].numpy())


def test_that_what_is_gone_to_is_found_in_another_slice(qtbot, view, tmp_path):
    values, kept = torch.randn(9, 7, 4, 5), torch.zeros(9, 7, 4, 5, dtype=torch.bool)
    kept[5, 3, 2, 4] = True
    look(qtbot, view, tmp_path / "m.pt", values, kept)
    choose(qtbot, view, "Slices")
    view.canvas.setFocus()
    qtbot.keyClick(view.canvas, Qt.Key.Key_K)
    value = f"{float(values[5, 3, 2, 4]):.4g}".replace("-", "−")
    qtbot.waitUntil(lambda: view.said and view.said[-1] == f"out 5, in 3, ky 2, kx 4 · {value}", timeout=5000)
    assert [view.slices.sliders[dim][1].value() for dim in (2, 3)] == [2, 4]
    qtbot.keyClick(view.canvas, Qt.Key.Key_G)
    qtbot.keyClicks(view.goto, "8, 6, 3, 1")
    qtbot.keyClick(view.goto, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: view.said[-1].startswith("out 8, in 6, ky 3, kx 1"), timeout=5000)
    assert view.canvas.marked == (8, 6)


def test_that_a_layout_is_remembered_for_tensors_of_as_many_dimensions(qtbot, view, tmp_path):
    look(qtbot, view, tmp_path / "a.pt", torch.randn(6, 5, 3, 3), None)
    choose(qtbot, view, "Filters, input × output")
    look(qtbot, view, tmp_path / "b.pt", torch.randn(50, 40), None)
    assert view.canvas.tile.layout.shape == (50, 40)
    assert "Slices" not in titles(view)
    arranged(qtbot, view, tmp_path / "c.pt", torch.arange(7 * 4 * 9.0).reshape(7, 4, 3, 3), None)
    assert view.canvas.tile.layout.where(view.canvas.tile.layout.whole) == "in 0–3, out 0–6"
    assert view.canvas.tile.before[3, 0] == 9  # in 1, out 0


def test_that_thin_tensors_lie_in_bands_unless_that_is_switched_off(qtbot, view, tmp_path):
    values = torch.randn(3000, 20)
    arranged(qtbot, view, tmp_path / "m.pt", values, None)
    layout = view.canvas.picture.layout
    assert layout.rows < 600
    assert view.canvas.camera.scale > 0.5
    row, column = layout.place(2999 * 20 + 7)
    move(qtbot, view, row + 0.5, column + 0.5)
    view.canvas.mark(row, column)
    settle(qtbot, view)
    value = f"{float(values[2999, 7]):.4g}".replace("-", "−")
    assert view.canvas.describe(column + 0.5, row + 0.5) == f"row 2999, column 7 · {value}"
    assert view.canvas.describe(20.5, 3.5) == "", "nothing is between bands"
    choose(qtbot, view, "In bands where it is thin")
    assert view.canvas.picture.layout.whole.rows == 3000
    assert not LookButton().bands, "the choice is kept"


def test_that_the_rows_of_a_line_are_as_long_as_one_wants(qtbot, view, tmp_path):
    values = torch.randn(1000)
    look(qtbot, view, tmp_path / "m.pt", values, None)
    view.look.menu().aboutToShow.emit()
    view.look.menu().findChild(QSpinBox, "run").setValue(100)
    settle_made(qtbot, view)
    assert np.array_equal(view.canvas.tile.before, values.reshape(10, 100).numpy())


def test_that_a_mean_is_drawn_within_a_shade_and_tells_what_it_is(qtbot, view, tmp_path):
    values = torch.randn(640, 800) + torch.linspace(-2, 2, 800)
    values[10, 10] = math.nan
    kept = torch.rand(640, 800) < 0.5
    look(qtbot, view, tmp_path / "m.pt", values, kept)
    only(qtbot, view, "after")
    choose(qtbot, view, "Mean")
    canvas, tile = view.canvas, view.canvas.tile
    assert tile.block > 1
    after = torch.where(kept, values, 0.0).nan_to_num(0).double().numpy()
    means = after.reshape(640 // tile.block, tile.block, 800 // tile.block, tile.block).mean((1, 3))
    colours = {int(colour): shade for shade, colour in enumerate(ramp("after", LIGHT, view.look.scheme)[:255])}
    image, pane = canvas.grab().toImage(), canvas.panes[0]
    seen = set()
    for row, column in np.ndindex(means.shape):
        box = pane.camera.to_screen(pane.area, column * tile.block, row * tile.block, tile.block, tile.block)
        pixel = box.center().toPoint()
        inside = box.adjusted(0.01, 0.01, -0.01, -0.01).contains(QPointF(pixel.x() + 0.5, pixel.y() + 0.5))
        if inside and pane.area.contains(box):
            shade = colours[image.pixel(pixel)]
            truth = 127 + 127 * max(-1, min(1, means[row, column] / tile.scale))
            assert abs(shade - truth) <= 1, (row, column, means[row, column], tile.after[row, column], tile.block)
            seen.add(shade)
    assert len(seen) > 50
    move(qtbot, view, 300, 400)
    assert " · mean " in view.said[-1]
    choose(qtbot, view, "Value of largest magnitude")
    assert canvas.tile.aggregate == "extreme"


def test_that_magnitudes_have_a_map_from_0_and_colours_are_kept(qtbot, view, tmp_path):
    values = torch.randn(8, 8)
    look(qtbot, view, tmp_path / "m.pt", values, None)
    choose(qtbot, view, "Largest magnitude")
    choose(qtbot, view, "batlow")
    drawn = view.canvas._drawn
    wanted = unsigned_colours("batlow", LIGHT)
    shades = np.rint(np.minimum(values.abs().numpy() / drawn.tile.scale, 1) * 254).astype(int)
    assert np.array_equal(drawn.colours["before"], wanted[shades])
    choose(qtbot, view, "vik")
    kept = LookButton().scheme
    assert (kept.shows, kept.signed, kept.unsigned) == ("magnitude", "vik", "batlow")
    QSettings().setValue("map/signed", "no such map")
    assert LookButton().scheme.signed == "red-blue"


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_that_zero_is_next_to_the_ground_in_every_map(qapp, theme):
    def lightness(colour: int) -> float:
        return 0.2126 * (colour >> 16 & 255) + 0.7152 * (colour >> 8 & 255) + 0.0722 * (colour & 255)

    for colours, zero in [
        *((signed_colours(name, theme), 127) for name in SIGNED),
        *((unsigned_colours(name, theme), 0) for name in UNSIGNED),
    ]:
        assert len(colours) == 255
        ends = [lightness(int(colours[place])) for place in (0, 254) if place != zero]
        middle = lightness(int(colours[zero]))
        assert all(middle < end for end in ends) if theme.dark else all(middle > end for end in ends)
