"""Containers around a hostile pickle, by the name of the format: a new one is one more function here."""

from __future__ import annotations

import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path

from tests.unit.malicious.assembler import (
    BUILD,
    DICT,
    EMPTY,
    LIST,
    NEWOBJ,
    NONE,
    PERSISTENT,
    PROTO,
    STOP,
    STORAGE,
    WEIGHTS,
    alone,
    call,
    listed,
    mapping,
    named,
    new,
    number,
    several,
    tensor,
    text,
)

LEGACY_STORAGE = several(text("storage"), named("torch", "FloatStorage"), text("0"), text("cpu"), number(6), NONE)


def legacy_file(top: bytes) -> bytes:
    """The streams of torch's format before 1.6: magic number, version, machine, the pickle, the storages."""
    machine = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    head = [pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, machine)]
    keys = pickle.dumps(["0"], 2)
    return b"".join((*head, top, keys, struct.pack("<q", 6), WEIGHTS))


def _write_zip(path: Path | BytesIO, entries: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)


def _torch_zip(raw: bytes, path: Path | BytesIO) -> None:
    _write_zip(path, {"archive/data.pkl": raw, "archive/data/0": WEIGHTS, "archive/version": b"3\n"})


def _legacy(raw: bytes, path: Path) -> None:
    path.write_bytes(legacy_file(raw.replace(STORAGE, LEGACY_STORAGE)))


def _torch_script(raw: bytes, path: Path) -> None:
    """The pickle's value becomes the attributes of a module, where it is one whole pickle."""
    code = b'class Net(Module):\n  __parameters__ = ["weight", ]\n  __buffers__ = []\n'
    if raw[:1] == PROTO[0][:1] and raw[-1:] == STOP:
        raw = raw[:2] + named("__torch__", "Net") + EMPTY + NEWOBJ + raw[2:-1] + BUILD + STOP
    constants = PROTO[2] + EMPTY + STOP
    _write_zip(
        path,
        {
            "m/data.pkl": raw,
            "m/code/__torch__.py": code,
            "m/data/0": WEIGHTS,
            "m/constants.pkl": constants,
            "m/version": b"3\n",
        },
    )


def _torch_package(raw: bytes, path: Path) -> None:
    _write_zip(
        path,
        {
            "m/.data/version": b"6\n",
            "m/.data/extern_modules": b"torch\n",
            "m/.data/python_version": b"3.11.0\n",
            "m/model/model.pkl": raw,
            "m/.data/0.storage": WEIGHTS,
        },
    )


def _torch_export(raw: bytes, path: Path) -> None:
    """The layout before torch 2.8, in which all weights are one file of `torch.save`."""
    inner = BytesIO()
    _torch_zip(raw, inner)
    _write_zip(path, {"serialized_exported_program.json": b"{}", "serialized_state_dict.pt": inner.getvalue()})


def _torch_tar(raw: bytes, path: Path) -> None:
    """The tensor that stands beside a payload is named by its key; other members describe it and its storage."""
    kind, one = named("torch", "FloatStorage"), alone(number(1))
    storages = one + alone(several(text("0"), text("cpu"), kind)) + struct.pack("<q", 6) + WEIGHTS + alone(LIST)
    tensors = one + alone(several(text("0"), text("0"), kind)) + struct.pack("<ii5q", 2, 0, 2, 3, 3, 1, 0)
    members = {"storages": storages, "tensors": tensors, "pickle": raw.replace(tensor(), text("0") + PERSISTENT)}
    with tarfile.open(path, "w:") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, BytesIO(content))


def _distributed(raw: bytes, path: Path) -> None:
    """The pickle's value becomes an attribute of the metadata, beside a tensor, where it is one whole pickle."""
    path.mkdir()
    _torch_zip(alone(tensor()), path / "__0_0.distcp")
    of_metadata, size = partial(named, "torch.distributed.checkpoint.metadata"), named("torch", "Size")
    whole, first = (call(size, several(number(rows), number(columns))) for rows, columns in ((2, 3), (0, 0)))
    layout = call(named("torch.serialization", "_get_layout"), text("torch.strided"))
    properties = new(of_metadata("TensorProperties")) + several(named("torch", "float32"), layout) + BUILD
    chunk = new(of_metadata("ChunkStorageMetadata")) + mapping(offsets=first, sizes=whole) + BUILD
    described = mapping(properties=properties, size=whole, chunks=listed(chunk))
    index = new(of_metadata("MetadataIndex")) + mapping(fqn=text("weight"), offset=first) + BUILD
    length = number((path / "__0_0.distcp").stat().st_size)
    place = mapping(relative_path=text("__0_0.distcp"), offset=number(0), length=length)
    if raw[:1] == PROTO[0][:1] and raw[-1:] == STOP:
        attributes = mapping(
            planner_data=raw[2:-1],
            state_dict_metadata=mapping(weight=new(of_metadata("TensorStorageMetadata")) + described + BUILD),
            storage_data=DICT
            + index
            + new(named("torch.distributed.checkpoint.filesystem", "_StorageInfo"))
            + place
            + b"bs",
        )
        raw = raw[:2] + new(of_metadata("Metadata")) + attributes + BUILD + STOP
    (path / ".metadata").write_bytes(raw)


ENDINGS = {"torch_script": ".ts", "torch_export": ".pt2", "distributed": ""}
CONTAINERS: dict[str, Callable[[bytes, Path], None]] = {
    "torch_zip": _torch_zip,
    "legacy": _legacy,
    "torch_script": _torch_script,
    "torch_package": _torch_package,
    "torch_export": _torch_export,
    "torch_tar": _torch_tar,
    "distributed": _distributed,
}
"""Those besides the first need not open: a refusal is an answer too."""


def wrap(container: str, raw: bytes, path: Path) -> Path:
    """The pickle in a container, written to a new file with the container's ending."""
    path = path.with_suffix(ENDINGS.get(container, ".pt"))
    CONTAINERS[container](raw, path)
    return path
