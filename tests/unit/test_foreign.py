"""Files that are no checkpoint are named for what they are, whatever their ending says."""

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import re
import sqlite3
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections import OrderedDict
from pathlib import Path
from types import ModuleType
from unittest import mock

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

import pruner
from pruner import PrunerError
from pruner.foreign import describe

PADDING = bytes(range(256))


def zipped(*names: str, content: bytes = b"x") -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, content)
    return stream.getvalue()


def encrypted() -> bytes:
    """A zip whose entry carries the flag of encryption, in its header and in the directory."""
    data = bytearray(zipped("model.pt"))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def old_names() -> bytes:
    """A zip as old programs for Windows write it, with names in their own code page."""
    return zipped("gewicht_ae.txt").replace(b"gewicht_ae", b"gewicht_\x84e")


def tarred(*names: str, form: int = tarfile.PAX_FORMAT) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 700
            archive.addfile(member, io.BytesIO(b"x" * 700))
    return stream.getvalue()


def database() -> bytes:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE runs (loss REAL)")
    data = connection.serialize()
    connection.close()
    return data


def varint(value: int) -> bytes:
    data = b""
    while value > 127:
        data, value = data + bytes([value & 127 | 128]), value >> 7
    return data + bytes([value])


def message(*fields: tuple[int, int | bytes]) -> bytes:
    """A protobuf message: numbers are varints, bytes have a length."""
    parts = (
        varint(number << 3) + varint(value)
        if isinstance(value, int)
        else varint(number << 3 | 2) + varint(len(value)) + value
        for number, value in fields
    )
    return b"".join(parts)


ONNX_GRAPH = message((1, message((1, b"x"), (4, b"Relu"))), (2, b"main_graph"))
ONNX = message((1, 8), (2, b"pytorch"), (3, b"2.3.0"), (7, ONNX_GRAPH * 50), (8, message((2, 17))))
TF_NODE = message((1, b"input"), (2, b"Placeholder"), (5, message((1, b"dtype"), (2, message((6, 1))))))
SAVED_MODEL = message((1, 1), (2, message((1, message((5, b"2.16"))), (2, message((1, TF_NODE))))))
CORE_ML = message((1, 5), (2, message((1, message((1, b"image"))))), (500, message((1, message((1, b"conv"))))))
CAFFE = message((1, b"LeNet"), (100, message((1, b"data"), (2, b"Input"))), (100, message((1, b"conv"), (2, b"C"))))
CAFFE_V1 = message((1, b"CaffeNet"), (2, message((2, b"data"), (3, b"conv1"), (4, b"conv1"))))


def flax(first: bytes = b"") -> bytes:
    """What `flax.serialization.to_bytes` gives for {"params": {"kernel": array}}."""
    array = b"\x93\x91\x02\xa7float32\xc4\x08" + bytes(8)
    tree = b"\xa6params\x81\xa6kernel" + b"\xc7" + bytes([len(array)]) + b"\x01" + array
    return b"\x82" + first + tree if first else b"\x81" + tree


def pickled_by(module: str) -> bytes:
    """The pickle of an object of a class `module.Model`, which is not installed."""
    names = [module[: match.start()] for match in re.finditer(r"\.|$", module)]
    modules = {name: ModuleType(name) for name in names}
    class_ = type("Model", (), {"__module__": module})
    modules[module].Model = class_
    with mock.patch.dict(sys.modules, modules):
        return pickle.dumps({"model": class_()}, protocol=4)


STATE = OrderedDict(weight=np.ones((3, 4), np.float32), bias=np.zeros(3))
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"
S3 = b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>'
INDEX = {"metadata": {"total_size": 8}, "weight_map": {"a": "pytorch_model-00001-of-00002.bin"}}
TAR_OLD = bytearray(tarred("notes.txt", form=tarfile.USTAR_FORMAT))
TAR_OLD[257:265] = bytes(8)
TAR_OLD[148:156] = b"%06o\0 " % (sum(TAR_OLD[:148]) + sum(TAR_OLD[156:512]) + 8 * 32)

