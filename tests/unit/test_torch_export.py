"""Packages of torch.export hold for Secateur what they hold for torch, in the present layout and the previous one."""

import io
import itertools
import json
import os
import warnings
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.export import ExportedProgram
from torch.nn.utils import prune as torch_prune

import pruner
from pruner import Cancelled, Plan, PrunerError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:torch", "ignore::UserWarning:torch")

DTYPES = (
    *(torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8),
    *(torch.uint8, torch.uint16, torch.uint32, torch.uint64, torch.bool, torch.complex32, torch.complex64),
    *(torch.complex128, torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz),
    torch.float8_e8m0fnu,
)
LAYOUTS = ("present", "previous", "deflated")
PRUNED = ("turned", "conv.weight", "block.0.inner.deep.weight", "head.weight", "tied.weight")


class Deep(nn.Module):
    """A module in a module in a module."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.ModuleDict({"deep": nn.Linear(16, 16)})

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return self.inner["deep"](values)


class Net(nn.Module):
    """Tensors of all makes that a program can hold."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3).to(memory_format=torch.channels_last)
        self.norm = nn.BatchNorm2d(4)
        self.block = nn.Sequential(Deep(), nn.ReLU())
        self.head, self.tied = nn.Linear(16, 16), nn.Linear(16, 16)
        self.tied.weight = self.head.weight
        self.turned = nn.Parameter(torch.randn(16, 16).t())
        whole = torch.randn(10, 16)
        self.above, self.below = nn.Parameter(whole[2:5]), nn.Parameter(whole[4:7])
        self.register_buffer("passing", torch.randn(16), persistent=False)
        self.register_buffer("scalar", torch.tensor(2.5))
        self.register_buffer("empty", torch.zeros(0, 3))
        self.fixed = torch.randn(16)
        for dtype in DTYPES:
            values = torch.randint(0, 256, (8 * dtype.itemsize,), dtype=torch.uint8)
            self.register_buffer(
                f"as_{dtype}".replace(".", "_"), (values % 2 if dtype is torch.bool else values).view(dtype)
            )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        values = self.norm(self.conv(images)).flatten(1)[:, :16]
        values = self.tied(self.head(values)) @ self.turned + self.scalar + self.passing + self.fixed
        return self.block(values) + self.above.sum() + self.below.sum() + self.empty.sum()


@pytest.fixture(scope="module")
def net() -> Net:
    torch.manual_seed(0)
    with warnings.catch_warnings(action="ignore"):
        return Net().eval()


@pytest.fixture(scope="module")
def program(net: Net) -> ExportedProgram:
    with warnings.catch_warnings(action="ignore"):
        return torch.export.export(net, (torch.randn(2, 1, 8, 8),))


@pytest.fixture(scope="module")
def small() -> ExportedProgram:
    return torch.export.export(nn.Linear(3, 2), (torch.randn(1, 3),))


def write(program: ExportedProgram, path: Path, layout: str) -> Path:
    """The present layout by torch; the previous one as torch 2.7 wrote it, whose zip was Python's."""
    from torch._export.serde.schema import SCHEMA_VERSION
    from torch._export.serde.serialize import serialize

    if layout == "present":
        torch.export.save(program, path, extra_files={"note.txt": "kept"})
        return path
    parts = serialize(program)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if layout == "deflated" else zipfile.ZIP_STORED) as archive:
        archive.writestr("serialized_exported_program.json", parts.exported_program)
        archive.writestr("serialized_state_dict.pt", parts.state_dict)
        archive.writestr("serialized_constants.pt", parts.constants)
        archive.writestr("serialized_example_inputs.pt", parts.example_inputs)
        archive.writestr("version", ".".join(map(str, SCHEMA_VERSION)))
    return path


