"""Files that no format recognises: what they are, and what to do.

A file is named by its content and, only where that says nothing, by its name. Files are read in bounded pieces.
"""

from __future__ import annotations

import os
import re
import zlib
from pathlib import Path
from typing import BinaryIO

from pruner.foreign.archives import describe_tar, describe_zip
from pruner.foreign.folders import describe_folder
from pruner.foreign.streams import describe_messagepack, describe_pickle, describe_protobuf
from pruner.foreign.text import describe_text

_START = 1 << 16
_PIECE = 1 << 12

_SOURCE = "Prune the checkpoint that it was made from."
_ARRAYS = "Save its arrays as safetensors or .npz first."
_UNPACK = "Unpack it and open the file inside."
_INSTEAD = "Open the file with the weights instead."
_GGML = f"this is a GGML file, for old versions of llama.cpp or whisper.cpp. {_SOURCE}"
_MACH_O = f"this is a program or library for macOS. {_INSTEAD}"

_BEGINNINGS: tuple[tuple[int, bytes, str], ...] = (
    # ggml-org/ggml: docs/gguf.md; ggml-org/llama.cpp: include/llama.h. The old ones are words, little-endian.
    (0, b"GGUF", f"this is a GGUF file; it is for llama.cpp and its kin. {_SOURCE}"),
    *((0, magic[::-1], _GGML) for magic in (b"ggml", b"ggmf", b"ggjt", b"ggla", b"ggsn", b"ggsq")),
    # Identifiers of FlatBuffers (google/flatbuffers) stand at byte 4; each project's own schema has its own.
    (4, b"TFL3", f"this is a TensorFlow Lite model. {_SOURCE}"),
    (4, b"ET12", f"this is a program for ExecuTorch. {_SOURCE}"),
    (4, b"ORTM", f"this is a model for ONNX Runtime (.ort). {_SOURCE}"),
    (4, b"PTMF", f"this is a model for PyTorch Mobile. {_SOURCE}"),
    # HDF5's “File Format Specification”, II.A: after a user block of 512 bytes, 1024, 2048 and so on.
    *(
        (at, b"\x89HDF\r\n\x1a\n", f"this is an HDF5 file (Keras, h5py, MATLAB). {_ARRAYS}")
        for at in (0, 512, 1024, 2048, 4096)
    ),
    (0, b"MATLAB 5.0 MAT-file", f"this is a file of MATLAB. {_ARRAYS}"),
    # apache/mxnet: kMXAPINDArrayListMagic and a reserved word; facebookresearch/fastText: 793712314; netron: tensorrt.
    (0, b"\x12\x01" + b"\0" * 14, f"this is a parameter file of MXNet. {_ARRAYS}"),
    (0, b"\xba\x16\x4f\x2f", f"this is a model of fastText. {_ARRAYS}"),
    (0, b"ftrt", f"this is an engine of TensorRT. {_SOURCE}"),
    (0, b"ptrt", f"this is an engine of TensorRT. {_SOURCE}"),
    # The formats' own descriptions: RFC 1952, bzip2, xz, RFC 8878, LZ4 frames, 7z, RAR, compress, LZMA, ar, cabinets.
    (0, b"\x1f\x8b\x08", f"this is packed with gzip. {_UNPACK}"),
    *((0, b"BZh%d1AY&SY" % level, f"this is packed with bzip2. {_UNPACK}") for level in range(1, 10)),
    (0, b"\xfd7zXZ\0", f"this is packed with xz. {_UNPACK}"),
    (0, b"\x28\xb5\x2f\xfd", f"this is packed with Zstandard. {_UNPACK}"),
    (0, b"\x04\x22\x4d\x18", f"this is packed with LZ4. {_UNPACK}"),
    (0, b"7z\xbc\xaf\x27\x1c", f"this is a 7z archive. {_UNPACK}"),
    (0, b"Rar!\x1a\x07", f"this is a RAR archive. {_UNPACK}"),
    (0, b"\x1f\x9d\x90", f"this is packed with compress. {_UNPACK}"),
    (0, b"\x5d\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff", f"this is packed with LZMA. {_UNPACK}"),
    (0, b"!<arch>\n", f"this is an ar archive (a library, or a Debian package). {_INSTEAD}"),
    (0, b"MSCF\0\0\0\0", f"this is a Windows cabinet. {_UNPACK}"),
    (0, b"Salted__", "this is encrypted with OpenSSL. Decrypt it first."),
    (0, b"age-encryption.org/v1", "this is encrypted with age. Decrypt it first."),
    (0, b"-----BEGIN PGP MESSAGE", "this is encrypted with PGP. Decrypt it first."),
    # Tables and databases: apache/parquet-format, apache/arrow, sqlite.org/fileformat.html.
    (0, b"PAR1", f"this is a Parquet table. {_INSTEAD}"),
    (0, b"ARROW1\0\0", f"this is an Arrow table. {_INSTEAD}"),
    (0, b"SQLite format 3\0", f"this is an SQLite database. {_INSTEAD}"),
    # Pictures, documents and programs: the PNG, JPEG, GIF, PDF, ELF and Mach-O specifications.
    (0, b"\x89PNG\r\n\x1a\n", f"this is a picture (PNG). {_INSTEAD}"),
    (0, b"\xff\xd8\xff", f"this is a picture (JPEG). {_INSTEAD}"),
    *((0, magic, f"this is a picture (GIF). {_INSTEAD}") for magic in (b"GIF87a", b"GIF89a")),
    (8, b"WEBPVP8", f"this is a picture (WebP). {_INSTEAD}"),
    (0, b"%PDF-", f"this is a PDF document. {_INSTEAD}"),
    (0, b"\x7fELF", f"this is a program or library for Linux (ELF). {_INSTEAD}"),
    (0, b"MZqFpD", f"this is a program (such as a llamafile). {_INSTEAD}"),
    *((0, magic, _MACH_O) for magic in (b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe\0\0\0\2")),
    # RFC 1740, appendix B.
    (0, b"\0\x05\x16\x07\0\x02\0\0", "this is what macOS notes beside a file (“._…”). Open the file without “._”."),
)
_UNFINISHED = (".part", ".partial", ".crdownload", ".opdownload", ".download", ".incomplete", ".aria2")
_AGAIN = "Fetch or copy it again."
_CTRANSLATE2 = re.compile(rb"[\x01-\x0f]\0\0\0[\x05-\x40]\0\w{1,60}Spec\0")
"""How `ModelSpec._serialize` (OpenNMT/CTranslate2) begins: a version, then the specification's name with its length."""
_TABLE_MAGIC = 0xDB4775248B80FB57.to_bytes(8, "little")
"""How LevelDB's tables end (google/leveldb: table/format.h); the first key of TensorFlow's is empty."""


def describe(path: Path, head: bytes) -> str:
    """What a file or folder is that no format recognises, and what to do, in a sentence or two; it never raises.

    `head` is how the file begins.
    """
    try:
        if path.is_dir():
            return describe_folder(path)
        if not path.is_file():
            return "this is no ordinary file (a pipe or a device, say). Copy what it gives to a file first."
        with path.open("rb") as file:
            return _describe_file(path, file, _at(file, 0, _START) or head)
    except OSError as error:
        return f"it cannot be read ({error.strerror or type(error).__name__})."


def _describe_file(path: Path, file: BinaryIO, start: bytes) -> str:
    size = file.seek(0, os.SEEK_END)
    return (
        next((what for offset, magic, what in _BEGINNINGS if start.startswith(magic, offset)), None)
        or _describe_unfinished(path)
        or _describe_placeholder(path)
        or _describe_emptiness(file, start, size)
        or describe_zip(path, start)
        or describe_tar(file, start)
        or describe_pickle(start, path.suffix.lower())
        or describe_text(path, start, size)
        or describe_protobuf(file, size)
        or describe_messagepack(start)
        or _describe_binary(file, start, size)
        or _describe_by_name(path, start)
        or "this is no checkpoint that Secateur knows (safetensors, torch.save, TorchScript, torch.package, "
        "torch.export, NumPy), or it is damaged. If it should be one, fetch or copy it again."
    )


def _at(file: BinaryIO, offset: int, length: int) -> bytes:
    file.seek(offset)
    return file.read(length)


def _stands_beside(path: Path, name: str) -> bool:
    try:
        return path.with_name(name).is_file()
    except OSError:  # the name is too long
        return False


def _describe_unfinished(path: Path) -> str | None:
    if path.suffix.lower() in _UNFINISHED or _stands_beside(path, f"{path.name}.aria2"):
        return "this is a download that has not finished. Let it finish, or fetch the file again."
    return None


def _describe_placeholder(path: Path) -> str | None:
    """Files that lie in the cloud: iCloud's “.NAME.icloud”, Windows' attributes, macOS' SF_DATALESS (sys/stat.h)."""
    status = path.stat()
    away = getattr(status, "st_file_attributes", 0) & 0x441000  # RECALL_ON_DATA_ACCESS, RECALL_ON_OPEN, OFFLINE
    dataless = getattr(status, "st_flags", 0) & 0x40000000
    if away or dataless or (path.name.startswith(".") and path.suffix == ".icloud"):
        return "the file lies in the cloud (iCloud, OneDrive), not on this machine. Have it downloaded first."
    return None


def _describe_emptiness(file: BinaryIO, start: bytes, size: int) -> str | None:
    """Of a large file only samples are looked at."""
    if not start:
        return f"the file is empty. {_AGAIN}"
    places = [size * part // 64 for part in range(64)] + [max(size - _PIECE, 0)]
    if start.strip(b"\0") or any(_at(file, place, _PIECE).strip(b"\0") for place in places):
        return None
    return f"the file holds zeros instead of a checkpoint, as a download or copy that failed leaves it. {_AGAIN}"


def _describe_binary(file: BinaryIO, start: bytes, size: int) -> str | None:
    """Kinds that take more than a look at the beginning."""
    if _CTRANSLATE2.match(start):
        return f"this is a model for CTranslate2 (faster-whisper and its kin). {_SOURCE}"
    if start[4:5] == b"{" and _at(file, 4 + int.from_bytes(start[:4], "little"), 4) in (b"ftrt", b"ptrt"):
        return f"this is an engine of TensorRT. {_SOURCE}"  # Ultralytics puts JSON and its length before it
    if start.startswith(b"MZ") and _at(file, int.from_bytes(start[60:64], "little"), 4) == b"PE\0\0":
        return f"this is a program or library for Windows. {_INSTEAD}"
    if start.startswith(b"\0\0") and _at(file, max(size - 8, 0), 8) == _TABLE_MAGIC:
        return f"this is a TensorFlow checkpoint, or its index. {_ARRAYS}"
    if _at(file, max(size - 22, 0), 4) == b"PK\x05\x06":
        return f"this ends as a zip archive (as files of torch.save do), but does not begin as one. {_AGAIN}"
    if _is_zlib(start):
        return "this is packed with zlib, as joblib does. It is not opened: load and save it in Python first."
    return None


def _is_zlib(start: bytes) -> bool:
    """RFC 1950: the first two bytes are a multiple of 31; then some of it must unpack."""
    if start[:1] != b"\x78" or int.from_bytes(start[:2], "big") % 31:
        return False
    try:
        return bool(zlib.decompressobj().decompress(start, 64))
    except zlib.error:
        return False


def _describe_by_name(path: Path, start: bytes) -> str | None:
    """Files of bare numbers: only the name tells what they are."""
    if re.search(r"\.data-\d{5}-of-\d{5}$", path.name):
        return f"by its name, this is a part of a TensorFlow checkpoint. {_ARRAYS}"
    if path.suffix == ".bin" and _stands_beside(path, f"{path.stem}.xml"):
        return f"by its name, this is the numbers of an OpenVINO model. {_SOURCE}"
    if path.suffix == ".weights" and start[:4] == b"\0\0\0\0" and start[4:8] in (b"\1\0\0\0", b"\2\0\0\0"):
        return f"by its name, this is weights of Darknet (pjreddie/darknet: src/parser.c). {_ARRAYS}"
    return None
