"""New zip archives, laid out as `torch.save` does."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path

from pruner.progress import Meter

_ALIGNMENT = 64


class ZipWriter:
    """Writes an archive entry by entry; stored ones begin at multiples of 64 bytes, as torch's mmap wants them."""

    def __init__(self, target: Path, meter: Meter) -> None:
        self._meter = meter
        self._file = target.open("xb")
        self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_STORED, allowZip64=True)

    def __enter__(self) -> ZipWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._zip.close()
        self._zip.fp = None  # an archive that was given up is not finished when it is collected
        self._file.close()

    def add(
        self, name: str, nbytes: int, parts: Iterable[memoryview | bytes], what: str, *, packed: bool = False
    ) -> None:
        """Write one entry of `nbytes` bytes, deflated or stored; `what` is shown as at hand."""
        record = zipfile.ZipInfo(name)
        record.file_size = nbytes
        wide = nbytes >= zipfile.ZIP64_LIMIT
        if packed:
            record.compress_type = zipfile.ZIP_DEFLATED
        else:
            header = 30 + len(record.filename.encode()) + (20 if wide else 0)
            padding = -(self._file.tell() + header + 4) % _ALIGNMENT
            record.extra = b"FB" + padding.to_bytes(2, "little") + b"Z" * padding
        with self._zip.open(record, "w", force_zip64=wide) as entry:
            for part in parts:
                entry.write(part)
                self._meter.step(len(part), what)
