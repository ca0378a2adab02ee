"""The window's look: palette, style sheet and icons in the theme's colours."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt, QTemporaryDir
from PySide6.QtGui import QColor, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication

from app.theme import Theme, current
from resources import icon as icon_path

ICON_COLOUR = "#17324D"


def apply(app: QApplication) -> None:
    """Dress the application in the theme of the system's colour scheme."""
    theme = current()
    app.setPalette(palette(theme))
    app.setStyleSheet(style_sheet(theme))


def palette(theme: Theme) -> QPalette:
    """The colours that Qt's own widgets take."""
    roles = QPalette.ColorRole
    colours = {
        roles.Window: theme.window,
        roles.WindowText: theme.ink,
        roles.Base: theme.surface,
        roles.AlternateBase: theme.raised,
        roles.Text: theme.ink,
        roles.Button: theme.surface,
        roles.ButtonText: theme.ink,
        roles.ToolTipBase: theme.surface,
        roles.ToolTipText: theme.ink,
        roles.PlaceholderText: theme.muted,
        roles.Highlight: theme.chosen,
        roles.HighlightedText: theme.ink,
        roles.Link: theme.accent,
        roles.Accent: theme.accent,
    }
    made = QPalette()
    for role, colour in colours.items():
        made.setColor(role, QColor(colour))
    for role in (roles.WindowText, roles.Text, roles.ButtonText):
        made.setColor(QPalette.ColorGroup.Disabled, role, QColor(theme.muted))
    return made


def icon(name: str, colour: str | None = None) -> QIcon:
    """An icon of `resources/icons` in the ink of the theme, or in `colour`."""
    renderer = QSvgRenderer(QByteArray(_svg(name, colour or current().ink).encode()))
    made = QIcon()
    for scale in (1, 2):
        pixmap = QPixmap(QSize(24, 24) * scale)
        pixmap.setDevicePixelRatio(scale)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        renderer.render(painter, QRectF(0, 0, 24, 24))
        painter.end()
        made.addPixmap(pixmap)
    return made


def _svg(name: str, colour: str) -> str:
    return icon_path(name).read_text(encoding="utf-8").replace(ICON_COLOUR, colour)


@cache
def _folder() -> QTemporaryDir:
    """Where icons lie for style sheets, which take images from files only; it goes with the program."""
    return QTemporaryDir()


@cache
def _icon_file(name: str, colour: str) -> str:
    """An icon in a colour, as a file."""
    path = Path(_folder().path()) / f"{name}-{colour.removeprefix('#')}.svg"
    path.write_text(_svg(name, colour), encoding="utf-8")
    return path.as_posix()


