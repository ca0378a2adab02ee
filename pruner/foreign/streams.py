"""Kinds of files that have no beginning of their own and are told by parsing: pickles, protobuf, MessagePack."""

from __future__ import annotations

import io
import pickletools
import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

_ARRAYS = "Save its arrays as safetensors or .npz first."
_SOURCE = "Prune the checkpoint that it was made from."

# ---- pickles ----------------------------------------------------------------------------------------------------

_TORCH_MAGIC = (b"\x8a\x0al\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", b"L119547037146038801333356L")
"""The number that `torch.save` wrote first before 1.6 (torch.serialization.MAGIC_NUMBER), as protocols write it."""
_WRITERS = {
    "sklearn": "scikit-learn",
    "joblib": "joblib",
    "dill": "dill",
    "cloudpickle": "cloudpickle",
    "paddle": "PaddlePaddle",
    "torch": "torch's tensors",
}


def describe_pickle(start: bytes, suffix: str) -> str | None:
    """What a plain pickle is; nothing in it is loaded, its opcodes are only walked."""
    if any(magic in start[:40] for magic in _TORCH_MAGIC):
        return "this begins like a file that torch saved before 1.6, but is not whole. Fetch or copy it again."
    modules = _walk(start)
    if modules is None:
        return None
    roots = {module.partition(".")[0] for module in modules}
    writer = next((name for root, name in _WRITERS.items() if root in roots), "")
    if suffix in (".pdparams", ".pdopt"):
        writer = "PaddlePaddle"
    return (
        f"this is a plain pickle{f' (of {writer})' if writer else ''}, not a file of torch.save; it is not opened, "
        "since loading it can run code. Where you trust its source, load it in Python and save its arrays as "
        "safetensors."
    )


def _walk(data: bytes) -> set[str] | None:
    """The modules that the pickle at the start of `data` names; None where this is no pickle.

    A pickle of protocol 2 or newer states that, and a few opcodes settle it (joblib puts raw numbers further on). A
    text can begin as an older one does, so that has to end with one object left, or to go on for long.
    """
    stack: list[bool] = []  # whether a mark
    modules: set[str] = set()
    strings = ["", ""]
    stream = io.BytesIO(data)
    steps = 0
    for opcode, argument in _opcodes(stream):
        if opcode.name == "STOP" and stack == [False] and (steps > 2 or stream.tell() == len(data)):
            return modules
        if not _apply(opcode, stack):
            return modules if data[:1] == b"\x80" and steps > 2 else None
        steps += 1
        if opcode.name in ("GLOBAL", "INST"):
            modules.add(str(argument).partition(" ")[0])
        elif opcode.name == "STACK_GLOBAL":
            modules.add(strings[-2])
        elif isinstance(argument, str):
            strings = [strings[-1], argument]
    enough = 2 if data[:1] == b"\x80" else 50 if stream.tell() == len(data) else len(data)
    return modules if steps > enough else None


def _opcodes(stream: io.BytesIO) -> Iterator[tuple[pickletools.OpcodeInfo, object]]:
    """The opcodes up to the first that is none, or is cut off."""
    try:
        for opcode, argument, _ in pickletools.genops(stream):
            if opcode.name == "PROTO" and argument not in range(6):
                return
            yield opcode, argument
    except Exception:  # pickletools does not say what it raises for bytes that are no pickle
        return


def _apply(opcode: pickletools.OpcodeInfo, stack: list[bool]) -> bool:
    """Do to the stack what an opcode does; False where it cannot."""
    before = list(opcode.stack_before)
    if pickletools.markobject in before:
        while stack and not stack.pop():
            pass
        before = before[: before.index(pickletools.markobject)]
    if len(before) > len(stack):
        return False
    del stack[len(stack) - len(before) :]
    stack.extend(one is pickletools.markobject for one in opcode.stack_after)
    return True


# ---- protobuf ---------------------------------------------------------------------------------------------------

_VARINT, _LENGTH = 0, 2
_MOST_FIELDS = 64


class _Field(NamedTuple):
    number: int
    wire: int
    begin: int
    end: int
    value: int


class _Message(NamedTuple):
    """A kind of message: the wire types of its fields, and which fields it must have; for each of those, which
    numbers the first fields of the message in it may have."""

    what: str
    wires: dict[int, int]
    needs: tuple[tuple[range, tuple[tuple[int, ...], ...]], ...]


def _one(number: int) -> range:
    return range(number, number + 1)


