"""The archive of a program: its entries, the JSON and the pickles in them, and the storages that those describe."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pruner.checkpoint import Storage
from pruner.dtypes import DTYPES
from pruner.errors import PrunerError, damaged
from pruner.pickles.danger import GlobalUse
from pruner.pickles.document import MAX_PICKLE, big_endian, sound_pickle
from pruner.pickles.torch_objects import TensorRecord
from pruner.pickles.unpickle import Pickle
from pruner.pickles.values import Persistent
from pruner.reading import read_bytes
from pruner.zips.directory import ZipEntry
from pruner.zips.entries import entry_bytes, storage_of
from pruner.zips.nested import NestedArchive, read_nested

WEIGHTS, CONSTANTS, _SAMPLES, COMPILED = (
    f"data/{folder}/" for folder in ("weights", "constants", "sample_inputs", "aotinductor")
)
OLD_PROGRAM, OLD_WEIGHTS = "serialized_exported_program.json", "serialized_state_dict"
OLD_CONSTANTS, _OLD_SAMPLES = "serialized_constants", "serialized_example_inputs"
_OBJECTS = (f"{CONSTANTS}custom_obj_", f"{CONSTANTS}opaque_obj_")
_MAX_CONFIG = 1 << 26
# A quote inside a JSON string has a backslash before it, so this finds keys only, without parsing.
_PATH = re.compile(rb'"path_name"\s*:\s*"')


def prefix_of(names: Collection[str]) -> str | None:
    """The package's folder in the archive, empty where it is all of it; None where this is no package."""
    if OLD_PROGRAM in names and any(f"{OLD_WEIGHTS}{ending}" in names for ending in (".pt", ".json")):
        return ""
    found = [name for name in names if name.count("/") < 2 and name.rpartition("/")[2] == "archive_format"]
    prefix = found[0].removesuffix("archive_format") if len(found) == 1 else None
    return None if f"{prefix}data.pkl" in names else prefix


@dataclass(frozen=True, eq=False)
class Package:
    """The archive while it is read, and what is gathered on the way.

    `storages` are those of all tensors by key, `shifts` the bytes before one in a storage that holds more than it,
    `pickles` those read so far, `dtypes` the types of bare numbers, by the entry's name.
    """

    path: Path
    prefix: str
    entries: Mapping[str, ZipEntry]
    storages: dict[str, Storage] = field(default_factory=dict)
    shifts: dict[str, int] = field(default_factory=dict)
    nested: dict[str, NestedArchive] = field(default_factory=dict)
    pickles: dict[str, Pickle] = field(default_factory=dict)
    dtypes: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def __contains__(self, name: str) -> bool:
        return self.prefix + name in self.entries

    def entry(self, name: str) -> ZipEntry:
        """The entry of that name; raises `PrunerError` where it is missing."""
        if name not in self:
            raise damaged(self.path, f"its entry “{name}” is missing")
        return self.entries[self.prefix + name]

    def under(self, beginning: str) -> Iterator[str]:
        """The names of the entries that begin so."""
        whole = self.prefix + beginning
        return (name.removeprefix(self.prefix) for name in self.entries if name.startswith(whole))

    def require_known(self) -> None:
        """Raise `PrunerError` for another kind of archive, or the numbers of a big-endian machine."""
        if "archive_format" in self and self.text("archive_format") != b"pt2":
            raise PrunerError(f"{self.path}: its “archive_format” is none that Secateur knows (pt2).")
        if "byteorder" in self and self.text("byteorder") == b"big":
            raise big_endian(self.path)

    def text(self, name: str, most: int = 64) -> bytes:
        """A short entry's content."""
        return entry_bytes(self.path, self.entry(name), most)

    def json(self, name: str) -> dict[str, Any]:
        """A JSON object in which no object has a key twice; raises `PrunerError` for anything else.

        Where its text has the key “path_name” as often as its object “config” has entries, none of these can be there
        twice, and the slower look at each object is left out.
        """
        text = self.text(name, _MAX_CONFIG)
        try:
            parsed = json.loads(text)
            config = parsed.get("config") if isinstance(parsed, dict) else None
            if not isinstance(config, dict) or len(config) != len(_PATH.findall(text)):
                parsed = json.loads(text, object_pairs_hook=lambda pairs: self._unique(name, pairs))
        except (ValueError, RecursionError) as error:
            raise damaged(self.path, f"“{name}” is not JSON") from error
        if not isinstance(parsed, dict):
            raise damaged(self.path, f"“{name}” is no JSON object")
        return parsed

    def _unique(self, name: str, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            names = [key for key, _ in pairs]
            twice = next(key for key in made if names.count(key) > 1)
            raise damaged(self.path, f"“{name}” has “{twice}” twice")
        return made

    def pickle(self, name: str) -> Pickle:
        """What an entry describes that is a file of `torch.save`, or a bare pickle; the keys of its storages get its
        own name before them."""
        if name in self.pickles:
            return self.pickles[name]
        storage = storage_of(self.path, self.entry(name))
        is_zip = storage.nbytes >= 4 and read_bytes(storage, 0, 4).tobytes() == b"PK\x03\x04"
        raw = self._data_of(name) if is_zip else self.text(name, MAX_PICKLE)

        def outside(key: Any) -> Persistent:
            whole = isinstance(key, tuple) and len(key) > 2 and type(key[2]) in (str, int)
            return Persistent((*key[:2], f"{name}/{key[2]}", *key[3:]) if whole else key)

        self.pickles[name] = sound_pickle(self.path, raw, outside, name)
        return self.pickles[name]

    def _data_of(self, name: str) -> bytes:
        """The pickle of a file of `torch.save` in the archive, whose storages become known."""
        archive = self.nested[name] = read_nested(self.path, self.entry(name))
        tops = [one for one in archive.entries if one.count("/") == 1 and one.endswith("/data.pkl")]
        if len(tops) != 1:
            raise damaged(self.path, f"“{name}” is no file of torch.save")
        prefix = tops[0].removesuffix("data.pkl")
        order = archive.entries.get(f"{prefix}byteorder")
        if order is not None and archive.content(order, 64) == b"big":
            raise big_endian(self.path)
        for one, entry in archive.entries.items():
            if one.startswith(f"{prefix}data/"):
                key = f"{name}/{one.removeprefix(f'{prefix}data/')}"
                self.storages[key], self.shifts[key] = archive.place(entry)
        return archive.content(archive.entries[tops[0]], MAX_PICKLE)

    def placed(self, name: str, record: TensorRecord) -> TensorRecord:
        """A pickle's tensor, its first element counted from where its storage begins that can be read."""
        shift, itemsize = self.shifts.get(record.storage, 0), DTYPES[record.dtype].itemsize
        if shift and (not itemsize or shift % itemsize):
            raise PrunerError(
                f"{self.path}: “{name}” lies at an odd place in what is packed. "
                "Unpack the archive and pack it again without compression."
            )
        return record._replace(offset=record.offset + shift // itemsize) if shift else record

    def globals(self) -> tuple[GlobalUse, ...]:
        """The classes and functions that the pickles name, those of objects and sample inputs too."""
        for beginning in (*_OBJECTS, _SAMPLES, _OLD_SAMPLES):
            for name in self.under(beginning):
                try:
                    if self.entry(name).size:
                        self.pickle(name)
                except PrunerError as error:
                    self.warnings.append(f"What “{name}” names is not known ({error})")
        found: dict[str, GlobalUse] = {}
        for pickle in self.pickles.values():
            for one in pickle.globals:
                if one.called or one.name not in found:
                    found[one.name] = one
        return tuple(found.values())