@pytest.fixture(scope="module")
def written(program: ExportedProgram, tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("programs")
    with warnings.catch_warnings(action="ignore"):
        return {layout: write(program, folder / f"{layout}.pt2", layout) for layout in LAYOUTS}


@pytest.fixture(scope="module")
def plain(small: ExportedProgram, tmp_path_factory) -> Path:
    return write(small, tmp_path_factory.mktemp("plain") / "plain.pt2", "present")


def raw(tensor: torch.Tensor) -> bytes:
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def load(path: Path) -> ExportedProgram:
    with warnings.catch_warnings(action="ignore"):
        return torch.export.load(path)


def rewritten(source: Path, target: Path, changed: dict[str, bytes | None]) -> Path:
    """The archive with other contents for entries by the end of their names, or without them."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = next((value for end, value in changed.items() if name.endswith(end)), old.read(name))
            if content is not None:
                new.writestr(name, content)
    return target


def config_of(path: Path) -> dict:
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("plain/data/weights/model_weights_config.json"))


def inner_archive(path: Path) -> zipfile.ZipFile:
    with zipfile.ZipFile(path) as outer:
        return zipfile.ZipFile(io.BytesIO(outer.read("serialized_state_dict.pt")))


def pruned(checkpoint: pruner.Checkpoint, names: tuple[str, ...] = PRUNED) -> pruner.Pruning:
    return pruner.prune(checkpoint, Plan.match(checkpoint, dict.fromkeys(names, 0.5)), device="cpu")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_that_weights_are_those_of_torchs_state_dict(written, layout):
    checkpoint, expected = pruner.open_checkpoint(written[layout]), load(written[layout]).state_dict
    assert checkpoint.format == "torch_export"
    assert checkpoint.roots == ("", "constants")
    assert list(checkpoint.tensors) == list(expected)
    for name, value in expected.items():
        info, read = checkpoint[name], checkpoint.read(name)
        assert (read.dtype, read.shape, read.stride()) == (value.dtype, value.shape, value.stride()), name
        assert raw(read) == raw(value), name
        assert info.kind == ("parameter" if isinstance(value, nn.Parameter) else "buffer")
        twins = {
            other
            for other, tensor in expected.items()
            if other != name and value.numel() and tensor.data_ptr() and tensor.numel()
            if tensor.untyped_storage().data_ptr() == value.untyped_storage().data_ptr()
        }
        assert set(info.shares_storage_with) == twins, name


@pytest.mark.parametrize("layout", LAYOUTS)
def test_that_constants_are_a_root_of_their_own(written, layout):
    checkpoint, expected = pruner.open_checkpoint(written[layout], "constants"), load(written[layout]).constants
    assert set(checkpoint.tensors) == set(expected) == {"passing", "fixed"}
    assert (checkpoint["passing"].kind, checkpoint["fixed"].kind) == ("buffer", "tensor")
    for name, value in expected.items():
        assert raw(checkpoint.read(name)) == raw(value)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_that_modules_have_the_types_that_the_program_tells(written, layout):
    types = {module.name: module.type for module in pruner.open_checkpoint(written[layout]).modules}
    assert types["conv"] == "torch.nn.modules.conv.Conv2d"
    assert types["block.0.inner.deep"] == "torch.nn.modules.linear.Linear"
    assert types["block.1"] == "torch.nn.modules.activation.ReLU"
    assert types[""].endswith(".Net")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_that_a_patched_program_runs_with_torchs_pruning(written, net, tmp_path, layout):
    source = written[layout]
    before = source.read_bytes()
    checkpoint = pruner.open_checkpoint(source)
    saved = pruner.save(checkpoint, pruned(checkpoint), tmp_path / "out.pt2")
    assert saved.notes == ()
    assert source.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["out.pt2"]
    program, values = load(tmp_path / "out.pt2"), dict(load(source).state_dict)
    for name in ("turned", "conv.weight", "block.0.inner.deep.weight", "head.weight"):
        contiguous = values[name].detach().contiguous()  # torch itself cannot prune what is not
        values[name] = torch_prune.L1Unstructured(0.5).prune(contiguous) + 0.0
    values["tied.weight"] = values["head.weight"]
    for name, value in program.state_dict.items():
        assert raw(value) == raw(values[name]), name
    images = torch.randn(2, 1, 8, 8)
    expected = torch.func.functional_call(net, {n: v for n, v in values.items() if n != "tied.weight"}, images)
    torch.testing.assert_close(program.module()(images), expected)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_that_the_checksums_of_a_patched_copy_are_right(written, tmp_path, layout):
    checkpoint, out = pruner.open_checkpoint(written[layout]), tmp_path / "out.pt2"
    pruner.save(checkpoint, pruned(checkpoint), out)
    with zipfile.ZipFile(out) as archive, zipfile.ZipFile(written[layout]) as source:
        assert archive.testzip() is None
        assert archive.namelist() == source.namelist()
        packings = [entry.compress_type for entry in source.infolist()]
        assert [entry.compress_type for entry in archive.infolist()] == packings
        changed = [name for name in source.namelist() if archive.read(name) != source.read(name)]
    if layout == "present":
        assert len(changed) == 4
    else:
        assert changed == ["serialized_state_dict.pt"]
        with inner_archive(out) as inner:
            assert inner.testzip() is None


@pytest.mark.parametrize("layout", ["present", "previous"])
def test_that_nothing_but_pruned_elements_and_checksums_differs(written, tmp_path, layout):
    checkpoint, out = pruner.open_checkpoint(written[layout]), tmp_path / "out.pt2"
    pruner.save(checkpoint, pruned(checkpoint), out)
    before, after = written[layout].read_bytes(), out.read_bytes()
    assert len(before) == len(after)
    touched: set[int] = set()
    for name in PRUNED:
        info = checkpoint[name]
        first, length = info.span
        touched.update(range(info.storage.offset + first, info.storage.offset + first + length))
    places = [place for place in range(len(before)) if before[place] != after[place] and place not in touched]
    assert 0 < len(places) <= 4 * 2 * (4 + (layout == "previous"))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_that_a_patch_cancelled_at_any_step_leaves_nothing(written, tmp_path, layout):
    checkpoint = pruner.open_checkpoint(written[layout])
    pruning = pruned(checkpoint)
    for limit in itertools.count(1):
        steps = itertools.count(1)

        def stop(*_: object, steps=steps, limit=limit) -> None:
            if next(steps) == limit:
                raise Cancelled

        try:
            pruner.save(checkpoint, pruning, tmp_path / "out.pt2", progress=stop)
        except Cancelled:
            assert not list(tmp_path.iterdir())
        else:
            break
    assert limit > 4


def test_that_damaged_numbers_are_told_of(written, tmp_path):
    for layout in LAYOUTS[:2]:
        info = pruner.open_checkpoint(written[layout])["turned"]
        data = bytearray(written[layout].read_bytes())
        data[info.storage.offset] ^= 1
        broken = tmp_path / f"{layout}.pt2"
        broken.write_bytes(data)
        checkpoint = pruner.open_checkpoint(broken)
        saved = pruner.save(checkpoint, pruned(checkpoint, ("turned",)), tmp_path / "out.pt2")
        assert "turned" in "".join(saved.notes)


def test_that_several_programs_are_roots_by_their_names(program, small, tmp_path):
    from torch.export.pt2_archive._package import load_pt2, package_pt2

    path = tmp_path / "both.pt2"
    package_pt2(path, exported_programs={"large": program, "small": small})
    checkpoint = pruner.open_checkpoint(path, "small")
    assert checkpoint.roots == ("large", "small", "large.constants")
    out = tmp_path / "out.pt2"
    pruner.save(checkpoint, pruned(checkpoint, ("weight",)), out)
    loaded = load_pt2(out).exported_programs
    assert (loaded["small"].state_dict["weight"] == 0).sum() == 3
    for name, value in loaded["large"].state_dict.items():
        assert raw(value) == raw(program.state_dict[name])
    assert set(pruner.open_checkpoint(path).tensors) == set(program.state_dict)


def test_that_weights_beside_compiled_code_are_listed_and_patched(tmp_path):
    from torch.export.pt2_archive._package import package_pt2
    from torch.export.pt2_archive._package_weights import TensorProperties, Weights

    whole = torch.randn(6, 4)
    weights = {"fc.weight": whole, "fc.part": whole[2:4], "fc.bias": torch.randn(3)}
    (tmp_path / "code.so").write_bytes(b"\x7fELF")
    described = Weights({name: (value, TensorProperties(value)) for name, value in weights.items()})
    package_pt2(tmp_path / "m.pt2", aoti_files={"model": [described, str(tmp_path / "code.so")]})
    checkpoint = pruner.open_checkpoint(tmp_path / "m.pt2")
    assert {name: info.shares_storage_with for name, info in checkpoint.tensors.items()} == {
        "fc.weight": ("fc.part",),
        "fc.part": ("fc.weight",),
        "fc.bias": (),
    }
    assert any("compiled" in warning for warning in checkpoint.warnings)
    for name, value in weights.items():
        assert torch.equal(checkpoint.read(name), value)
    pruner.save(checkpoint, pruned(checkpoint, ("fc.weight",)), tmp_path / "out.pt2")
    with zipfile.ZipFile(tmp_path / "out.pt2") as archive:
        assert archive.testzip() is None
        (name,) = (name for name in archive.namelist() if name.endswith("data/weights/weight_0"))
        loaded = torch.load(io.BytesIO(archive.read(name)), weights_only=True)
    assert torch.equal(loaded, torch_prune.L1Unstructured(0.5).prune(whole))


def test_that_compiled_code_with_its_weights_inside_is_named(tmp_path):
    from torch.export.pt2_archive._package import package_pt2

    (tmp_path / "code.so").write_bytes(b"\x7fELF")
    package_pt2(tmp_path / "m.pt2", aoti_files=[str(tmp_path / "code.so")])
    with pytest.raises(PrunerError, match=r"m\.pt2: its weights have no names, they belong to compiled code"):
        pruner.open_checkpoint(tmp_path / "m.pt2")


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_that_a_pickled_weight_is_read_and_patched(plain, small, tmp_path, packing):
    value, buffer = nn.Parameter(torch.randn(2, 3)), io.BytesIO()
    torch.save(value, buffer)
    config = config_of(plain)
    config["config"]["weight"]["use_pickle"] = True
    entry = config["config"]["weight"]["path_name"]
    path = rewritten(
        plain, tmp_path / "m.pt2", {entry: buffer.getvalue(), "weights_config.json": json.dumps(config).encode()}
    )
    if packing:
        with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "packed.pt2", "w", packing) as new:
            for name in old.namelist():
                new.writestr(name, old.read(name))
        path = tmp_path / "packed.pt2"
    checkpoint = pruner.open_checkpoint(path)
    assert torch.equal(checkpoint.read("weight"), load(path).state_dict["weight"])
    assert checkpoint["weight"].kind == "parameter"
    assert "torch._utils._rebuild_parameter" in {one.name for one in checkpoint.globals}
    pruner.save(checkpoint, pruned(checkpoint, ("weight", "bias")), tmp_path / "out.pt2")
    loaded = load(tmp_path / "out.pt2").state_dict
    assert torch.equal(loaded["weight"], torch_prune.L1Unstructured(0.5).prune(value))
    assert (loaded["bias"] == 0).sum() == 1
    with zipfile.ZipFile(tmp_path / "out.pt2") as archive:
        assert archive.testzip() is None


def test_that_the_layout_of_torch_28_with_nested_files_opens(small, plain, tmp_path):
    state = io.BytesIO()
    torch.save(small.state_dict, state)
    path = tmp_path / "m.pt2"
    changed = {"weights_config.json": None, "constants_config.json": None, "/weight_1": None}
    rewritten(plain, tmp_path / "part.pt2", changed)
    with zipfile.ZipFile(tmp_path / "part.pt2") as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            if not name.endswith("/weight_0"):
                new.writestr(name, old.read(name))
        new.writestr("plain/data/weights/model.pt", state.getvalue())
        new.writestr("plain/data/constants/model.pt", b"")
    checkpoint = pruner.open_checkpoint(path)
    assert list(checkpoint.tensors) == ["weight", "bias"]
    pruner.save(checkpoint, pruned(checkpoint, ("weight",)), tmp_path / "out.pt2")
    loaded = load(tmp_path / "out.pt2").state_dict
    assert torch.equal(loaded["weight"], torch_prune.L1Unstructured(0.5).prune(small.state_dict["weight"].detach()))
    assert torch.equal(loaded["bias"], small.state_dict["bias"])


class Trap:
    """Runs a command when a pickle with it is loaded."""

    def __reduce__(self):
        return os.system, ("touch trapped",)


@pytest.mark.parametrize("entry", ["serialized_state_dict.pt", "serialized_example_inputs.pt"])
def test_that_pickles_inside_are_described_and_never_run(small, tmp_path, monkeypatch, entry):
    monkeypatch.chdir(tmp_path)
    buffer = io.BytesIO()
    torch.save({"weight": torch.ones(2), "trap": Trap()}, buffer)
    source = write(small, tmp_path / "source.pt2", "previous")
    path = rewritten(source, tmp_path / "m.pt2", {entry: buffer.getvalue()})
    checkpoint = pruner.open_checkpoint(path)
    checkpoint.read("weight")
    assert {f"{os.system.__module__}.system"} <= {one.name for one in checkpoint.globals if one.verdict == "dangerous"}
    assert len({one.name for one in checkpoint.globals}) == len(checkpoint.globals)
    assert not (tmp_path / "trapped").exists()


LIES = {
    "path outside": ({"path_name": "../models/model.json"}, {}, "the numbers of “weight” are missing"),
    "path to the description": ({"path_name": "model_weights_config.json"}, {}, "the numbers of “weight” are missing"),
    "missing entry": ({"path_name": "weight_9"}, {}, "the numbers of “weight” are missing"),
    "path of a wrong kind": ({"path_name": 3}, {}, "the numbers of “weight” are missing"),
    "no description": ({"tensor_meta": None}, {}, "“weight” is not described"),
    "unknown type": ({}, {"dtype": 99}, "“weight” is of the type 99"),
    "type of a wrong kind": ({}, {"dtype": True}, "“weight” is of the type True"),
    "unknown layout": ({}, {"layout": 0}, "“weight” has the layout 0"),
    "too large": ({}, {"sizes": [{"as_int": 3}, {"as_int": 3}]}, "“weight” reaches beyond its storage"),
    "huge": ({}, {"sizes": [{"as_int": 1 << 62}, {"as_int": 3}]}, "“weight” reaches beyond its storage"),
    "endless": ({}, {"sizes": [{"as_int": 10**4000}, {"as_int": 3}]}, "“weight” has no proper shape"),
    "negative size": ({}, {"sizes": [{"as_int": -2}, {"as_int": 3}]}, "“weight” has no proper shape"),
    "symbolic size": ({}, {"sizes": [{"as_expr": "s0"}, {"as_int": 3}]}, "“weight” has no proper shape"),
    "sizes of a wrong kind": ({}, {"sizes": 6}, "“weight” has no proper shape"),
    "negative stride": ({}, {"strides": [{"as_int": 3}, {"as_int": -1}]}, "“weight” has no proper shape"),
    "too few strides": ({}, {"strides": [{"as_int": 1}]}, "“weight” has 2 sizes and 1 strides"),
    "negative offset": ({}, {"storage_offset": {"as_int": -1}}, "“weight” has no proper shape"),
    "offset too far": ({}, {"storage_offset": {"as_int": 1}}, "“weight” reaches beyond its storage"),
    "bytes of another type": ({"path_name": "weight_1"}, {"dtype": 3}, "the bytes of a tensor of another type"),
    "no pickle": ({"use_pickle": True}, {}, "“data/weights/weight_0”"),
}


@pytest.mark.parametrize("lie", LIES)
def test_that_a_lying_description_is_named_with_file_and_tensor(plain, tmp_path, lie):
    payload, meta, message = LIES[lie]
    config = config_of(plain)
    config["config"]["weight"]["tensor_meta"].update(meta)
    config["config"]["weight"].update(payload)
    path = rewritten(plain, tmp_path / "lie.pt2", {"weights_config.json": json.dumps(config).encode()})
    with pytest.raises(PrunerError, match=r"lie\.pt2: ") as raised:
        pruner.open_checkpoint(path)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"config": {"a": {}, "a": {}}}', "has “a” twice"),
        (b"[]", "is no JSON object"),
        (b"{", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b'{"config": 1}', "describes nothing"),
        (b'{"config": {"weight": 1}}', "the numbers of “weight” are missing"),
        (None, "its entry “data/weights/model_weights_config.json” is missing"),
        (b'{"config": {}}', "there are no weights"),
    ],
)
def test_that_a_broken_description_is_named(plain, tmp_path, content, message):
    path = rewritten(plain, tmp_path / "broken.pt2", {"weights_config.json": content})
    with pytest.raises(PrunerError, match=message):
        pruner.open_checkpoint(path)


@pytest.mark.parametrize("content", [b"PK\x03\x04 no archive", b"no pickle", b"\x80\x02K\x01."])
def test_that_a_broken_file_of_weights_is_named(small, tmp_path, content):
    source = write(small, tmp_path / "source.pt2", "previous")
    path = rewritten(source, tmp_path / "broken.pt2", {"serialized_state_dict.pt": content})
    with pytest.raises(PrunerError, match=r"broken\.pt2: "):
        pruner.open_checkpoint(path)


def test_that_a_weight_without_numbers_is_listed_and_kept(plain, tmp_path):
    path = rewritten(plain, tmp_path / "fake.pt2", {"/weight_0": b""})
    assert pruner.open_checkpoint(path)["weight"].layout == "meta"


def test_that_packages_are_known_by_content_and_others_are_not_taken_for_them(plain, tmp_path):
    path = tmp_path / "model.bin"
    path.write_bytes(plain.read_bytes())
    assert pruner.open_checkpoint(path).format == "torch_export"
    torch.save({"weight": torch.ones(2)}, tmp_path / "state.pt2")
    assert pruner.open_checkpoint(tmp_path / "state.pt2").format == "torch_zip"
    other = rewritten(plain, tmp_path / "other.pt2", {"archive_format": b"pt3"})
    with pytest.raises(PrunerError, match="archive_format"):
        pruner.open_checkpoint(other)
    big = rewritten(plain, tmp_path / "big.pt2", {"byteorder": b"big"})
    with pytest.raises(PrunerError, match="big-endian"):
        pruner.open_checkpoint(big)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_that_a_pruned_program_is_saved_as_a_state_dict_elsewhere(written, tmp_path, layout):
    checkpoint = pruner.open_checkpoint(written[layout])
    pruner.save(checkpoint, pruned(checkpoint), tmp_path / "masked.pt", "masked")
    loaded = torch.load(tmp_path / "masked.pt", weights_only=True)
    for name in PRUNED:
        assert raw(loaded[f"{name}_orig"]) == raw(checkpoint.read(name))
        assert (loaded[f"{name}_mask"] == 0).sum() == checkpoint[name].numel // 2
    with pytest.raises(PrunerError):
        pruner.save(checkpoint, pruned(checkpoint), tmp_path / "masked.pt2", "masked")
