"""Where one looks at a plane from: the place in the middle and the size of an element on the screen."""

from __future__ import annotations

from dataclasses import dataclass, replace

from PySide6.QtCore import QPointF, QRectF

from pruner.pyramid import Area, Layout

MOST_PIXELS = 160.0
"""The largest size of an element on the screen, in pixels."""
_MARGIN = 0.02


@dataclass(frozen=True, slots=True)
class Camera:
    """The column `x` and row `y` of the plane in the middle of a pane, and the pixels of an element's side."""

    x: float
    y: float
    scale: float

    @classmethod
    def fitting(cls, layout: Layout, width: float, height: float) -> Camera:
        """The camera that sees all of the plane in a pane of that size."""
        scale = min(width / max(layout.columns, 1), height / max(layout.rows, 1)) * (1 - 2 * _MARGIN)
        return cls(layout.columns / 2, layout.rows / 2, max(min(scale, MOST_PIXELS), 1e-9))

    def to_plane(self, pane: QRectF, point: QPointF) -> QPointF:
        """The column and row at a point of the screen."""
        middle = pane.center()
        return QPointF(self.x + (point.x() - middle.x()) / self.scale, self.y + (point.y() - middle.y()) / self.scale)

    def to_screen(self, pane: QRectF, left: float, top: float, wide: float = 1, high: float = 1) -> QRectF:
        """Where a rectangle of the plane lies on the screen."""
        middle = pane.center()
        return QRectF(
            middle.x() + (left - self.x) * self.scale,
            middle.y() + (top - self.y) * self.scale,
            wide * self.scale,
            high * self.scale,
        )

    def seen(self, pane: QRectF) -> QRectF:
        """The rectangle of the plane that a pane shows, beyond the tensor's edges too."""
        wide, high = pane.width() / self.scale, pane.height() / self.scale
        return QRectF(self.x - wide / 2, self.y - high / 2, wide, high)

    def area(self, pane: QRectF, layout: Layout, margin: float = 0.0) -> Area:
        """The elements that a pane shows, and so much of its size around them."""
        seen = self.seen(pane)
        across, down = seen.width() * margin, seen.height() * margin
        wanted = Area(
            int(max(seen.top() - down, 0)),
            int(max(seen.left() - across, 0)),
            int(max(seen.bottom() + down, 0)) + 1,
            int(max(seen.right() + across, 0)) + 1,
        )
        return wanted.within(layout.whole)

    def zoomed(self, pane: QRectF, point: QPointF, factor: float, least: float) -> Camera:
        """The camera nearer by a factor, with the same place of the plane under a point."""
        scale = max(least, min(self.scale * factor, MOST_PIXELS))
        at = self.to_plane(pane, point)
        share = self.scale / scale
        return Camera(at.x() + (self.x - at.x()) * share, at.y() + (self.y - at.y()) * share, scale)

    def moved(self, by: QPointF) -> Camera:
        """The camera after the picture was dragged by so many pixels."""
        return replace(self, x=self.x - by.x() / self.scale, y=self.y - by.y() / self.scale)

    def within(self, layout: Layout) -> Camera:
        """The camera with something of the plane in the middle."""
        return replace(self, x=min(max(self.x, 0.0), layout.columns), y=min(max(self.y, 0.0), layout.rows))

    def block(self, ratio: float) -> int:
        """The smallest power of two whose block covers a pixel; `ratio` is the screen's own pixels of one of ours."""
        block = 1
        while block * self.scale * ratio < 1 - 1e-6:
            block *= 2
        return block
