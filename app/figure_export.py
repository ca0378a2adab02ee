"""Figures as PNG and SVG: painted off the GUI thread, written whole or not at all, or given to the clipboard."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QMimeData, QRectF, QSize
from PySide6.QtGui import QColor, QImage, QImageWriter, QPainter
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
_SVG_DPI = 300.0
"""An SVG may be enlarged: pictures of pixels in it are at least so fine."""


@dataclass(frozen=True, slots=True, eq=False)
class Rendered:
    """A finished picture in either form; `svg` is None where only the image was asked for."""

    image: QImage
    svg: bytes | None = None


def rendered(figure: Figure, page: Page, svg: bool) -> Iterator[Rendered | None]:
    """Steps for the view lane that give the picture; raise `PrunerError` where numbers cannot be read."""
    paint = yield from _made(figure, page, page.ratio)
    image = _image(figure, page, paint)
    if not svg:
        yield Rendered(image)
        return
    yield None
    finest = max(page.ratio, _SVG_DPI / page.dpi * page.ratio)
    fine = paint if finest == page.ratio else (yield from _made(figure, page, finest))
    yield Rendered(image, _svg(figure, page, fine))


def saved(figure: Figure, page: Page, path: Path, svg: bool) -> Iterator[Path | None]:
    """Steps for the view lane that write a file; raise `PrunerError` if it cannot be."""
    for found in rendered(figure, page, svg):
        if found is None:
            yield None
            continue
        data = found.svg if found.svg is not None else png(found.image)
        with appearing(path) as partial:
            partial.write_bytes(data)
        yield path


def mime(found: Rendered) -> QMimeData:
    """What the clipboard is given: the image, and the drawing for those who take it."""
    data = QMimeData()
    data.setImageData(found.image)
    data.setData("image/png", png(found.image))
    if found.svg is not None:
        data.setData("image/svg+xml", found.svg)
    return data


def png(image: QImage) -> bytes:
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
    _paint(QPainter(drawing), page, paint)
    return bytes(buffer.data().data()).replace(_SMOOTH, _CRISP)


def _paint(painter: QPainter, page: Page, paint: Paint) -> None:
    painter.fillRect(QRectF(0, 0, page.size.width(), page.size.height()), QColor(page.theme.surface))
    page.header.paint(painter, MARGIN, MARGIN, page.theme)
    painter.setFont(page.header.font)
    paint(painter)
    painter.end()