KINDS: dict[str, tuple[bytes, str]] = {
    # other engines
    "gguf": (b"GGUF" + struct.pack("<IQQ", 3, 2, 5) + PADDING, "GGUF.* Prune the checkpoint"),
    **{
        f"old ggml {magic:x}": (struct.pack("<II", magic, 1) + PADDING, "GGML")
        for magic in (0x67676D6C, 0x67676D66, 0x67676A74, 0x67676C61, 0x6767736E)
    },
    "onnx": (ONNX, "ONNX model"),
    "onnx without a producer": (message((1, 7), (7, ONNX_GRAPH)), "ONNX model"),
    "onnx, cut off": (ONNX[: len(ONNX) // 2], "ONNX model"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + PADDING, "HDF5"),
    "hdf5 behind a user block": (b"MATLAB 7.3 MAT-file".ljust(512, b" ") + b"\x89HDF\r\n\x1a\n" + PADDING, "HDF5"),
    "keras": (zipped("metadata.json", "config.json", "model.weights.h5"), "Keras"),
    "saved model": (SAVED_MODEL, "TensorFlow SavedModel"),
    "frozen graph": (message((1, TF_NODE), (1, TF_NODE)), "graph of TensorFlow"),
    "tensorflow index": (
        b"\0\0\x02\x08\x01" + PADDING + struct.pack("<Q", 0xDB4775248B80FB57),
        "TensorFlow checkpoint",
    ),
    "tensorflow list": (b'model_checkpoint_path: "ckpt-3"\nall_model_checkpoint_paths: "ckpt-3"\n', "TensorFlow"),
    "tflite": (b"\x1c\0\0\0TFL3" + PADDING, "TensorFlow Lite"),
    "executorch": (b"\x20\0\0\0ET12eh00" + PADDING, "ExecuTorch"),
    "onnx runtime": (b"\x20\0\0\0ORTM" + PADDING, "ONNX Runtime"),
    "pytorch mobile": (b"\x20\0\0\0PTMF" + PADDING, "PyTorch Mobile"),
    "core ml": (CORE_ML, "Core ML model"),
    "core ml package": (zipped("Manifest.json", "Data/com.apple.CoreML/model.mlmodel"), "Core ML package"),
    "openvino": (b'<?xml version="1.0"?>\n<net name="Model0" version="11">\n<layers>', "OpenVINO"),
    "tensorrt": (b"ftrt" + PADDING, "TensorRT"),
    "tensorrt by ultralytics": (struct.pack("<I", 13) + b'{"task":"x"} ' + b"ftrt" + PADDING, "TensorRT"),
    "ctranslate2": (b"\x06\0\0\0\x0c\0WhisperSpec\0" + PADDING, "CTranslate2"),
    "caffe": (CAFFE, "Caffe"),
    "caffe, first version": (CAFFE_V1, "Caffe"),
    "mxnet": (struct.pack("<QQQ", 0x112, 0, 1) + PADDING, "MXNet"),
    "fasttext": (struct.pack("<ii", 793712314, 12) + PADDING, "fastText"),
    "flax": (flax(), "MessagePack.*Flax"),
    "flax with a step": (flax(b"\xa4step\x07"), "MessagePack.*Flax"),
    # pickles
    **{
        f"pickle of protocol {protocol}": (pickle.dumps(STATE, protocol=protocol), "plain pickle.* can run code")
        for protocol in range(6)
    },
    **{f"long pickle {n}": (pickle.dumps(list(range(40_000)), protocol=n), "plain pickle") for n in (0, 2, 4)},
    "pickle, cut off": (pickle.dumps(STATE)[:200], "plain pickle"),
    "pickle of tensors": (pickle.dumps({"w": torch.ones(2)}), "plain pickle.*torch's tensors"),
    "joblib": (pickled_by("joblib.numpy_pickle") + bytes(64), "plain pickle.*joblib"),
    "joblib, raw numbers": (pickled_by("joblib.numpy_pickle")[:-2] + b"\xff" * 64, "plain pickle.*joblib"),
    "scikit-learn": (pickled_by("sklearn.linear_model._base"), "plain pickle.*scikit-learn"),
    "cloudpickle": (pickled_by("cloudpickle.cloudpickle"), "plain pickle.*cloudpickle"),
    "dill": (pickled_by("dill._dill"), "plain pickle.*dill"),
    "joblib, zlib": (zlib.compress(pickle.dumps(STATE), 3), "zlib"),
    # packed
    "gzip": (gzip.compress(PADDING), "gzip.*Unpack"),
    "bzip2": (bz2.compress(PADDING), "bzip2"),
    "xz": (lzma.compress(PADDING), "xz"),
    "lzma": (lzma.compress(PADDING, lzma.FORMAT_ALONE), "LZMA"),
    "zstandard": (b"\x28\xb5\x2f\xfd" + PADDING, "Zstandard"),
    "lz4": (b"\x04\x22\x4d\x18" + PADDING, "LZ4"),
    "7z": (b"7z\xbc\xaf\x27\x1c" + PADDING, "7z"),
    "rar": (b"Rar!\x1a\x07\x01\0" + PADDING, "RAR"),
    "tar": (tarred("notes.txt"), "tar archive.*“notes.txt”"),
    "tar before ustar": (bytes(TAR_OLD), "tar archive"),
    "tar with a checkpoint": (
        tarred("config.yaml", "nemo/model_weights.ckpt"),
        "open “nemo/model_weights.ckpt” inside",
    ),
    "tar with long names": (tarred("d" * 120 + "/model.pt", form=tarfile.GNU_FORMAT), "tar archive"),
    "zip": (zipped("a.txt", "b.txt", "c", "d"), "zip archive without.*“a.txt”, “b.txt”, “c”, …"),
    "empty zip": (zipped(), "zip archive.*empty"),
    "zip with a checkpoint": (zipped("read.me", "run/best.pt", "__MACOSX/run/._best.pt"), "open “run/best.pt” inside"),
    "zip with shards": (zipped("a.safetensors", "b.safetensors"), "one of “a.safetensors”, “b.safetensors”"),
    "zip with a bin": (zipped("config.json", "pytorch_model.bin"), "open “pytorch_model.bin” inside"),
    "encrypted zip": (encrypted(), "encrypted.*password"),
    "cut zip": (zipped("a", content=bytes(500))[:300], "cut off or damaged"),
    "zip without its beginning": (b"\xfe" + zipped("a/data.pkl")[1:], "ends as a zip archive"),
    "zip in a code page": (old_names(), "zip archive.*UTF-8"),
    "office": (zipped("[Content_Types].xml", "word/document.xml"), "Office"),
    "jar": (zipped("META-INF/MANIFEST.MF", "A.class"), "Java"),
    "apk": (zipped("AndroidManifest.xml", "META-INF/MANIFEST.MF"), "Android"),
    "wheel": (zipped("a/__init__.py", "a-1.dist-info/WHEEL"), "Python wheel"),
    # text
    "page": (b"\xef\xbb\xbf\n<!DOCTYPE html><html lang=en>", "web page"),
    "page with a comment": (b"<!-- saved from url -->\n<HTML><head>", "web page"),
    "page in utf-16": ("<html><head>".encode("utf-16"), "web page"),
    "refused by S3": (S3, "error answer.*refused"),
    "xml": (b'<?xml version="1.0"?>\n<svg></svg>', "XML text"),
    "refused by a hub": (b'{"error":"Repository not found"}', "error answer.*“Repository not found”"),
    "refused by an API": (b'{"error": {"code": 403, "message": "No access"}}', "error answer.*“No access”"),
    "not found": (b"Entry not found", "text.*“Entry not found”"),
    "configuration": (json.dumps({"architectures": ["Bert"], "model_type": "bert"}).encode(), "configuration"),
    "index": (json.dumps(INDEX, indent=2).encode(), "index of shards.*“pytorch_model-00001-of-00002.bin”"),
    "notebook": (b'{\n "cells": [],\n "nbformat": 4}', "notebook"),
    "json": (b'[1, 2, {"a": 3}]', "JSON text"),
    "notes": (b"[1] is a number in brackets, no list", "text.*“\\[1\\] is"),
    "deep json": (b"[" * 60_000, "JSON text"),
    "long json": (json.dumps(list(range(30_000))).encode(), "JSON text"),
    "a log in json": (b'{"error": 0.25, "step": 3}', "JSON text"),
    "pointer": (LFS, "Git LFS.*git lfs pull"),
    "old pointer": (b"version https://hawser.github.com/spec/v1\noid sha256:0\n", "Git LFS"),
    "xet": (b"# xet version 0\nfilesize = 12\nhash = '00'\n", "Xet"),
    "annex": (b"/annex/objects/MD5E-s12--00.pt\n", "git-annex"),
    "csv": (b"step,loss\n1,0.5\n2,0.25\n", "table as text"),
    "python": (b'"""A model."""\n\nimport torch\n\nclass Net(torch.nn.Module):\n    pass\n', "Python source"),
    "yaml": (b"# model\nmodel:\n  depth: 3\n  names:\n    - a\nlr: 0.1\n", "YAML"),
    "prose": ("From here, we went on.\nUnd weiter, ja.\nSchön, gut.".encode(), "text.*“From here, we went on.”"),
    "vocabulary": (b"<unk>\n<s>\n</s>\nthe\n", "text"),
    "text of one long line": (b"a" * 5000, "text"),
    # all else
    "png": (b"\x89PNG\r\n\x1a\n" + PADDING, "PNG"),
    "jpeg": (b"\xff\xd8\xff\xe0\0\x10JFIF" + PADDING, "JPEG"),
    "pdf": (b"%PDF-1.7\n%\xe2\xe3", "PDF"),
    "elf": (Path(sys.executable).read_bytes()[:4096] if sys.platform == "linux" else b"\x7fELF" + PADDING, "ELF"),
    "exe": (b"MZ".ljust(60, b"\0") + struct.pack("<I", 64) + b"PE\0\0" + PADDING, "Windows"),
    "parquet": (b"PAR1" + PADDING, "Parquet"),
    "arrow": (b"ARROW1\0\0" + PADDING, "Arrow"),
    "sqlite": (database(), "SQLite"),
    "apple double": (b"\0\x05\x16\x07\0\x02\0\0Mac OS X" + PADDING, "macOS"),
    "empty": (b"", "empty"),
    "zeros": (bytes(300_000), "zeros"),
    "zeros, then numbers": (bytes(100_000) + PADDING * 300, "no checkpoint"),
    "noise": (bytes(range(128, 228)), "no checkpoint that Secateur knows"),
}


def refusal(path: Path) -> str:
    with pytest.raises(PrunerError) as raised:
        pruner.open_checkpoint(path)
    text = str(raised.value)
    assert text.startswith(f"{path}: ")
    assert_well_put(text.removeprefix(f"{path}: "))
    return text.removeprefix(f"{path}: ")


def assert_well_put(what: str) -> None:
    assert what.endswith((".", ").", "“")), what
    assert what[0].islower() or what.startswith("“"), what
    assert len(what) < 400, what
    assert what.isprintable(), what
    assert "corrupt" not in what.lower(), what


@pytest.mark.parametrize("suffix", [".pt", ".bin", ".dat"])
@pytest.mark.parametrize("kind", KINDS)
def test_that_a_file_is_named_for_what_it_is(tmp_path, kind, suffix):
    content, says = KINDS[kind]
    path = tmp_path / f"model{suffix}"
    path.write_bytes(content)
    assert re.search(says, refusal(path))


@pytest.mark.parametrize("kind", KINDS)
def test_that_a_file_that_is_named_safetensors_is_refused_too(tmp_path, kind):
    path = tmp_path / "model.safetensors"
    path.write_bytes(KINDS[kind][0])
    with pytest.raises(PrunerError, match=re.escape(str(path))):
        pruner.open_checkpoint(path)
    assert re.search(KINDS[kind][1], describe(path, KINDS[kind][0][:64]))


NAMES = {
    "model.pt.part": (b"\xfe" * 100, "download that has not finished"),
    "model.pt.crdownload": (zipped("a/data.pkl", content=bytes(500))[:200], "download that has not finished"),
    "model.ckpt.data-00000-of-00001": (b"\xfe" * 100, "part of a TensorFlow checkpoint"),
    "yolov3.weights": (struct.pack("<iiiq", 0, 2, 0, 32013312) + b"\xfe" * 100, "Darknet"),
    "model.pdparams": (pickle.dumps(dict(STATE), protocol=2), "plain pickle.*PaddlePaddle"),
    ".model.pt.icloud": (b"bplist00" + b"\xd1\x01\x02" * 20, "iCloud"),
    "model.yml": (b"one line\n", "YAML"),
    "rows.csv": (b"a, b\n1, 2\n", "CSV"),
}


@pytest.mark.parametrize("name", NAMES)
def test_that_a_name_tells_where_the_content_does_not(tmp_path, name):
    (tmp_path / name).write_bytes(NAMES[name][0])
    assert re.search(NAMES[name][1], refusal(tmp_path / name))


def test_that_what_lies_beside_a_file_tells_where_the_content_does_not(tmp_path):
    (tmp_path / "model.bin").write_bytes(b"\xfe" * 100)
    assert "no checkpoint" in refusal(tmp_path / "model.bin")
    (tmp_path / "model.xml").write_bytes(KINDS["openvino"][0])
    assert "OpenVINO" in refusal(tmp_path / "model.bin")
    (tmp_path / "model.bin.aria2").touch()
    assert "not finished" in refusal(tmp_path / "model.bin")


def test_that_an_archive_of_torch_that_was_packed_again_is_named(tmp_path):
    (tmp_path / "model.pt").write_bytes(zipped("data.pkl", "version", "data/0"))
    assert "packed again" in refusal(tmp_path / "model.pt")


FOLDERS = {
    "saved model": (["saved_model.pb", "variables/variables.index"], "TensorFlow SavedModel"),
    "tensorflow": (["checkpoint", "ckpt-3.index", "ckpt-3.data-00000-of-00001"], "TensorFlow checkpoint"),
    "orbax": (["_CHECKPOINT_METADATA", "default/manifest.ocdbt"], "Orbax"),
    "core ml": (["Manifest.json", "Data/com.apple.CoreML/model.mlmodel"], "Core ML"),
    "unpacked": (["data.pkl", "version", "data/0"], "unpacked"),
    "distributed": (["__0_0.distcp", "__1_0.distcp"], r"without its “\.metadata”"),
    "other": (["a.txt", "b/c.txt"], "nothing that Secateur opens.*“a.txt”, “b”"),
    "false": (["model.pt", "weights.bin"], "nothing that Secateur opens"),
}


@pytest.mark.parametrize("kind", FOLDERS)
def test_that_a_folder_is_named_for_what_is_in_it(tmp_path, kind):
    names, says = FOLDERS[kind]
    for name in names:
        (tmp_path / "f" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "f" / name).write_bytes(b"\xfe" * 20)
    assert re.search(says, refusal(tmp_path / "f"))


def test_that_an_empty_folder_is_named(tmp_path):
    assert "folder is empty" in refusal(tmp_path)


def test_that_a_folder_names_the_checkpoints_below_it_the_nearest_first(tmp_path):
    for name in ("z/deep/er/last.pt", "run/c.pth", "run/a.bin", "b.pt", "run/pickle.pt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        torch.save({"w": torch.ones(2)}, tmp_path / name)
    (tmp_path / "run/pickle.pt").write_bytes(pickle.dumps(STATE))
    assert "Open one of “b.pt”, “run/a.bin”, “run/c.pth”, … in it" in refusal(tmp_path)
    assert "Open “deep/er/last.pt” in it" in refusal(tmp_path / "z")
    (tmp_path / "run/a.bin").unlink()
    assert "one of “b.pt”, “run/c.pth”, “z/deep/er/last.pt” in it" in refusal(tmp_path)


def test_that_a_folder_names_a_distributed_checkpoint_below_it(tmp_path):
    (tmp_path / "runs/step-3").mkdir(parents=True)
    for name in (".metadata", "__0_0.distcp"):
        (tmp_path / "runs/step-3" / name).touch()
    assert "Open “runs/step-3” in it" in refusal(tmp_path / "runs/..")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_that_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "model.pt")
    assert "no ordinary file" in describe(tmp_path / "model.pt", b"")
    assert "nothing that Secateur opens" in describe(tmp_path, b"")


def test_that_a_file_that_went_away_is_no_surprise(tmp_path):
    assert_well_put(describe(tmp_path / "gone.pt", b"PK\x03\x04"))
    assert_well_put(describe(tmp_path / ("x" * 300), b"PK\x03\x04"))
    assert_well_put(describe(tmp_path / "nul\0byte", b"PK\x03\x04"))


beginnings = st.sampled_from(
    [content[:length] for content, _ in KINDS.values() for length in (1, 3, 8, 40, 200)]
    + [b"\x0a" + b"\xff" * 9 + b"\x01\x0a" + b"\xff" * 8 + b"\x7f\x12", b"\x80\x04\x8e" + b"\xff" * 8]
)


@given(beginnings, st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
@example(b"", b"S'\\d'\n.")
@example(TAR_OLD[:124] + b"\x80" + b"\xff" * 11, bytes(TAR_OLD[136:]))
def test_that_any_bytes_are_described_in_a_sentence_or_two(tmp_path_factory, start, rest):
    path = tmp_path_factory.getbasetemp() / "any.pt"
    path.write_bytes(bytes(start) + rest)
    what = describe(path, (bytes(start) + rest)[:64])
    assert_well_put(what)
    assert len(re.findall(r"[.:] [A-Z]", what)) <= 1 or "“" in what


def test_that_a_large_file_is_not_read_whole(tmp_path):
    with (tmp_path / "model.pt").open("wb") as file:
        file.truncate(1 << 40)
    assert "zeros" in refusal(tmp_path / "model.pt")


def test_that_naming_files_takes_neither_torch_nor_qt():
    code = "import sys, pruner.foreign; sys.exit(bool({'torch', 'PySide6'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
