"""Figures as PNG and SVG: painted off the GUI thread, written whole or not at all, or given to the clipboard."""

from __future__ import annotations

import base64
import re
from collections.abc import Container, Generator, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QMimeData, QPointF, QRectF, QSize
from PySide6.QtGui import QColor, QImage, QImageWriter, QPainter, QStandardItemModel
from PySide6.QtSvg import QSvgGenerator

from app.figure import MARGIN, Figure, Paint, Sheet, body_below
from app.figure_form import Page
from app.plain import clipped
from pruner import PrunerError, __version__
from pruner.files import appearing

SOFTWARE = f"Secateur {__version__}"
_MOST_LETTERS = 300
_PER_METRE = 1 / 0.0254
_SMOOTH = b'image-rendering="optimizeSpeed"'
_CRISP = _SMOOTH + b' style="image-rendering:crisp-edges;image-rendering:pixelated"'
"""Browsers blur what is enlarged unless they are told so by the newer names."""
_STAND_IN_DATA = rb'base64,[^"]*"'
_SVG_DPI = 300.0
"""An SVG may be enlarged: pictures of pixels in it are at least so fine."""


@dataclass(frozen=True, slots=True, eq=False)
class Rendered:
    """A finished picture: to be seen, and as files where those were asked for."""

    image: QImage
    png: bytes = b""
    svg: bytes = b""


def rendered(figure: Figure, page: Page, files: Container[str] = ()) -> Iterator[Rendered | None]:
    """Steps for the view lane that give the picture, with the `files` (png, svg) that are asked for.

    They raise `PrunerError` where numbers cannot be read.
    """
    paint = yield from _made(figure, page, page.ratio)
    image = _image(figure, page, paint)
    yield None
    png = _png(image) if "png" in files else b""
    if "svg" not in files:
        yield Rendered(image, png)
        return
    yield None
    finest = max(page.ratio, _SVG_DPI / page.dpi * page.ratio)
    fine = paint if finest == page.ratio else (yield from _made(figure, page, finest))
    yield Rendered(image, png, _svg(figure, page, fine))


def saved(figure: Figure, page: Page, path: Path, file: str) -> Iterator[Path | None]:
    """Steps for the view lane that write a file, png or svg; raise `PrunerError` if it cannot be."""
    for found in rendered(figure, page, [file]):
        if found is None:
            yield None
            continue
        with appearing(path) as partial:
            partial.write_bytes(found.png or found.svg)
        yield path


def copies(figure: Figure, page: Page) -> Iterator[Rendered | None]:
    """Steps for the view lane that give all that the clipboard is given."""
    return rendered(figure, page, ["png", "svg"])


def mime(found: Rendered) -> QMimeData:
    """What `copies` give, for the clipboard: the image, and the drawing for those who take it.

    The clipboard keeps its data beyond the end of Python, where data that Python made crash when they are deleted; so
    Qt makes them, as those of a model's entry.
    """
    model = QStandardItemModel(1, 1)
    data = model.mimeData([model.index(0, 0)])
    for form in data.formats():
        data.removeFormat(form)
    data.setImageData(found.image)
    data.setData("image/png", found.png)
    data.setData("image/svg+xml", found.svg)
    return data


def _png(image: QImage) -> bytes:
    """An image as a PNG file's bytes, with its texts."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    writer = QImageWriter(buffer, QByteArray(b"png"))
    if not writer.write(image):
        raise PrunerError(f"The picture cannot be written as PNG: {writer.errorString()}.")
    return bytes(buffer.data().data())


def _made(figure: Figure, page: Page, ratio: float) -> Generator[None, None, Paint]:
    sheet = Sheet(body_below(page.header, page.size), ratio, page.theme, page.header.font)
    for paint in figure.make(sheet):
        if paint is not None:
            return paint
        yield None
    raise PrunerError("There is nothing to take a picture of.")


def _image(figure: Figure, page: Page, paint: Paint) -> QImage:
    image = QImage(QSize(*page.pixels), QImage.Format.Format_RGB32)
    if image.isNull():
        raise PrunerError("There is not enough memory for a picture of that size.")
    image.setDevicePixelRatio(page.ratio)
    _paint(QPainter(image), page, paint)
    image.setDevicePixelRatio(1)
    image.setDotsPerMeterX(round(page.dpi * _PER_METRE))
    image.setDotsPerMeterY(round(page.dpi * _PER_METRE))
    image.setText("Title", clipped(figure.title, _MOST_LETTERS))
    image.setText("Description", clipped(figure.subtitle, _MOST_LETTERS))
    image.setText("Software", SOFTWARE)
    return image


def _svg(figure: Figure, page: Page, paint: Paint) -> bytes:
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    drawing = QSvgGenerator()
    drawing.setOutputDevice(buffer)
    drawing.setResolution(round(page.dpi))
    drawing.setSize(QSize(*page.pixels))
    drawing.setViewBox(QRectF(0, 0, page.size.width(), page.size.height()))
    drawing.setTitle(clipped(figure.title, _MOST_LETTERS))
    drawing.setDescription(f"{clipped(figure.subtitle, _MOST_LETTERS)} ({SOFTWARE})")
    painter = _DrawingPainter(drawing)
    _paint(painter, page, paint)
    parts = re.split(_STAND_IN_DATA, bytes(buffer.data().data()).replace(_SMOOTH, _CRISP))
    images = [b"base64," + base64.b64encode(_png(image)) + b'"' for image in painter.images]
    return b"".join(part for pair in zip_longest(parts, images, fillvalue=b"") for part in pair)


class _DrawingPainter(QPainter):
    """Draws a pixel in place of each image, and keeps the image.

    Qt's drawing would encode it while it holds Python's lock, and the window would stand still for so long.
    """

    def __init__(self, device: QSvgGenerator) -> None:
        super().__init__(device)
        self.images: list[QImage] = []

    def drawImage(self, place: QRectF | QPointF, image: QImage) -> None:  # type: ignore[override]  # those in use
        size = image.deviceIndependentSize()
        self.images.append(image.copy())
        stand_in = QImage(1, 1, QImage.Format.Format_RGB32)
        stand_in.fill(0)
        super().drawImage(place if isinstance(place, QRectF) else QRectF(place, size), stand_in)


def _paint(painter: QPainter, page: Page, paint: Paint) -> None:
    painter.fillRect(QRectF(0, 0, page.size.width(), page.size.height()), QColor(page.theme.surface))
    page.header.paint(painter, MARGIN, MARGIN, page.theme)
    painter.setFont(page.header.font)
    paint(painter)
    painter.end()