_MESSAGES = (
    # onnx/onnx: onnx/onnx.proto, ModelProto and GraphProto
    _Message(
        f"this is an ONNX model. {_SOURCE}",
        {1: 0, 2: 2, 3: 2, 4: 2, 5: 0, 6: 2, 7: 2, 8: 2, 14: 2, 20: 2, 25: 2, 26: 2},
        ((_one(1), ()), (_one(7), ((1, 2, 5, 10, 11, 12, 13),))),
    ),
    # apple/coremltools: mlmodel/format/Model.proto; 200 and above are the kinds of models
    _Message(
        f"this is a Core ML model. {_SOURCE}",
        {1: 0, 2: 2, 10: 0, **dict.fromkeys(range(200, 3001), 2)},
        ((_one(1), ()), (_one(2), ()), (range(200, 3001), ())),
    ),
    # tensorflow/tensorflow: core/protobuf/saved_model.proto and meta_graph.proto
    _Message(
        f"this is a TensorFlow SavedModel. {_ARRAYS}",
        {1: 0, 2: 2},
        ((_one(1), ()), (_one(2), ((1, 2),))),
    ),
    # tensorflow/tensorflow: core/framework/graph.proto and node_def.proto; each node begins with its name and its op
    _Message(
        f"this is a frozen graph of TensorFlow. {_ARRAYS}",
        {1: 2, 2: 2, 3: 0, 4: 2},
        ((_one(1), ((1,), (2,))),),
    ),
    # BVLC/caffe: src/caffe/proto/caffe.proto, NetParameter; 100 are layers, 2 are layers of the first version
    _Message(
        f"this is a model of Caffe. {_ARRAYS}",
        {1: 2, 2: 2, 3: 2, 4: 0, 5: 0, 6: 2, 7: 0, 8: 2, 100: 2},
        ((_one(1), ()), (range(100, 101), ((1,), (2,)))),
    ),
    _Message(
        f"this is a model of Caffe. {_ARRAYS}",
        {1: 2, 2: 2, 3: 2, 4: 0, 5: 0, 6: 2, 7: 0, 8: 2},
        ((_one(1), ()), (_one(2), ((2, 3, 4), (2, 3, 4)))),
    ),
)


def describe_protobuf(file: BinaryIO, size: int) -> str | None:
    """Which model a protobuf message is (protobuf.dev, “Encoding”): it has no magic number, but a strict shape."""
    fields = list(_fields(file, 0, size))
    if not fields or fields[0].number != 1 or fields[0].value > 100:
        return None
    return next((message.what for message in _MESSAGES if _fits(file, size, fields, message)), None)


def _fits(file: BinaryIO, size: int, fields: list[_Field], message: _Message) -> bool:
    if any(message.wires.get(field.number) != field.wire for field in fields):
        return False
    for numbers, inner in message.needs:
        field = next((field for field in fields if field.number in numbers), None)
        if field is None:
            return False
        parts = _fields(file, field.begin, min(field.end, size))
        for allowed in inner:
            part = next(parts, None)
            if part is None or part.number not in allowed or part.wire != _LENGTH:
                return False
    return True


def _fields(file: BinaryIO, begin: int, end: int) -> Iterator[_Field]:
    """The first fields of the message between two places; one of number 0 stands for what is no field.

    The last may reach beyond the end, where a file is cut off.
    """
    for _ in range(_MOST_FIELDS):
        if begin >= end:
            return
        file.seek(begin)
        data = file.read(20)
        tag, used = _varint(data, 0)
        value, after = _varint(data, used)
        number, wire = tag >> 3, tag & 7
        if not used or wire not in (_VARINT, _LENGTH) or after == used:
            yield _Field(0, wire, begin, begin, 0)
            return
        stop = begin + after + (value if wire == _LENGTH else 0)
        yield _Field(number, wire, begin + after, stop, value if wire == _VARINT else 0)
        begin = stop


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number and the place behind it; the same place where there is none."""
    value = 0
    for index, byte in enumerate(data[at : at + 10]):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value, at + index + 1
    return 0, at


# ---- MessagePack ------------------------------------------------------------------------------------------------

_MAP = rb"(?:[\x81-\x8f]|\xde..|\xdf....)"
_KEY = rb"(?:%b)" % b"|".join(rb"%b[\w./ -]{%d}" % (bytes([0xA0 + length]), length) for length in range(1, 32))
_LEAF = rb"(?:(?:\xc7.|\xc8..|\xc9....|[\xd4-\xd8])[\x01-\x03]|[\0-\x7f\xc3]" + _KEY + rb")"
_FLAX = re.compile(rb"%b%b(?:%b%b){0,20}%b" % (_MAP, _KEY, _MAP, _KEY, _LEAF), re.DOTALL)
"""Maps by names that lead to an array or a number, extensions 1 to 3 (google/flax: flax/serialization.py), or to a
small number and the next name."""


def describe_messagepack(start: bytes) -> str | None:
    """What a file in MessagePack (msgpack/msgpack: spec.md) is: Flax saves trees of arrays so."""
    return f"this is a MessagePack file, as Flax saves it. {_ARRAYS}" if _FLAX.match(start[: 1 << 12]) else None
