"""The map of a tensor, as a user looks around in it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QWheelEvent
from PySide6.QtWidgets import QApplication

import pruner
from app.map_view import MapView
from app.theme import LIGHT, choose
from pruner import Mask
from pruner.picture import Picture, picture
from pruner.steps import finish


@pytest.fixture
def view(qtbot, session):
    choose("light")
    view = MapView(session.view)
    qtbot.addWidget(view)
    view.resize(900, 420)
    view.show()
    view.said = []
    view.pointed.connect(view.said.append)
    yield view
    choose("system")


def put(view: MapView, path: Path, values: torch.Tensor, kept: torch.Tensor | None) -> Picture:
    """Give a tensor to the view."""
    torch.save({"w": values}, path)
    mask = None if kept is None else Mask.from_bools(kept.contiguous().numpy())
    made = finish(picture(pruner.open_checkpoint(path), "w", mask))
    view.show_picture(made, keep_view=False)
    return made


def look(qtbot, view: MapView, path: Path, values: torch.Tensor, kept: torch.Tensor | None) -> Picture:
    """Show a tensor and wait for its tile."""
    made = put(view, path, values, kept)
    settle(qtbot, view)
    assert view.canvas.picture is made
    return made


def settle(qtbot, view: MapView) -> None:
    """Wait until the tile for the view is there."""
    qtbot.waitUntil(lambda: not view.canvas._asked, timeout=10_000)
    qtbot.wait(10)
    qtbot.waitUntil(lambda: not view.canvas._asked, timeout=10_000)


def only(qtbot, view: MapView, *parts: str) -> None:
    """Show some of the pictures alone, by their buttons."""
    for part in sorted(view.parts.buttons, key=lambda part: part not in parts):
        if view.parts.buttons[part].isChecked() != (part in parts):
            view.parts.buttons[part].click()
    settle(qtbot, view)
    assert [pane.part for pane in view.canvas.panes] == list(parts)


def wheel(view: MapView, point: QPointF, notches: int) -> None:
    canvas = view.canvas
    for _ in range(abs(notches)):
        turn = QPoint(0, 120 if notches > 0 else -120)
        where = canvas.mapToGlobal(point)
        none = Qt.MouseButton.NoButton
        event = QWheelEvent(
            point, where, QPoint(), turn, none, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False
        )
        QApplication.sendEvent(canvas, event)


def move(qtbot, view: MapView, row: float, column: float, pane: int = 0) -> None:
    """Point at a place of the plane."""
    shown = view.canvas.panes[pane]
    qtbot.mouseMove(view.canvas, shown.camera.to_screen(shown.area, column, row, 0, 0).topLeft().toPoint())


def grey(colour: QColor) -> float:
    """Where a drawn colour lies from all pruned (0) to all kept (255), by its red."""
    sand, ink = QColor(LIGHT.pruned).red(), QColor(LIGHT.kept).red()
    return 255 * (colour.red() - sand) / (ink - sand)


def check_drawn(view: MapView, kept: np.ndarray) -> int:
    """Compare the pixels on the screen, in the middle of each block, with densities computed from the elements."""
    shown = next(pane for pane in view.canvas.panes if pane.part == "mask")
    tile, image = view.canvas.tile, view.canvas.grab().toImage()
    seen = shown.camera.area(shown.area, tile.layout)
    size, count = tile.block, 0
    assert size * shown.camera.scale >= 1 - 1e-6
    for top in range(seen.top // size * size, seen.bottom, size * max(1, seen.rows // size // 23)):
        for left in range(seen.left // size * size, seen.right, size * max(1, seen.columns // size // 23)):
            block = kept[top : top + size, left : left + size]
            if np.isnan(block).all():
                continue
            high, wide = block.shape
            place = shown.camera.to_screen(shown.area, left, top, wide, high)
            pixel = place.center()
            inside = place.contains(QPointF(int(pixel.x()) + 0.5, int(pixel.y()) + 0.5))
            if inside and shown.area.adjusted(1, 1, -1, -1).contains(pixel):
                drawn = grey(image.pixelColor(int(pixel.x()), int(pixel.y())))
                assert abs(drawn - 255 * np.nanmean(block)) <= 1 + 255 / 204 / 2, (top, left)
                count += 1
    return count


def masks(rows: int, columns: int) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {
        "random": torch.rand(rows, columns) < 0.3,
        "structured": (torch.arange(rows)[:, None] % 5 != 0).expand(rows, columns),
        "2:4": torch.tensor([True, True, False, False]).repeat(rows, columns // 4),
        "diagonal": torch.eye(rows, columns, dtype=torch.bool),
    }


@pytest.mark.parametrize("name", masks(8, 8))
def test_that_pixels_on_the_screen_have_the_computed_density_at_every_zoom(qtbot, view, tmp_path, name):
    kept = masks(1200, 1600)[name]
    look(qtbot, view, tmp_path / "m.pt", torch.randn(1200, 1600), kept)
    only(qtbot, view, "mask")
    view.canvas.leaveEvent(None)
    blocks = set()
    for _ in range(12):
        assert check_drawn(view, kept.numpy()) > 20
        blocks.add(view.canvas.tile.block)
        wheel(view, view.canvas.panes[0].area.center(), 2)
        settle(qtbot, view)
    assert blocks >= {1, 2, 4}


def test_that_a_single_kept_element_among_many_is_seen_and_found(qtbot, view, tmp_path):
    kept = torch.zeros(4000, 6000, dtype=torch.bool)
    kept[3210, 4567] = True
    look(qtbot, view, tmp_path / "m.pt", torch.randn(4000, 6000), kept)
    only(qtbot, view, "mask")
    tile, shown = view.canvas.tile, view.canvas.panes[0]
    assert tile.block >= 8
    top, left = 3210 // tile.block * tile.block, 4567 // tile.block * tile.block
    middle = shown.camera.to_screen(shown.area, left, top, tile.block, tile.block).center()
    image = view.canvas.grab().toImage()
    pixel, sand = image.pixelColor(int(middle.x()), int(middle.y())), QColor(LIGHT.pruned)
    assert pixel != sand
    ring = [image.pixelColor(int(middle.x()) + x, int(middle.y()) + y) for x in range(-8, 9) for y in range(-8, 9)]
    assert any(abs(one.red() - QColor(LIGHT.accent).red()) < 40 for one in ring), "a ring makes it easy to see"
    move(qtbot, view, 3210.5, 4567.5)
    assert f"1 of {tile.block**2}".replace("1024", "1\u202f024") in view.said[-1]
    view.canvas.setFocus()
    view._origin = None
    qtbot.keyClick(view.canvas, Qt.Key.Key_K)
    qtbot.waitUntil(lambda: view.said[-1].startswith("row 3210, column 4567 · "), timeout=5000)
    assert view.canvas.tile.block == 1


def test_that_the_wheel_zooms_around_the_cursor_and_dragging_moves_all_pictures(qtbot, view, tmp_path):
    look(qtbot, view, tmp_path / "m.pt", torch.randn(500, 400), torch.rand(500, 400) < 0.5)
    shown = view.canvas.panes[1]
    point = shown.area.center() + QPointF(20, 30)
    before = shown.camera.to_plane(shown.area, point)
    wheel(view, point, 6)
    settle(qtbot, view)
    shown = view.canvas.panes[1]
    after = shown.camera.to_plane(shown.area, point)
    assert (after.x(), after.y()) == (pytest.approx(before.x()), pytest.approx(before.y()))
    assert view.canvas.camera.scale > 2
    start = point.toPoint()
    qtbot.mousePress(view.canvas, Qt.MouseButton.LeftButton, pos=start)
    qtbot.mouseMove(view.canvas, start + QPoint(-30, 12))
    qtbot.mouseRelease(view.canvas, Qt.MouseButton.LeftButton, pos=start + QPoint(-30, 12))
    for pane in view.canvas.panes:
        assert pane.camera.to_plane(pane.area, pane.area.center()).x() == view.canvas.camera.x
    assert view.canvas.camera.x == pytest.approx(shown.camera.x + 30 / shown.camera.scale)
    view.fit()
    assert view.canvas.camera.x == 200
    view.one_to_one()
    assert view.canvas.camera.scale == pytest.approx(1 / view.canvas.devicePixelRatioF())


def test_that_the_cursor_tells_index_and_value_in_every_picture(qtbot, view, tmp_path):
    values, kept = torch.randn(6, 5, 3, 3), torch.rand(6, 5, 3, 3) < 0.5
    look(qtbot, view, tmp_path / "m.pt", values, kept)
    for pane in range(3):
        for out, inside, y, x in ((0, 0, 0, 0), (5, 4, 2, 1), (2, 3, 1, 2)):
            move(qtbot, view, 3 * out + y + 0.5, 3 * inside + x + 0.5, pane)
            value = f"{float(values[out, inside, y, x]):.4g}".replace("-", "−")
            end = "" if kept[out, inside, y, x] else " → pruned"
            assert view.said[-1] == f"out {out}, in {inside}, ky {y}, kx {x} · {value}{end}"
    qtbot.mouseMove(view.canvas, QPoint(1, view.canvas.height() - 2))
    assert view.said[-1] == ""


def test_that_an_index_is_gone_to_and_a_wrong_one_is_refused(qtbot, view, tmp_path):
    values = torch.randn(300, 700)
    look(qtbot, view, tmp_path / "m.pt", values, None)
    view.canvas.setFocus()
    qtbot.keyClick(view.canvas, Qt.Key.Key_G)
    qtbot.keyClicks(view.goto, "211, 604")
    qtbot.keyClick(view.goto, Qt.Key.Key_Return)
    value = f"{float(values[211, 604]):.4g}".replace("-", "−")
    qtbot.waitUntil(lambda: view.said[-1] == f"row 211, column 604 · {value}")
    assert view.canvas.camera.area(view.canvas.panes[0].area, view.canvas.tile.layout).rows < 30
    for wrong in ("211, 700", "1, 2, 3", "here", "300, 0"):
        view.goto.selectAll()
        qtbot.keyClicks(view.goto, wrong)
        qtbot.keyClick(view.goto, Qt.Key.Key_Return)
        assert view.goto.property("wrong"), wrong
    assert view.canvas.marked == (211, 604)
    view.goto.selectAll()
    qtbot.keyClicks(view.goto, "5")
    qtbot.keyClick(view.goto, Qt.Key.Key_Return)
    assert view.canvas.marked == (0, 5)


def test_that_the_next_pruned_and_the_next_kept_are_found_one_after_another(qtbot, view, tmp_path):
    kept = torch.ones(50, 40, dtype=torch.bool)
    for place in ((3, 7), (3, 8), (49, 39)):
        kept[place] = False
    look(qtbot, view, tmp_path / "m.pt", torch.randn(50, 40), kept)
    view.canvas.setFocus()
    for place in ((3, 7), (3, 8), (49, 39), (3, 7)):
        qtbot.keyClick(view.canvas, Qt.Key.Key_P)
        qtbot.waitUntil(lambda place=place: view.canvas.marked == place)
    qtbot.waitUntil(lambda: view.said[-1].endswith("→ pruned"))
    qtbot.keyClick(view.canvas, Qt.Key.Key_K)
    qtbot.waitUntil(lambda: view.canvas.marked == (3, 9))
    look(qtbot, view, tmp_path / "n.pt", torch.randn(5, 4), None)
    qtbot.keyClick(view.canvas, Qt.Key.Key_P)
    qtbot.waitUntil(lambda: view.said[-1] == "Nothing is pruned.")


def test_that_at_least_one_picture_is_shown_and_the_difference_can_be(qtbot, view, tmp_path):
    values, kept = torch.randn(30, 20), torch.rand(30, 20) < 0.5
    look(qtbot, view, tmp_path / "m.pt", values, kept)
    only(qtbot, view, "difference")
    view.parts.buttons["difference"].click()
    assert view.parts.buttons["difference"].isChecked()
    settle(qtbot, view)
    assert np.array_equal(view.canvas.tile.difference, torch.where(kept, 0.0, values).numpy())
    only(qtbot, view, "before", "mask", "after", "difference")


def test_that_numbers_are_written_into_large_cells(qtbot, view, tmp_path):
    look(qtbot, view, tmp_path / "m.pt", torch.full((8, 8), 0.5), None)
    only(qtbot, view, "before")
    shown = view.canvas.panes[0]
    while view.canvas.camera.scale < 60:
        wheel(view, shown.area.center(), 1)
    settle(qtbot, view)
    image, shown = view.canvas.grab().toImage(), view.canvas.panes[0]
    cell = shown.camera.to_screen(shown.area, 4, 4).adjusted(4, 4, -4, -4).toRect()
    colours = {image.pixel(x, y) for x in range(cell.left(), cell.right()) for y in range(cell.top(), cell.bottom())}
    assert len(colours) > 2, "text has edges"


def test_that_a_theme_draws_the_pictures_again(qtbot, view, tmp_path):
    look(qtbot, view, tmp_path / "m.pt", torch.randn(8, 8), torch.zeros(8, 8, dtype=torch.bool))
    only(qtbot, view, "mask")
    choose("dark")
    view.canvas._need()
    settle(qtbot, view)
    assert view.canvas._drawn.theme.dark


def test_that_pictures_chosen_while_a_tensor_is_on_its_way_do_not_lose_it(qtbot, view, tmp_path):
    look(qtbot, view, tmp_path / "m.pt", torch.randn(50, 40), None)
    wheel(view, view.canvas.panes[0].area.center(), 9)
    torch.save({"w": torch.randn(9, 5)}, tmp_path / "n.pt")
    made = finish(picture(pruner.open_checkpoint(tmp_path / "n.pt"), "w", None))
    view.show_picture(made, keep_view=False)
    view.show_picture(made, keep_view=True)
    view.parts.buttons["mask"].click()
    settle(qtbot, view)
    assert view.canvas.picture is made
    assert view.canvas.tile.layout.shape == (9, 5)
    assert (view.canvas.camera.x, view.canvas.camera.y) == (2.5, 4.5)
