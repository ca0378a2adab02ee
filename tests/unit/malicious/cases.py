"""The hostile pickles: the classic payloads, the published bypasses of scanners, and what wears a reader out."""

from __future__ import annotations

import marshal
import os
import struct
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.unit.malicious.assembler import (
    BUILD,
    DICT,
    EMPTY,
    LIST,
    MARK,
    NONE,
    ORDERED,
    PERSISTENT,
    POP,
    PROTO,
    STOP,
    alone,
    beside,
    call,
    doubled,
    dumped,
    listed,
    mapping,
    named,
    new,
    number,
    on_stack,
    raw_bytes,
    several,
    tensor,
    text,
)
from tests.unit.malicious.canary import CANARY, COMMAND_TEXT, EXTENSIONS, SOURCE
from tests.unit.malicious.containers import legacy_file

TRAP, RESTORED, LOUD = (named(CANARY, name) for name in ("Trap", "Restored", "Loud"))
SYSTEM, COMMAND = named("os", "system"), text(COMMAND_TEXT)
BITE = call(SYSTEM, COMMAND)
IMPORT_OS = call(named("builtins", "__import__"), text("os"))


class Reduced:
    """What `pickle.dumps` itself makes of an object that says how to be rebuilt."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (COMMAND_TEXT,)


class ReducedState:
    """The same, with the call hidden in the state of a harmless object."""

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return dict, (), None, None, iter([("payload", Reduced())])


LAUGHS = LIST + b"".join(
    b"r" + struct.pack("<I", level) + POP + listed(*[b"j" + struct.pack("<I", level)] * 10) for level in range(40)
)
HASH_BOMB = doubled(EMPTY, 60, lambda again: again + b"\x86")
DEEP = 200_000


@dataclass(frozen=True)
class Case:
    """A hostile pickle.

    `lists` says that its tensors must be listed (in the container of torch.save), `bites` that Python really runs
    something when it loads the pickle, `names` what the listing has to call dangerous.
    """

    raw: bytes
    lists: bool = True
    bites: bool = True
    names: str = ""


def _case(payload: bytes, names: str = "", *, proto: int = 2, bites: bool = True, lists: bool = True) -> Case:
    return Case(beside(payload, PROTO[proto]), lists, bites, names)


def _refused(payload: bytes, *, bites: bool = False, proto: int = 2) -> Case:
    return Case(beside(payload, PROTO[proto]), False, bites)


_builtin = partial(named, "builtins")
_marshalled = raw_bytes(marshal.dumps(compile(SOURCE, "payload", "eval")))

CASES: dict[str, Case] = {
    # Every opcode that calls
    "reduce": _case(BITE, "os.system"),
    "reduce_alone": Case(alone(BITE), lists=False),
    "posix": _case(call(named(os.name, "system"), COMMAND), f"{os.name}.system"),
    "inst": _case(MARK + COMMAND + b"ios\nsystem\n", "os.system"),
    "obj": _case(MARK + SYSTEM + COMMAND + b"o", "os.system"),
    "newobj": _case(new(TRAP)),
    "newobj_of_a_function": _case(new(SYSTEM, COMMAND), "os.system", bites=False),
    "newobj_ex": _case(TRAP + EMPTY + mapping(key=COMMAND) + b"\x92", proto=4),
    "newobj_ex_of_a_function": _case(SYSTEM + several(COMMAND) + DICT + b"\x92", "os.system", proto=4, bites=False),
    "popped_call": _case(BITE + POP + NONE, "os.system"),
    "call_of_a_call": _case(call(call(_builtin("getattr"), IMPORT_OS, text("system")), COMMAND), "builtins.getattr"),
    "called_state": _case(new(RESTORED) + DICT + BUILD),
    "state_in_dict": _case(
        new(named("argparse", "Namespace")) + mapping(__setstate__=SYSTEM) + BUILD + COMMAND + BUILD, "os.system"
    ),
    "state_in_slots": _case(
        new(named("argparse", "Namespace")) + several(NONE, mapping(__setstate__=SYSTEM)) + BUILD + COMMAND + BUILD,
        "os.system",
    ),
    "state_of_a_class": _refused(TRAP + several(NONE, mapping(__new__=SYSTEM)) + BUILD, bites=True),
    "state_of_a_module_object": _case(call(_builtin("__import__"), text(CANARY)) + DICT + BUILD, "builtins.__import__"),
    "appends": _case(new(named(CANARY, "LoudList")) + MARK + NONE + b"e"),
    "set_items": _case(new(named(CANARY, "LoudDict")) + MARK + text("a") + NONE + b"u"),
    # Names: how they are built, and where they lead
    "stack_global": _case(call(on_stack("os", "system"), COMMAND), "os.system", proto=4),
    "dotted": _case(call(on_stack(CANARY, "os.system"), COMMAND), f"{CANARY}.os.system", proto=4),
    "dotted_torch": _case(
        call(on_stack("torch", "serialization.os.system"), COMMAND), "torch.serialization.os.system", proto=4
    ),
    "dotted_dunder": _case(call(on_stack(CANARY, "touch.__call__"), COMMAND), f"{CANARY}.touch.__call__", proto=4),
    "dotted_globals": _case(
        call(on_stack(CANARY, "touch.__globals__.get"), text("system")), f"{CANARY}.touch.__globals__.get", proto=4
    ),
    "memo_confusion": _case(
        b"".join((text("os"), b"q\x00", POP, text("system"), b"q\x01", POP))
        + b"".join((text("torch._utils"), b"\x94", POP, text("_rebuild_tensor_v2"), b"\x94", POP))
        + call(b"h\x00h\x01\x93", COMMAND),
        "os.system",
        proto=4,
    ),
    "names_of_other_strings": _case(
        call(b"U\x02os" + NONE + POP + b"2" + POP + b"T\x06\0\0\0system" + b"\x93", COMMAND), "os.system", proto=4
    ),
    "computed_name": _refused(
        call(call(named("_codecs", "decode"), raw_bytes(b"os")) + text("system") + b"\x93", COMMAND),
        bites=True,
        proto=4,
    ),
    "passed_on_name": _case(call(named(CANARY, "system"), COMMAND), f"{CANARY}.system"),
    "newline_in_module": _case(call(on_stack("os\n", "system"), COMMAND), "os\n.system", proto=4, bites=False),
    "newlines_make_opcodes": _case(
        on_stack("collections\nOrderedDict\n0cos\nsystem\n(X\r\0\0\0echo x>canarytR0ccollections", "OrderedDict"),
        proto=4,
        bites=False,
    ),
    "return_in_module": _case(call(named("os\r", "system\r"), COMMAND), "os\r.system\r", bites=False),
    "null_in_name": _case(call(on_stack("os", "system\0"), COMMAND), "os.system\0", proto=4, bites=False),
    "endless_name": _case(call(on_stack("os", "." * DEEP), COMMAND), proto=4, bites=False),
    "lone_surrogate": _case(call(on_stack("\ud800", "\udfff"), COMMAND), proto=4, bites=False),
    "import_only": _case(named(CANARY, "Trap")),
    "python_2": _case(call(named("__builtin__", "eval"), text(SOURCE)), "__builtin__.eval"),
    "python_2_commands": _case(call(named("commands", "getoutput"), COMMAND), "commands.getoutput"),
    **{f"extension_{code:#x}": _case(call(opcode.encode("latin-1"), COMMAND)) for code, opcode in EXTENSIONS.items()},
    "registered_extension": _case(
        call(named("copyreg", "add_extension"), text(CANARY), text("touch"), number(77))
        + POP
        + call(b"\x82\x4d", COMMAND),
        "copyreg.add_extension",
    ),
    # Functions that run text, bytes or other functions
    "eval": _case(call(_builtin("eval"), text(SOURCE)), "builtins.eval"),
    "exec": _case(call(_builtin("exec"), text(SOURCE)), "builtins.exec"),
    "compile": _case(
        call(_builtin("exec"), call(_builtin("compile"), text(SOURCE), text("x"), text("exec"))), "builtins.compile"
    ),
    "map": _case(call(_builtin("list"), call(_builtin("map"), SYSTEM, listed(COMMAND))), "builtins.map"),
    "partial": _case(call(call(named("functools", "partial"), SYSTEM, COMMAND)), "functools.partial"),
    "methodcaller": _case(
        call(call(named("operator", "methodcaller"), text("system"), COMMAND), IMPORT_OS), "operator.methodcaller"
    ),
    "attrgetter": _case(
        call(call(call(named("operator", "attrgetter"), text("system")), IMPORT_OS), COMMAND), "operator.attrgetter"
    ),
    "resolve_name": _case(
        call(call(named("pkgutil", "resolve_name"), text("os:system")), COMMAND), "pkgutil.resolve_name"
    ),
    "import_module": _case(call(named("importlib", "import_module"), text(CANARY)), "importlib.import_module"),
    "function_of_bytes": _case(
        call(
            call(
                named("types", "FunctionType"), call(named("marshal", "loads"), _marshalled), call(_builtin("globals"))
            )
        ),
        "types.FunctionType",
    ),
    "runpy": _case(call(named("runpy", "run_module"), text(CANARY)), "runpy.run_module"),
    "timeit": _case(call(named("timeit", "timeit"), text("pass"), text(SOURCE)), "timeit.timeit"),
    "runstring": _case(
        call(named("numpy.testing._private.utils", "runstring"), text(SOURCE), DICT),
        "numpy.testing._private.utils.runstring",
    ),
    "finalize": _case(call(named("weakref", "finalize"), call(_builtin("set")), SYSTEM, COMMAND), "weakref.finalize"),
    "pip": _case(call(named("pip", "main"), listed(text("--version"))), "pip.main", bites=False),
    "pty": _case(call(named("pty", "spawn"), text("true")), "pty.spawn", bites=False),
    "ctypes": _case(call(named("ctypes", "CDLL"), text("libc.so.6")), "ctypes.CDLL", bites=False),
    "webbrowser": _case(call(named("webbrowser", "open"), text("http://localhost")), "webbrowser.open", bites=False),
    "open_file": _case(call(_builtin("open"), text("canary"), text("w")), "builtins.open"),
    "subprocess": _case(call(named("subprocess", "getoutput"), COMMAND), "subprocess.getoutput"),
    # Pickles in pickles, and around them
    "nested": _case(call(named("pickle", "loads"), raw_bytes(alone(BITE))), "pickle.loads"),
    "behind_stop": Case(beside(NONE) + BITE + STOP, bites=False),
    "second_pickle": Case(beside(NONE) + alone(BITE), bites=False),
    "first_of_two": Case(alone(BITE) + beside(NONE), lists=False),
    "broken_after": Case(beside(BITE)[:-1] + b"\xff", lists=False),
    "cut_off_after": Case(beside(BITE)[:-1], lists=False),
    "text_protocol": Case(
        b"(dVpayload\ncos\nsystem\n(V" + COMMAND_TEXT.encode() + b"\ntRsVweight\n" + tensor() + b"s.", names="os.system"
    ),
    "frame_too_long": Case(
        PROTO[4] + b"\x95" + struct.pack("<Q", (1 << 63) - 1) + beside(BITE)[2:], bites=False, names="os.system"
    ),
    "frame_too_short": _case(BITE + b"\x95" + struct.pack("<Q", 1), "os.system", proto=5, bites=False),
    "wrong_protocol": Case(PROTO[0][:1] + b"\xc8" + beside(BITE)[2:], lists=False, bites=False),
    **{
        f"dumps_protocol_{protocol}": _case(
            dumped(Reduced(), protocol), f"{os.system.__module__}.system", proto=max(protocol, 2)
        )
        for protocol in range(6)
    },
    "dumps_in_items": _case(dumped(ReducedState(), 2), f"{os.system.__module__}.system"),
    # What is kept outside the pickle
    "persistent_call": _case(BITE + PERSISTENT, "os.system"),
    "persistent_text": _case(b"Pos.system('echo x>canary')\n", bites=False),
    "next_buffer": _refused(b"\x97", proto=5),
    "readonly_buffer": _refused(b"\x97\x98", proto=5),
    "bytearray": _case(call(_builtin("eval"), b"\x96" + struct.pack("<Q", len(SOURCE)) + SOURCE.encode()), proto=5),
    # torch's and numpy's own functions
    "torch_load": _case(call(named("torch", "load"), text("absent.pt")), "torch.load"),
    "torch_storage_load": _case(
        call(named("torch.storage", "_load_from_bytes"), raw_bytes(legacy_file(alone(BITE)))),
        "torch.storage._load_from_bytes",
    ),
    "torch_hub": _case(call(named("torch.hub", "load"), text("a/b"), text("c")), "torch.hub.load", bites=False),
    "torch_import": _case(
        call(call(named("torch._utils", "_import_dotted_name"), text("os.system")), COMMAND),
        "torch._utils._import_dotted_name",
    ),
    "torch_run": _case(call(named("torch.utils.collect_env", "run"), COMMAND), "torch.utils.collect_env.run"),
    "rebuild_from_type": _case(
        call(named("torch._tensor", "_rebuild_from_type_v2"), SYSTEM, named("torch", "Tensor"), several(COMMAND), DICT),
        "os.system",
    ),
    "rebuild_parameter_with_state": _case(
        call(named("torch._utils", "_rebuild_parameter_with_state"), tensor(), b"\x88", ORDERED, BITE), "os.system"
    ),
    "graph_module": _case(
        call(
            named("torch.fx.graph_module", "_forward_from_src"), text(f"{SOURCE}\ndef forward(self): pass"), DICT, NONE
        ),
        "torch.fx.graph_module._forward_from_src",
    ),
    "hooks": _case(tensor(hooks=BITE), "os.system"),
    "shape": _case(tensor(shape=BITE), "os.system"),
    "stride": _case(tensor(stride=several(BITE, number(1))), "os.system"),
    "storage_type": _case(
        tensor(several(text("storage"), SYSTEM, text("0"), text("cpu"), number(6))), "os.system", bites=False
    ),
    "storage_key": _case(
        tensor(several(text("storage"), named("torch", "FloatStorage"), BITE, text("cpu"), number(6))), "os.system"
    ),
    "storage_key_leads_out": _refused(
        tensor(several(text("storage"), named("torch", "FloatStorage"), text("../version"), text("cpu"), number(6)))
    ),
    "numpy_reconstruct": _case(
        call(named("numpy.core.multiarray", "_reconstruct"), SYSTEM, several(number(0)), raw_bytes(b"b")),
        "os.system",
        bites=False,
    ),
    "numpy_scalar": _case(
        call(named("numpy.core.multiarray", "scalar"), call(named("numpy", "dtype"), BITE), raw_bytes(b"1")),
        "os.system",
    ),
    "reconstructor": _case(call(named("copyreg", "_reconstructor"), RESTORED, _builtin("object"), NONE) + DICT + BUILD),
    # Places in a checkpoint that are read
    "pickled_module": Case(
        PROTO[2]
        + new(named(CANARY, "Net"))
        + mapping(
            training=b"\x89", _parameters=mapping(weight=tensor()), _buffers=mapping(), _modules=ORDERED, hook=BITE
        )
        + BUILD
        + STOP,
        names="os.system",
    ),
    "training_checkpoint": Case(
        PROTO[2] + mapping(state_dict=mapping(weight=tensor()), hyper_parameters=BITE, optimizer=BITE) + STOP,
        names="os.system",
    ),
    "call_as_key": Case(
        PROTO[2] + DICT + MARK + BITE + NONE + text("weight") + tensor() + b"u" + STOP, names="os.system"
    ),
    "call_as_name": _case(DICT + MARK + BITE + tensor() + b"u", "os.system"),
    "loud_key": _case(DICT + MARK + new(LOUD) + NONE + new(LOUD) + NONE + b"u"),
    "loud_set": _case(b"\x8f" + MARK + new(LOUD) + new(LOUD) + b"\x90", proto=4),
    "loud_frozenset": _case(MARK + new(LOUD) + new(LOUD) + b"\x91", proto=4),
    # What wears a reader out
    "hash_bomb_key": _refused(DICT + HASH_BOMB + NONE + b"s"),
    "hash_bomb_set": _refused(b"\x8f" + MARK + HASH_BOMB + b"\x90", proto=4),
    "hash_bomb_frozenset": _refused(MARK + HASH_BOMB + b"\x91", proto=4),
    "hash_bomb_storage_key": _case(
        tensor(several(text("storage"), named("torch", "FloatStorage"), HASH_BOMB, text("cpu"), number(6))),
        bites=False,
    ),
    "billion_laughs": _case(LAUGHS, bites=False),
    "billion_laughs_dict": _case(
        doubled(DICT, 40, lambda again: POP + DICT + text("a") + again + b"s" + text("b") + again + b"s"), bites=False
    ),
    "billion_laughs_tuple": _case(HASH_BOMB, bites=False),
    "billion_laughs_calls": _case(
        doubled(EMPTY, 60, lambda again: POP + call(named("collections", "OrderedDict"), again, again)), bites=False
    ),
    "own_member": _case(LIST + b"q\x00h\x00a", bites=False),
    "own_entry": _case(DICT + b"q\x00" + text("state_dict") + b"h\x00s", bites=False),
    "own_state": _case(new(RESTORED) + b"q\x00h\x00b"),
    "deep_lists": _case(LIST * DEEP + b"a" * (DEEP - 1), bites=False),
    "deep_tuples": _case(NONE + b"\x85" * DEEP, bites=False),
    "deep_calls": _case(named("a", "b") + b"q\x00" + b"h\x00" * 50_000 + NONE + b"\x85R" * 50_001, bites=False),
    "deep_parameters": _refused(
        named("torch._utils", "_rebuild_parameter") * 20_000 + tensor() + (b"\x89" + ORDERED + b"\x87R") * 20_000
    ),
    "deep_marks": _refused(MARK * DEEP),
    "memo_far_off": _case(LIST + b"r\x00\x00\x00\x80" + POP + b"j\x00\x00\x00\x80", bites=False),
    "memo_far_off_text": _case(LIST + b"p2147483648\n" + POP + b"g2147483648\n", bites=False),
    "long_too_long": _refused(b"\x8b\xff\xff\xff\x7f"),
    "long_negative": _refused(b"\x8b\xff\xff\xff\xff"),
    "long_short": Case(alone(b"\x8a\xff"), lists=False, bites=False),
    "text_too_long": _refused(b"\x8d" + b"\xff" * 8, proto=4),
    "bytes_too_long": _refused(b"\x8e" + struct.pack("<Q", 1 << 40), proto=4),
    "bytearray_too_long": _refused(b"\x96" + struct.pack("<Q", 1 << 62), proto=5),
    "integer_of_a_million_digits": _refused(b"I" + b"9" * 1_000_000 + b"\n"),
    "long_of_a_million_digits": _refused(b"L" + b"9" * 1_000_000 + b"L\n"),
    "put_of_a_million_digits": _refused(NONE + b"p" + b"9" * 1_000_000 + b"\n"),
    "expanded_without_end": _case(
        tensor(shape=several(number(1 << 40), number(1 << 10)), stride=several(number(0), number(0))),
        bites=False,
    ),
    "shape_overflows": _refused(tensor(shape=several(number(1 << 62), number(1 << 62)))),
    "many_dimensions": _case(
        tensor(shape=several(*[number(1)] * 20_000), stride=several(*[number(1)] * 20_000)), bites=False
    ),
}
