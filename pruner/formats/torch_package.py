"""`torch.package` archives: pickles beside the source code of what they need; the code is never run.

Storages lie as `.data/KEY.storage` (torch/package/package_exporter.py); each pickle counts as one entry of a dictionary
under its path in the archive.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pruner.checkpoint import Checkpoint
from pruner.pickles.danger import GlobalUse
from pruner.pickles.document import MAX_PICKLE, open_document, sound_pickle
from pruner.zips.container import ZipContainer
from pruner.zips.directory import read_entries, zip_names
from pruner.zips.entries import entry_bytes, storage_of

_STORAGE = ".storage"


class TorchPackage(ZipContainer):
    """See `Format`."""

    name = "torch_package"
    title = "torch.package"
    suffixes = (".package",)

    def recognises(self, path: Path, head: bytes) -> bool:
        return _prefix(zip_names(path, head)) is not None

    def open(self, path: Path, root: str | None) -> Checkpoint:
        entries = read_entries(path)
        prefix = _prefix(entries)
        assert prefix is not None
        found: dict[str, Any] = {}
        named: dict[str, GlobalUse] = {}
        for name, entry in entries.items():
            if name.startswith(prefix) and name.endswith(".pkl") and not name.startswith(f"{prefix}.data/"):
                pickle = sound_pickle(path, entry_bytes(path, entry, MAX_PICKLE), what=name)
                found[name.removeprefix(prefix)] = pickle.value
                named.update((one.name, one) for one in pickle.globals)
        data = f"{prefix}.data/"
        storages = {
            name.removeprefix(data).removesuffix(_STORAGE): storage_of(path, entry)
            for name, entry in entries.items()
            if name.startswith(data) and name.endswith(_STORAGE)
        }
        return open_document(path, self.name, found, storages, root, tuple(named.values()))


FORMAT = TorchPackage()


def _prefix(names: Iterable[str]) -> str | None:
    """The archive's folder; None where this is no package."""
    found = [name for name in names if name.count("/") == 2 and name.endswith("/.data/extern_modules")]
    return found[0].removesuffix(".data/extern_modules") if len(found) == 1 else None
