"""The main window: docks, menus and the toolbar; it holds no state of the document."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QEvent, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QIcon
from PySide6.QtWidgets import QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from app.actions import Actions
from app.amount_panel import AmountPanel
from app.banner import Banner
from app.check_panel import CheckPanel
from app.chooser import Chooser
from app.comparing import PANEL, Comparing
from app.docks import Docks
from app.dressing import choose_theme
from app.dropping import accept_files, dropped_file
from app.figure import Figure
from app.figure_menu import copy_figure, figure_at, save_figure
from app.file_panel import FilePanel
from app.help import show_about, show_help
from app.log_panel import JobsPanel, MessagesPanel
from app.menus import build_menus
from app.messages import Message
from app.method_actions import MethodActions
from app.offers import offer
from app.palette import Palette
from app.recent import remember
from app.recipe_actions import ENDING, RecipeActions
from app.report_actions import ReportActions
from app.session import Session
from app.start_page import StartPage
from app.state_dict_panel import StateDictPanel
from app.status_bar import StatusBar
from app.tensor_panel import TensorPanel
from app.toolbar import ToolBar
from app.tree_panel import TreePanel
from app.unsaved import Unsaved
from app.verdicts import has_dangerous
from app.whole_model_panel import WholeModelPanel
from resources import demo_model, icon


class MainWindow(QMainWindow):
    """One document, four places: what the model is, the selected tensor, the decision about it, the whole."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.setAcceptDrops(True)
        self.setWindowIcon(QIcon(str(icon("secateur"))))
        self.setDockOptions(QMainWindow.DockOption.AnimatedDocks | QMainWindow.DockOption.AllowTabbedDocks)
        self.chooser = Chooser(session, self, self.open)
        self.recipes = RecipeActions(session, self)
        self.reports = ReportActions(session, self)
        self.actions_ = Actions(self, self._commands() | self.recipes.commands() | self.reports.commands())
        self.recipes.offer(self.actions_)
        self.reports.offer(self.actions_)
        self.choices = MethodActions(session, self)
        self.tree = TreePanel(session, self)
        self.tensor = TensorPanel(session, self)
        self.file = FilePanel(session, self)
        self.comparing = Comparing(session, self.tensor, lambda title: self._docks.raise_panel(title), self)
        self.banner = Banner(self)
        self.start = StartPage(self)
        self._unsaved = Unsaved(session, self, self.save)
        self._build_centre()
        self._docks = self._build_docks()
        build_menus(self.menuBar(), self.actions_, self.choices, self._docks.toggles(), self.open)
        self.tools = ToolBar(session, self.actions_, self)
        self.addToolBar(self.tools)
        self._status = StatusBar(session, self)
        self.setStatusBar(self._status)
        self._connect()
        self.resize(1440, 900)
        self._docks.reset()
        self._docks.restore()
        self.actions_.dress()
        self._refresh()

    # What commands do

    def _commands(self) -> dict[str, Callable[[], object]]:
        session = self.session
        return {
            "open": self.chooser.choose_file,
            "open_folder": self.chooser.choose_folder,
            "open_demo": lambda: self.open(demo_model()),
            "compare": lambda: self.comparing.compare(),
            "reload": self.reload,
            "show_file": lambda: self._docks.raise_panel("File"),
            "examine": self.examine,
            "save": self.save,
            "save_picture": lambda: save_figure(session, self._figure(), self),
            "quit": self.close,
            "undo": session.undo,
            "redo": session.redo,
            "copy_picture": lambda: copy_figure(session, self._figure()),
            "filter": lambda: self.tree.focus_filter(),
            "select_all": lambda: self.tree.select_candidates(),
            "prune": session.prune,
            "cancel": session.work.cancel,
            "again": session.plan_again,
            "clear": lambda: session.set_amounts(list(session.amounts), None),
            "reset_layout": lambda: self._docks.reset(),
            "theme_system": partial(choose_theme, "system"),
            "theme_light": partial(choose_theme, "light"),
            "theme_dark": partial(choose_theme, "dark"),
            "help": partial(show_help, self),
            "part": lambda: self.tree.toggle_part(),
            "palette": lambda: Palette([*self.actions_, *self.choices], self).show(),
            "about": partial(show_about, self),
        }

    def _figure(self) -> Figure | None:
        return figure_at(self.focusWidget(), self.tensor)

    def open(self, path: Path, root: str | None = None) -> None:
        """Open a checkpoint, after asking about pruning that is not saved; a job at hand is not cut short for it."""
        self._when_idle(path.name, partial(self.session.open, path, root))

    def open_root(self, root: str) -> None:
        """Open another dictionary of weights of the same file."""
        if self.session.checkpoint is not None:
            self.open(self.session.checkpoint.path, root)

    def reload(self) -> None:
        """Open the same file anew, after asking about pruning that is not saved."""
        if self.session.checkpoint is not None:
            self._when_idle(self.session.checkpoint.path.name, self.session.reload)

    def _when_idle(self, name: str, go_on: Callable[[], object]) -> None:
        if self.session.work.busy:
            self.session.tell("warning", f"{name} is not opened while a job runs: wait for it, or cancel it (Esc).")
            return
        self._unsaved.ask_then(go_on)

    def examine(self) -> None:
        """Have the doctor look at the document, and show what was found."""
        self._docks.raise_panel("Check")
        self.session.doctor.examine()

    def save(self) -> None:
        """Open the dialog that saves the pruned checkpoint."""
        if self.session.pruning is not None and not self.session.files.refuse("Nothing was saved."):
            from app.save_dialog import SaveDialog

            dialog = SaveDialog(self.session, self)
            dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            dialog.rejected.connect(self._unsaved.stay)
            dialog.open()

    # Building

    def _build_centre(self) -> None:
        self._pages = QStackedWidget(self)
        self._pages.addWidget(self.start)
        self._pages.addWidget(self.tensor)
        centre = QWidget(self)
        layout = QVBoxLayout(centre)
        layout.setContentsMargins(0, 8, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.banner)
        layout.addWidget(self._pages, 1)
        self.setCentralWidget(centre)

    def _build_docks(self) -> Docks:
        session = self.session
        bottom: dict[str, QWidget] = {
            "state_dict": StateDictPanel(session, self),
            "Whole model": WholeModelPanel(session, self),
            PANEL: self.comparing.panel,
            "File": self.file,
            "Check": CheckPanel(session, self),
            "Jobs": JobsPanel(session, self),
            "Messages": MessagesPanel(session, self),
        }
        return Docks(self, self.tree, AmountPanel(session, self), bottom)

    def _connect(self) -> None:
        session = self.session
        for signal in (
            session.checkpoint_changed,
            session.amounts_changed,
            session.method_changed,
            session.pruning_changed,
            session.work.started,
            session.work.ended,
        ):
            signal.connect(self._refresh)
        session.saved.connect(self._refresh)
        session.checkpoint_changed.connect(self._opened)
        session.files.changed.connect(self._file_changed)
        session.message.connect(self._tell)
        self.start.open_requested.connect(self.chooser.choose_file)
        self.start.demo_requested.connect(self.actions_["open_demo"].trigger)
        self.start.recent_requested.connect(lambda path: self.open(Path(path)))
        self.tree.root_chosen.connect(self.open_root)
        self.file.root_chosen.connect(self.open_root)
        self._status.reload_requested.connect(self.reload)

    # Showing

    def _opened(self) -> None:
        checkpoint = self.session.checkpoint
        if checkpoint is not None:
            if checkpoint.path != demo_model():
                remember(checkpoint.path)
            self._pages.setCurrentWidget(self.tensor)
            self.banner.hide()
            self._docks.warn("File", has_dangerous(checkpoint))
            self.tree.view.setFocus()

    def _file_changed(self) -> None:
        if self.session.files.state == "same":
            self.banner.withdraw(self.actions_["reload"])
        self._refresh()

    def _tell(self, message: Message) -> None:
        self._unsaved.stay()
        if message.severity == "info":
            self._status.show_note(message.text)
        else:
            self.banner.show_message(message, self.actions_[message.offer] if message.offer else None)

    def _refresh(self, *_: object) -> None:
        offer(self.session, self.actions_)
        self._show_title()

    def _show_title(self) -> None:
        checkpoint = self.session.checkpoint
        state = {"same": "", "changed": " (changed on disk)", "gone": " (not on disk)"}[self.session.files.state]
        self.setWindowTitle(f"{checkpoint.path.name}[*]{state} — Secateur" if checkpoint is not None else "Secateur")
        self.setWindowModified(self.session.unsaved)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange) and hasattr(self, "actions_"):
            self.actions_.dress()
        if event.type() == QEvent.Type.ActivationChange and self.isActiveWindow():
            self.session.files.check()  # not all drives tell of changes

    # Dropping and leaving

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        accept_files(event)

    def dropEvent(self, event: QDropEvent) -> None:
        if (path := dropped_file(event)) is not None:
            take = self.recipes.apply if path.suffix.lower() == ENDING else self.open
            QTimer.singleShot(0, self, partial(take, path))

    def closeEvent(self, event: QCloseEvent) -> None:
        if self.session.unsaved:
            event.ignore()
            self._unsaved.ask_then(self._close_at_last)
            return
        self._docks.keep()
        self.session.close()
        super().closeEvent(event)

    def _close_at_last(self) -> None:
        self.session.forget_pruning()
        self.close()
