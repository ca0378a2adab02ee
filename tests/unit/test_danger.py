"""Every class and function that a pickle names is judged by what it would do."""

from __future__ import annotations

import pickletools
import time
import zipfile
from pathlib import Path

import pytest

from pruner.pickles.danger import judge

PLAIN = [
    ("collections", "OrderedDict"),
    ("collections", "defaultdict"),
    ("torch._utils", "_rebuild_tensor_v2"),
    ("torch._utils", "_rebuild_parameter"),
    ("torch._tensor", "_rebuild_from_type_v2"),
    ("torch.nn.parameter", "Parameter"),
    ("torch", "float32"),
    ("torch", "BFloat16Storage"),
    ("torch.storage", "UntypedStorage"),
    ("torch", "Size"),
    ("torch", "device"),
    ("torch.serialization", "_get_layout"),
    ("torch.jit._pickle", "build_intlist"),
    ("__torch__.torch.nn.modules.linear", "Linear"),
    ("__torch__", "Net"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy", "dtype"),
    ("numpy.dtypes", "Float32DType"),
    ("__builtin__", "set"),
    ("__builtin__", "long"),
    ("builtins", "bytearray"),
    ("copy_reg", "_reconstructor"),
    ("_codecs", "encode"),
    ("datetime", "timedelta"),
    ("pathlib", "PosixPath"),
    ("uuid", "UUID"),
]
CODE = [
    ("torch.nn.modules.linear", "Linear"),
    ("torch.optim.adam", "Adam"),
    ("numpy.random._pickle", "__generator_ctor"),
    ("models.yolo", "Detect"),
    ("code.model", "Net"),
    ("trace.model", "Net"),
    ("transformers_modules.phi-2.modeling", "Phi"),
    ("__main__", "Net"),
    ("<torch_package_0>.net", "Net"),
    ("copyreg.extension", "1"),
    ("builtins", "print"),
    ("logging", "getLogger"),
    ("", ""),
]
DANGEROUS = [
    ("os", "system"),
    ("posix", "system"),
    ("nt", "startfile"),
    ("os.path", "os.system"),
    ("subprocess", "Popen"),
    ("commands", "getoutput"),
    ("builtins", "eval"),
    ("__builtin__", "eval"),
    ("__builtin__", "apply"),
    ("__builtins__", "eval"),
    ("builtins", "getattr"),
    ("sys", "modules"),
    ("importlib._bootstrap", "_call_with_frames_removed"),
    ("cPickle", "loads"),
    ("_pickle", "loads"),
    ("cloudpickle.cloudpickle", "_make_function"),
    ("marshal", "loads"),
    ("types", "FunctionType"),
    ("code", "InteractiveInterpreter.runcode"),
    ("trace", "Trace.runctx"),
    ("_io", "FileIO"),
    ("_posixsubprocess", "fork_exec"),
    ("_interpreters", "run_string"),
    ("pkgutil", "resolve_name"),
    ("pathlib", "PosixPath.unlink"),
    ("torch", "load"),
    ("torch.hub", "load"),
    ("torch.storage", "_load_from_bytes"),
    ("torch.jit", "load"),
    ("torch.serialization", "os.system"),
    ("torch", "serialization.os.system"),
    ("torch._utils", "_rebuild_tensor_v2.__globals__"),
    ("torch._utils", "_import_dotted_name"),
    ("torch.fx.graph_module", "reduce_graph_module"),
    ("torch._inductor.codecache", "compile_file"),
    ("torch.nn.modules.module", "functools.partial"),
    ("torch.testing._internal.common_utils", "shell"),
    ("numpy.testing._private.utils", "runstring"),
    ("numpy.f2py.crackfortran", "getlincoef"),
    ("numpy", "load"),
    ("six.moves.builtins", "eval"),
    ("harmless", "os.system"),
    ("harmless", "system"),
    ("harmless.subprocess", "x"),
    ("harmless", "Net.__init__.__globals__"),
    ("os\n", "system"),
    ("collections\nOrderedDict", "x"),
    ("torch._utils", "_rebuild_tensor_v2\ncos\nsystem\n"),
    ("\ud800", "x"),
]


@pytest.mark.parametrize("called", [True, False])
@pytest.mark.parametrize(
    ("verdict", "module", "name"),
    [
        (verdict, *where)
        for verdict, table in (("plain", PLAIN), ("code", CODE), ("dangerous", DANGEROUS))
        for where in table
    ],
)
def test_that_a_class_or_function_is_judged_by_what_it_would_do(verdict: str, module: str, name: str, called: bool):
    use = judge(module, name, called)
    assert (use.verdict, use.name, use.called) == (verdict, f"{module}.{name}", called)
    assert use.why.endswith((".", "…"))


def test_that_a_module_of_torch_is_explained_calmly():
    assert "class of torch" in judge("torch.nn.modules.conv", "Conv2d", True).why
    assert "TorchScript" in judge("__torch__.Net", "Net", True).why


def test_that_a_name_of_a_million_dots_is_judged_at_once():
    begun = time.process_time()
    judge("os", "." * 1_000_000, True)
    judge("a." * 1_000_000, "b", True)
    assert time.process_time() - begun < 2


def test_that_all_that_torch_writes_into_a_state_dict_is_plain(tmp_path: Path):
    import torch

    state = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2)).state_dict()
    state["sparse"] = torch.eye(3).to_sparse()
    state["half"] = torch.ones(2, dtype=torch.float8_e4m3fn)
    state["parameter"] = torch.nn.Parameter(torch.ones(2))
    state["complex"] = torch.ones(2, dtype=torch.complex64)
    torch.save(state, tmp_path / "state.pt")
    with zipfile.ZipFile(tmp_path / "state.pt") as archive:
        raw = archive.read("state/data.pkl")
    named_there = [argument.split(" ") for opcode, argument, _ in pickletools.genops(raw) if opcode.name == "GLOBAL"]
    assert len(named_there) > 8
    assert {judge(module, name, True).verdict for module, name in named_there} == {"plain"}


def test_that_all_that_torch_trusts_with_weights_only_is_plain():
    from torch import _weights_only_unpickler as trusted

    verdicts = {path: judge(*path.rpartition(".")[::2], True).verdict for path in trusted._get_allowed_globals()}
    assert {path for path, verdict in verdicts.items() if verdict != "plain"} == set()
