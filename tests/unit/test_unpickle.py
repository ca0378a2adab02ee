"""Pickles are read as data: the same values, and nothing is run."""

import contextlib
import io
import pickle
import subprocess
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import pruner
from pruner.pickles.repickle import write_pickle
from pruner.pickles.unpickle import UnpickleError, read_pickle
from pruner.pickles.values import Call, mapping_of

ATOMS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.binary())
KEYS = st.one_of(st.text(), st.integers(), st.booleans(), st.binary())
VALUES = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner), st.lists(inner).map(tuple), st.dictionaries(KEYS, inner), st.frozensets(KEYS), st.sets(KEYS)
    ),
    max_leaves=30,
)


def plain(value):
    """Values that protocols below 4 make by calling a builtin, as the builtin's own."""
    if isinstance(value, Call):
        name = str(value.function)
        args = plain(value.args)
        if name in ("__builtin__.set", "builtins.set"):
            return set(*args)
        if name in ("__builtin__.frozenset", "builtins.frozenset"):
            return frozenset(*args)
        if name == "_codecs.encode":
            return args[0].encode("latin-1")
        if name in ("__builtin__.bytes", "builtins.bytes"):
            return bytes(*args)
    if isinstance(value, (list, tuple)):
        return type(value)(plain(part) for part in value)
    if isinstance(value, dict):
        return {plain(key): plain(part) for key, part in value.items()}
    return {plain(part) for part in value} if isinstance(value, set) else value


@given(VALUES, st.integers(0, 5))
@settings(max_examples=200, deadline=None)
def test_that_plain_values_of_all_protocols_are_read_as_pickle_reads_them(value, protocol):
    data = pickle.dumps(value, protocol)
    pickled = read_pickle(data)
    found, length = pickled.value, pickled.length
    assert length == len(data)
    assert plain(found) == value


@given(VALUES)
@settings(max_examples=200, deadline=None)
def test_that_what_was_read_can_be_written_again(value):
    assert pickle.loads(write_pickle(read_pickle(pickle.dumps(value, 4)).value)) == value


def test_that_what_was_shared_stays_shared():
    shared = ["x"]
    again = pickle.loads(write_pickle(read_pickle(pickle.dumps({"a": shared, "b": shared, "c": [shared] * 3})).value))
    assert again["a"] is again["b"] is again["c"][2]


def test_that_ordered_dicts_are_seen_as_mappings():
    found = read_pickle(pickle.dumps(OrderedDict(a=1, b=2))).value
    assert mapping_of(found) == {"a": 1, "b": 2}


@given(VALUES, st.data())
@settings(max_examples=200, deadline=None)
def test_that_damaged_pickles_end_in_a_value_or_one_kind_of_error(value, data):
    raw = bytearray(pickle.dumps(value, data.draw(st.integers(0, 5))))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(UnpickleError):
        read_pickle(bytes(raw[: data.draw(st.integers(1, len(raw)))]))


CANARY = b"touch canary"
MALICIOUS = {
    "reduce": b"cos\nsystem\n(S'touch canary'\ntR.",
    "inst": b"(S'touch canary'\nios\nsystem\n.",
    "obj": b"(cos\nsystem\nS'touch canary'\no.",
    "newobj": b"\x80\x02cos\nsystem\n\x8c\x0ctouch canary\x85\x81.",
    "newobj_ex": b"\x80\x04cos\nsystem\n\x8c\x0ctouch canary\x85}\x92.",
    "stack_global": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x0ctouch canary\x85R.",
    "eval": b'cbuiltins\neval\n(S\'__import__("os").system("touch canary")\'\ntR.',
    "build": b"ccollections\nOrderedDict\n)R}S'__setstate__'\ncos\nsystem\nsb(S'touch canary'\ntb.",
    "getattr": b"cbuiltins\ngetattr\n(cos\npath\nS'x'\ntR(S'touch canary'\ntR.",
    "persistent": b"cos\nsystem\n(S'touch canary'\ntRQ.",
    "extension": b"\x82\x01(S'touch canary'\ntR.",
    "key": b"}cos\nsystem\n(S'touch canary'\ntRK\x01s.",
}


@pytest.mark.parametrize("name", MALICIOUS)
def test_that_malicious_pickles_run_nothing(tmp_path: Path, name: str):
    """As the pickle of a checkpoint, beside real weights; an audit hook and a canary watch."""
    attack = MALICIOUS[name].removesuffix(b".").removeprefix(b"\x80\x02").removeprefix(b"\x80\x04")
    weights = write_pickle(read_pickle(_pickle_of({"weight": torch.ones(3)})).value)
    body = weights[2:-1]
    buffer = io.BytesIO()
    torch.save({"weight": torch.ones(3)}, buffer)
    with zipfile.ZipFile(buffer) as source, zipfile.ZipFile(tmp_path / "m.pt", "w") as target:
        for entry in source.infolist():
            raw = source.read(entry)
            if entry.filename.endswith("data.pkl"):
                raw = b"\x80\x04}(\x8c\x06attack" + attack + b"\x8c\x0astate_dict" + body + b"u."
            target.writestr(entry.filename, raw)
    code = (
        "import sys; from pruner.cli import main; seen = [];"
        "sys.addaudithook(lambda event, _: seen.append(event) if event in "
        "('os.system', 'subprocess.Popen', 'os.exec', 'pickle.find_class', 'compile') else None);"
        "status = main(['inspect', 'm.pt', '--json']);"
        "assert not [e for e in seen if e != 'compile'], seen; sys.exit(status)"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert '"weight"' in found.stdout
    assert [file.name for file in tmp_path.iterdir()] == ["m.pt"]


def _pickle_of(value) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    with zipfile.ZipFile(buffer) as archive:
        return archive.read("archive/data.pkl")


def test_that_deep_and_wide_pickles_end_soon(tmp_path: Path):
    deep = b"\x80\x02" + b"]" * 200_000 + b"a" * 199_999 + b"."
    wide = b"\x80\x02]q\x00" + b"(h\x00h\x00h\x00h\x00h\x00h\x00h\x00h\x00eq\x00" * 30 + b"."
    keys = b"\x80\x02})q\x00" + b"h\x00h\x00h\x00\x87q\x00" * 40 + b"K\x01s."
    for raw in (deep, wide, keys, b"\x80\x02]r\xff\xff\xff\x7f.", b"\x80\x04\x8e" + b"\xff" * 8 + b"."):
        with zipfile.ZipFile(tmp_path / "m.pt", "w") as archive:
            archive.writestr("archive/data.pkl", raw)
        with pytest.raises(pruner.PrunerError, match=r"m\.pt"):
            pruner.open_checkpoint(tmp_path / "m.pt")
