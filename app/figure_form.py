"""In which form a picture is taken away: file format, size, colours, with or without title; the last is remembered."""

from __future__ import annotations

from dataclasses import dataclass, fields

from PySide6.QtCore import QSettings, QSizeF
from PySide6.QtGui import QFont, QFontInfo, QGuiApplication

from app.figure import MARGIN, Figure, Header
from app.theme import DARK, LIGHT, Theme, current

FORMATS = {"png": "PNG", "svg": "SVG"}
COLOURS = {"window": "As the window", "light": "Light", "dark": "Dark"}
_LETTERS = 13
"""The height of letters in units of a sheet, for which views are designed."""
_POINTS = 7.0
"""The height of letters on paper."""
_MM = 72 / 25.4
_PRINT_DPI = 300.0
_SETTINGS = "picture"


@dataclass(frozen=True, slots=True)
class Size:
    """A preset: `title` for the box, width and height in units of a sheet, `ratio` pixels to a unit.

    Without a `height` the figure has what becomes it; without a `width`, too, the size that it has on the screen.
    """

    title: str
    width: float | None = None
    height: float | None = None
    ratio: float = 1.0
    dpi: float = 96.0


def _paper(title: str, millimetres: float) -> Size:
    """Its units are those in which letters of 13 have their height on paper."""
    unit = _POINTS / _LETTERS
    return Size(title, millimetres * _MM / unit, None, _PRINT_DPI / 72 * unit, _PRINT_DPI)


SIZES = {
    "slide": Size("Slide, 16:9", 960, 540, 2, 144),
    "column": _paper("Paper, one column (85 mm)", 85),
    "page": _paper("Paper, two columns (178 mm)", 178),
    "screen": Size("As on screen"),
}


@dataclass(frozen=True, slots=True)
class Form:
    """The choice that a user made."""

    format: str = "png"
    size: str = "slide"
    colours: str = "window"
    titled: bool = True

    @classmethod
    def remembered(cls) -> Form:
        """The last choice, as far as it is one that there is."""
        settings, first = QSettings(), cls()
        found = {one.name: str(settings.value(f"{_SETTINGS}/{one.name}", "")) for one in fields(cls)}
        return cls(
            found["format"] if found["format"] in FORMATS else first.format,
            found["size"] if found["size"] in SIZES else first.size,
            found["colours"] if found["colours"] in COLOURS else first.colours,
            found["titled"] != "false",
        )

    def remember(self) -> None:
        """Offer this choice the next time."""
        for one in fields(self):
            value = getattr(self, one.name)
            QSettings().setValue(f"{_SETTINGS}/{one.name}", str(value).lower() if isinstance(value, bool) else value)

    @property
    def theme(self) -> Theme:
        """The colours that it asks for."""
        return {"light": LIGHT, "dark": DARK}.get(self.colours) or current()

    def page(self, figure: Figure) -> Page:
        """The page for a figure. It looks at the screen, so it is for the GUI thread."""
        preset, font = SIZES[self.size], QFont(QGuiApplication.font())
        on_screen = preset.width is None
        font.setFamilies([font.family(), "sans-serif"])  # where an SVG is opened may be no such letters
        font.setPixelSize(QFontInfo(font).pixelSize() if on_screen else _LETTERS)
        width = figure.size.width() + 2 * MARGIN if preset.width is None else preset.width
        texts = (figure.title, figure.subtitle) if self.titled else ("", "")
        header = Header(*texts, width - 2 * MARGIN, font)
        height = preset.height
        if height is None:
            body = figure.size.height() if on_screen else figure.height(width - 2 * MARGIN, font)
            height = body + header.height + 2 * MARGIN
        screen = QGuiApplication.primaryScreen()
        ratio = screen.devicePixelRatio() if on_screen and screen is not None else preset.ratio
        return Page(QSizeF(width, height), ratio, preset.dpi * (ratio if on_screen else 1), header, self.theme)


@dataclass(frozen=True, slots=True)
class Page:
    """A sheet with its margins and header; `ratio` pixels to a unit, `dpi` pixels to an inch."""

    size: QSizeF
    ratio: float
    dpi: float
    header: Header
    theme: Theme

    @property
    def pixels(self) -> tuple[int, int]:
        """Width and height of the finished picture."""
        return round(self.size.width() * self.ratio), round(self.size.height() * self.ratio)

    @property
    def millimetres(self) -> tuple[float, float]:
        """Width and height where it is printed at its own size."""
        width, height = self.pixels
        return width / self.dpi * 25.4, height / self.dpi * 25.4
