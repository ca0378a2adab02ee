"""Entries of an archive that are not what their checksums say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from zlib_ng.zlib_ng import crc32

from pruner.checkpoint import Checkpoint, Storage
from pruner.doctor import Finding
from pruner.doctor.patient import Patient
from pruner.reading import unpacked
from pruner.words import counted, listed
from pruner.zips.directory import DEFLATED, ZipEntry, read_entries

_STEP = 1 << 20


class Checksums:
    """See `Check`. torch ignores the checksums of what it loads."""

    name = "checksums"
    title = "Checksums that do not match"
    passes = 1

    def find(self, patient: Patient) -> Iterator[Finding]:
        for stamp in patient.checkpoint.files:
            with stamp.path.open("rb") as file:
                if file.read(4) != b"PK\x03\x04":
                    continue
            broken = [entry for entry in read_entries(stamp.path).values() if not _is_sound(patient, stamp.path, entry)]
            if broken:
                entries = [entry.name for entry in broken]
                yield Finding(
                    self.name,
                    "fault",
                    tuple(_tensors_in(patient.checkpoint, stamp.path, broken)),
                    f"{counted(len(broken), 'entry', 'entries')} of {stamp.path.name} "
                    f"{'differs' if len(broken) == 1 else 'differ'} from the checksum: {listed(entries)}.",
                    "The file was damaged on a disk or on its way, or changed by a program that leaves checksums as "
                    "they were. torch loads it without a word. Fetch or copy it again.",
                )


def _is_sound(patient: Patient, path: Path, entry: ZipEntry) -> bool:
    found = 0
    packed = entry.packed if entry.method == DEFLATED else None
    with unpacked(Storage(path, entry.offset, entry.size, packed)) as read:
        for start in range(0, entry.size, _STEP):
            part = read(min(_STEP, entry.size - start))
            found = crc32(part, found)
            patient.meter.step(len(part), entry.name)
    return found == entry.crc


def _tensors_in(checkpoint: Checkpoint, path: Path, entries: list[ZipEntry]) -> Iterator[str]:
    places = {entry.offset for entry in entries}
    for info in checkpoint.tensors.values():
        if info.storage.file == path and info.storage.offset in places:
            yield info.name


CHECK = Checksums()
