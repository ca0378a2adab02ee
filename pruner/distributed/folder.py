"""The folder of a torch.distributed.checkpoint: its metadata, `.metadata`, and the files of items that they name."""

from __future__ import annotations

import os
from pathlib import Path

from pruner.checkpoint import FileStamp
from pruner.errors import PrunerError


def head_of(path: Path) -> bytes:
    """How a file begins."""
    with path.open("rb") as file:
        return file.read(64)


def metadata_files(folder: Path) -> list[Path]:
    """`.metadata`, or where ranks saved without one another each one's `__RANK.metadata`."""
    common = folder / ".metadata"
    return [common] if common.is_file() else sorted(one for one in folder.glob("__*.metadata") if one.is_file())


def metadata_of(path: Path) -> Path:
    """The metadata that a folder, a file of items or a metadata file stands for; raises `PrunerError`."""
    if not path.is_dir() and path.suffix != ".distcp":
        return path
    found = metadata_files(path if path.is_dir() else path.parent)
    if not found:
        raise PrunerError(
            f"{path}: it is a part of a torch.distributed.checkpoint whose “.metadata” is missing. Copy that file, and "
            "all other parts, into the folder."
        )
    if len(found) > 1:
        raise PrunerError(
            f"{path}: every rank saved its own part ({found[0].name}, {found[1].name}, …). Open one of these files."
        )
    return found[0]


class Folder:
    """The folder's files. Only those whose names stand in it are opened, and no links that lead out of it."""

    def __init__(self, metadata: Path) -> None:
        self.metadata = metadata
        with os.scandir(metadata.parent) as entries:
            self._entries = {entry.name: entry for entry in entries}
        self.stamps: dict[str, FileStamp] = {}
        self.stamp(metadata.name)
        for name in sorted(self._entries):
            if name.endswith(".distcp") and self._entries[name].is_file():
                self.stamp(name)

    def stamp(self, name: str) -> FileStamp:
        """The stamp of a file that the metadata name; raises `PrunerError` where it is missing or outside."""
        if name not in self.stamps:
            self.stamps[name] = self._found(name)
        return self.stamps[name]

    def _found(self, name: str) -> FileStamp:
        if Path(name).name != name or name in ("", ".", "..") or "\\" in name or "\0" in name:
            raise PrunerError(
                f"{self.metadata}: it names the file “{name}”, outside its own folder. Such metadata are not followed."
            )
        path = self.metadata.parent / name
        entry = self._entries.get(name)
        if entry is None or not entry.is_file():
            raise PrunerError(f"{path}: the file is missing; {self.metadata.name} names it. Fetch it.")
        if entry.is_symlink() and leads_out(path):
            raise PrunerError(f"{path}: the file is a link out of its folder. Such a link is not followed.")
        return FileStamp.of(path)


def leads_out(path: Path) -> bool:
    """Whether a link leads out of its folder; the Hugging Face cache has links from `snapshots/…` to `blobs`."""
    if not path.is_symlink():
        return False
    folder, real = path.parent.resolve(), path.resolve()
    snapshots = next((one.parent for one in (folder, *folder.parents) if one.parent.name == "snapshots"), None)
    return real.parent not in (folder, snapshots and snapshots.parent / "blobs")