def style_sheet(theme: Theme) -> str:
    """Qt style sheet: a grid of 4 pixels, radius 6, lines one pixel and pale."""
    return f"""
    QMainWindow, QDialog {{ background: {theme.window}; }}
    QMainWindow::separator {{ background: {theme.window}; width: 8px; height: 8px; }}
    QMenuBar {{ background: {theme.surface}; padding: 2px 8px; }}
    QMenuBar::item {{ padding: 4px 8px; border-radius: 4px; background: transparent; }}
    QMenuBar::item:selected {{ background: {theme.chosen}; }}
    QMenu {{ background: {theme.surface}; border: 1px solid {theme.line}; padding: 4px; }}
    QMenu::item {{ padding: 5px 24px 5px 12px; border-radius: 4px; }}
    QMenu::item:selected {{ background: {theme.chosen}; color: {theme.ink}; }}
    QMenu::item:disabled {{ color: {theme.muted}; }}
    QMenu::icon {{ padding-left: 8px; }}
    QMenu::separator {{ height: 1px; background: {theme.line}; margin: 4px 8px; }}
    QToolBar {{ background: {theme.surface}; border: none; border-bottom: 1px solid {theme.line};
               padding: 6px 8px; spacing: 6px; }}
    QToolBar::separator {{ background: {theme.line}; width: 1px; margin: 4px 6px; }}
    QToolButton, QPushButton {{ background: {theme.surface}; border: 1px solid {theme.line}; border-radius: 6px;
               padding: 5px 12px; color: {theme.ink}; }}
    QToolButton {{ padding: 5px 8px; }}
    QToolButton:hover, QPushButton:hover {{ border-color: {theme.muted}; }}
    QToolButton:pressed, QPushButton:pressed, QToolButton:checked, QPushButton:checked {{ background: {theme.chosen}; }}
    QToolButton:disabled, QPushButton:disabled {{ color: {theme.muted}; background: {theme.window}; }}
    QToolButton:focus, QPushButton:focus {{ border: 1px solid {theme.accent}; }}
    QToolButton::menu-indicator {{ image: none; }}
    QPushButton[primary="true"] {{ background: {theme.accent}; color: {theme.on_accent};
               border-color: {theme.accent}; font-weight: 600; padding: 6px 16px; }}
    QPushButton[primary="true"]:hover {{ border-color: {theme.ink}; }}
    QPushButton[primary="true"]:focus {{ border: 2px solid {theme.ink}; padding: 5px 15px; }}
    QPushButton[primary="true"]:disabled {{ background: {theme.raised}; color: {theme.muted};
               border-color: {theme.line}; }}
    QPushButton[role="link"], QToolButton[role="link"] {{ background: transparent; border: 1px solid transparent;
               color: {theme.accent}; padding: 2px 4px; text-align: left; }}
    QPushButton[role="link"]:hover, QToolButton[role="link"]:hover {{ text-decoration: underline; }}
    QPushButton[role="link"]:focus, QToolButton[role="link"]:focus {{ border: 1px solid {theme.accent}; }}
    QPushButton[role="link"]:disabled {{ color: {theme.muted}; }}
    QPushButton[tone="warning"], QPushButton[tone="warning"]:disabled {{ color: {theme.warning}; }}
    QLineEdit, QComboBox, QAbstractSpinBox {{ background: {theme.surface}; border: 1px solid {theme.line};
               border-radius: 6px; padding: 5px 8px; color: {theme.ink}; selection-background-color: {theme.accent};
               selection-color: {theme.on_accent}; }}
    QLineEdit:focus, QComboBox:focus, QAbstractSpinBox:focus {{ border-color: {theme.accent}; }}
    QAbstractSpinBox QLineEdit {{ border: none; padding: 0; background: transparent; }}
    QAbstractSpinBox::up-button, QAbstractSpinBox::down-button {{ width: 0; border: none; }}
    QLineEdit[wrong="true"] {{ border: 1px solid {theme.error}; }}
    QLineEdit:disabled, QComboBox:disabled, QAbstractSpinBox:disabled {{ color: {theme.muted};
               background: {theme.window}; }}
    QComboBox::drop-down {{ border: none; width: 20px; }}
    QComboBox::down-arrow {{ image: url({_icon_file("chevron-down", theme.muted)}); width: 14px; height: 14px; }}
    QComboBox QAbstractItemView {{ background: {theme.surface}; border: 1px solid {theme.line};
               selection-background-color: {theme.chosen}; selection-color: {theme.ink}; }}
    QDockWidget {{ color: {theme.ink}; font-weight: 600; }}
    QDockWidget::title {{ background: {theme.window}; padding: 4px 8px; }}
    QWidget[card="true"], QFrame[card="true"] {{ background: {theme.surface}; border: 1px solid {theme.line};
               border-radius: 8px; }}
    QTreeView, QTableView, QListView, QPlainTextEdit, QListWidget {{ background: {theme.surface};
               border: 1px solid {theme.line}; border-radius: 8px; alternate-background-color: {theme.raised};
               selection-background-color: {theme.chosen}; selection-color: {theme.ink}; outline: none; }}
    QTreeView:focus, QTableView:focus, QListView:focus {{ border-color: {theme.accent}; }}
    QTreeView::item, QListView::item {{ min-height: 26px; }}
    QTreeView::item:selected, QListView::item:selected, QTableView::item:selected {{ background: {theme.chosen};
               color: {theme.ink}; }}
    QHeaderView {{ background: {theme.surface}; border: none; }}
    QHeaderView::section {{ background: {theme.surface}; color: {theme.muted}; border: none;
               border-bottom: 1px solid {theme.line}; padding: 5px 6px; font-weight: 600; }}
    QTabWidget::pane {{ border: none; border-top: 1px solid {theme.line}; }}
    QTabBar::tab {{ background: transparent; color: {theme.muted}; padding: 7px 10px; border: none;
               border-bottom: 2px solid transparent; }}
    QTabBar::tab:selected {{ color: {theme.accent}; border-bottom: 2px solid {theme.accent}; font-weight: 600; }}
    QTabBar::tab:hover {{ color: {theme.ink}; }}
    QTabBar::tab:focus {{ border-bottom: 2px solid {theme.ink}; }}
    QTabBar QToolButton {{ padding: 0; }}
    QTabBar QToolButton::left-arrow {{ image: url({_icon_file("chevron-left", theme.muted)}); }}
    QTabBar QToolButton::right-arrow {{ image: url({_icon_file("chevron-right", theme.muted)}); }}
    QTabBar::tear {{ width: 0; }}
    QStatusBar {{ background: {theme.surface}; border-top: 1px solid {theme.line}; color: {theme.muted}; }}
    QStatusBar::item {{ border: none; }}
    QStatusBar QLabel {{ color: {theme.muted}; padding: 0 8px; }}
    QProgressBar {{ background: {theme.line}; border: none; border-radius: 4px; max-height: 8px; min-height: 8px;
               text-align: center; }}
    QProgressBar::chunk {{ background: {theme.accent}; border-radius: 4px; }}
    QAbstractScrollArea::corner {{ background: {theme.surface}; border: none; }}
    QTableCornerButton::section {{ background: {theme.surface}; border: none; }}
    QSlider {{ min-height: 24px; }}
    QSlider::groove:horizontal {{ height: 4px; background: {theme.line}; border-radius: 2px; }}
    QSlider::sub-page:horizontal {{ background: {theme.accent}; border-radius: 2px; }}
    QSlider::handle:horizontal {{ width: 16px; height: 16px; margin: -7px 0; border-radius: 9px;
               background: {theme.surface}; border: 2px solid {theme.accent}; }}
    QSlider::handle:horizontal:focus {{ background: {theme.accent}; }}
    QSlider::sub-page:horizontal:disabled {{ background: {theme.line}; }}
    QSlider::handle:horizontal:disabled {{ border-color: {theme.muted}; }}
    QCheckBox, QRadioButton {{ spacing: 8px; }}
    QCheckBox::indicator, QRadioButton::indicator, QTableView::indicator {{ width: 14px; height: 14px;
               border: 1px solid {theme.muted}; background: {theme.surface}; }}
    QCheckBox::indicator, QTableView::indicator {{ border-radius: 4px; }}
    QRadioButton::indicator {{ border-radius: 8px; }}
    QCheckBox::indicator:checked, QTableView::indicator:checked {{ background: {theme.accent};
               border-color: {theme.accent}; image: url({_icon_file("check", theme.on_accent)}); }}
    QRadioButton::indicator:checked {{ border: 5px solid {theme.accent}; width: 6px; height: 6px; }}
    QCheckBox:focus, QRadioButton:focus {{ color: {theme.accent}; }}
    QLabel[role="title"] {{ font-weight: 600; }}
    QLabel[role="muted"] {{ color: {theme.muted}; }}
    QLabel[role="warning"] {{ color: {theme.warning}; }}
    QLabel[role="error"] {{ color: {theme.error}; }}
    QScrollBar:vertical {{ background: transparent; width: 10px; margin: 0; }}
    QScrollBar:horizontal {{ background: transparent; height: 10px; margin: 0; }}
    QScrollBar::handle {{ background: {theme.line}; border-radius: 5px; min-height: 24px; min-width: 24px; }}
    QScrollBar::handle:hover {{ background: {theme.muted}; }}
    QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
    QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
    QToolTip {{ background: {theme.surface}; color: {theme.ink}; border: 1px solid {theme.line}; padding: 4px; }}
    """
