"""Choosing the container that a checkpoint is saved in: as the source, in another, or as shards of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from PySide6.QtWidgets import QComboBox, QWidget

from pruner import Checkpoint
from pruner.formats import PatchableFormat, formats, writable_formats

_SHARDED = (".safetensors", ".pt")


@dataclass(frozen=True, slots=True)
class Choice:
    """A container to save in: the ending of its file's name (empty for a folder), and whether it is a set of shards.

    `as_source` says that it is the source's own.
    """

    title: str
    suffix: str
    shards: bool = False
    as_source: bool = False


def choices(source: Checkpoint) -> Iterator[Choice]:
    """What a checkpoint can be saved in, its own container first."""
    own = formats()[source.format]
    several = len(source.files) > 1
    suffix = "" if several else source.path.suffix
    if several:
        yield Choice(f"Folder, as the source: {own.title}", "", as_source=True)
    elif isinstance(own, PatchableFormat):
        yield Choice(f"{suffix}, as the source: {own.title}", suffix, as_source=True)
    for one in writable_formats():
        if one is own and not several:
            continue
        free = next(ending for ending in one.suffixes if ending != suffix)
        yield Choice(f"{free}: {one.title}", free)
    for suffix in _SHARDED:
        title = next(one.title for one in writable_formats() if suffix in one.suffixes)
        ending = "" if suffix == _SHARDED[0] else suffix
        yield Choice(f"Folder of shards: {title}", ending, shards=True)


class ContainerBox(QComboBox):
    """A box of the choices for a source."""

    def __init__(self, source: Checkpoint, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._choices = tuple(choices(source))
        self.setObjectName("container")
        self.setAccessibleName("Container")
        for choice in self._choices:
            self.addItem(choice.title)

    @property
    def choice(self) -> Choice:
        """The chosen container."""
        return self._choices[self.currentIndex()]

    @property
    def suffixes(self) -> frozenset[str]:
        """All endings that stand for one of the choices."""
        written = {ending for one in writable_formats() for ending in one.suffixes}
        return frozenset(written | {choice.suffix for choice in self._choices} - {""})

    def choose_suffix(self, suffix: str) -> None:
        """Choose the file whose name ends so, where there is one and no folder is chosen."""
        if self.choice.shards or self.choice.suffix == suffix:
            return
        for place, choice in enumerate(self._choices):
            if choice.suffix == suffix and not choice.shards:
                self.setCurrentIndex(place)
                return

    def choose_written(self) -> bool:
        """Choose a container that is written anew instead of the source's own; whether that changed anything."""
        if not self.choice.as_source:
            return False
        place = next(place for place, choice in enumerate(self._choices) if not choice.as_source)
        self.setCurrentIndex(place)
        return True
