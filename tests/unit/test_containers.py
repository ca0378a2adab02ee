"""Every container opens as its own loader has it, and is pruned in place."""

import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import prune as torch_prune

import pruner
from pruner import Plan, PrunerError
from tests.unit.containers import CONTAINERS, IMAGES, IN_ORDER, load_pickled_tar, make_tar, net
from tests.unit.test_open import every_dtype, holds, same

PRUNED = ("features.0.weight", "head.weight")
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*deprecated:DeprecationWarning")


RUNNING = [kind for kind, one in CONTAINERS.items() if one.run is not None]
IN_PLACE = [kind for kind in CONTAINERS if "packed" not in kind]


@pytest.fixture(params=CONTAINERS)
def container(request):
    return CONTAINERS[request.param]


@pytest.fixture
def path(container, tmp_path: Path) -> Path:
    path = tmp_path / f"net{container.suffix}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, on saving whole modules
        container.make(net(), path)
    return path


def loaded(container, path: Path) -> dict[str, torch.Tensor]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return container.load(path)


def pruned(checkpoint: pruner.Checkpoint, amount: float = 0.5) -> pruner.Pruning:
    return pruner.prune(checkpoint, Plan.match(checkpoint, dict.fromkeys(PRUNED, amount)))


def by_torch(name: str) -> torch.Tensor:
    module = net()
    owner, _, own = name.rpartition(".")
    torch_prune.l1_unstructured(module.get_submodule(owner), own, 0.5)
    torch_prune.remove(module.get_submodule(owner), own)
    return module.state_dict()[name] + 0.0  # torch leaves -0.0 where a negative value was pruned


def changed_places(checkpoint: pruner.Checkpoint, out: Path) -> int:
    """How many bytes differ from the source outside the pruned tensors' own."""
    before = np.fromfile(checkpoint.path, np.uint8)
    after = np.fromfile(out, np.uint8)
    assert len(before) == len(after)
    differs = before != after
    for name in PRUNED:
        info = checkpoint[name]
        first = info.storage.offset + info.span[0]
        differs[first : first + info.span[1]] = False
    return int(differs.sum())


def test_that_a_container_lists_what_its_loader_loads(container, path, request):
    checkpoint = pruner.open_checkpoint(path)
    expected = loaded(container, path)
    kind = request.node.callspec.params["container"]
    assert checkpoint.format == kind.partition(" ")[0].rstrip(",")
    if kind in IN_ORDER:
        holds(checkpoint, expected)
    else:
        holds(checkpoint, {name: expected[name] for name in checkpoint.tensors})
    assert set(checkpoint.tensors) == set(expected)
    kinds = {name: info.kind for name, info in checkpoint.tensors.items()}
    assert kinds["head.weight"] == "parameter"
    assert kinds["features.1.running_mean"] == "buffer"
    assert {"features.0", "features.1", "head"} <= {module.name for module in checkpoint.modules}


def test_that_the_patched_file_is_accepted_by_its_loader_and_equals_torchs_pruning(container, path, tmp_path):
    checkpoint = pruner.open_checkpoint(path)
    source = path.read_bytes()
    out = tmp_path / f"out{container.suffix}"
    saved = pruner.save(checkpoint, pruned(checkpoint), out)
    assert not saved.notes
    found, before = loaded(container, out), loaded(container, path)
    assert list(found) == list(before)
    for name, value in found.items():
        assert same(value, by_torch(name) if name in PRUNED else before[name]), name
    assert path.read_bytes() == source
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []


@pytest.mark.parametrize("container", RUNNING, indirect=True)
def test_that_a_patched_model_runs_as_a_pruned_one(container, path, tmp_path):
    checkpoint = pruner.open_checkpoint(path)
    out = tmp_path / f"out{container.suffix}"
    pruner.save(checkpoint, pruned(checkpoint), out)
    module = net()
    module.load_state_dict({name: by_torch(name) if name in PRUNED else v for name, v in module.state_dict().items()})
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        assert torch.equal(container.run(out), module(IMAGES))


@pytest.mark.parametrize("container", IN_PLACE, indirect=True)
def test_that_only_pruned_elements_and_checksums_differ(container, path, tmp_path):
    checkpoint = pruner.open_checkpoint(path)
    out = tmp_path / f"out{container.suffix}"
    pruner.save(checkpoint, pruned(checkpoint), out)
    zipped = zipfile.is_zipfile(path)
    assert changed_places(checkpoint, out) <= (8 * len(PRUNED) if zipped else 0)
    if zipped:
        with zipfile.ZipFile(out) as archive:
            assert archive.testzip() is None


def test_that_every_container_is_saved_in_every_other(container, path, tmp_path):
    checkpoint = pruner.open_checkpoint(path)
    result = pruned(checkpoint)
    expected = loaded(container, path)
    for suffix in (".safetensors", ".ckpt"):
        out = tmp_path / f"out{suffix}"
        pruner.save(checkpoint, result, out)
        again = pruner.open_checkpoint(out)
        assert set(again.tensors) == set(expected)
        for name in expected:
            assert same(again.read(name), by_torch(name) if name in PRUNED else expected[name]), name
        masked = tmp_path / f"masked{suffix}"
        pruner.save(checkpoint, result, masked, "masked")
        assert same(pruner.open_checkpoint(masked).read("head.weight_orig"), expected["head.weight"])


def test_that_a_cancelled_patch_leaves_nothing(container, path, tmp_path):
    checkpoint = pruner.open_checkpoint(path)
    result, before = pruned(checkpoint), sorted(tmp_path.iterdir())

    def cancel(*_):
        raise pruner.Cancelled

    with pytest.raises(pruner.Cancelled):
        pruner.save(checkpoint, result, tmp_path / f"out{container.suffix}", progress=cancel)
    assert sorted(tmp_path.iterdir()) == before


def test_that_the_legacy_format_holds_every_dtype_and_shared_storages(tmp_path):
    torch.manual_seed(0)
    base = torch.arange(24.0).reshape(4, 6)
    tensors = {"whole": base, "tied": base, "row": base[2], "transposed": base.t(), "lstm": nn.LSTM(3, 4).weight_hh_l0}
    plain = {name: one for name, one in every_dtype().items() if one.dtype not in
             (torch.uint16, torch.uint32, torch.uint64) and "float8" not in str(one.dtype)}  # fmt: skip
    torch.save(tensors | plain, tmp_path / "m.pt", _use_new_zipfile_serialization=False)
    checkpoint = pruner.open_checkpoint(tmp_path / "m.pt")
    assert checkpoint.format == "torch_legacy"
    holds(checkpoint, torch.load(tmp_path / "m.pt", weights_only=True))
    assert checkpoint["whole"].shares_storage_with == ("tied", "row", "transposed")


def test_that_a_legacy_training_checkpoint_keeps_what_stands_beside_the_weights(tmp_path):
    module = nn.Linear(3, 4)
    content = {"epoch": 7, "model": module.state_dict(), "names": ["a", "ä"], "moments": torch.ones(3)}
    torch.save(content, tmp_path / "m.pt", _use_new_zipfile_serialization=False)
    checkpoint = pruner.open_checkpoint(tmp_path / "m.pt")
    assert (checkpoint.root, checkpoint.others) == ("model", ("epoch", "names", "moments"))
    result = pruner.prune(checkpoint, Plan.match(checkpoint, {"weight": 0.5}))
    for form in ("permanent", "masked"):
        pruner.save(checkpoint, result, tmp_path / "out.pt", form)
        again = torch.load(tmp_path / "out.pt", weights_only=True)
        assert (again["epoch"], again["names"]) == (7, ["a", "ä"])
        assert torch.equal(again["moments"], torch.ones(3))


def test_that_the_tar_of_the_first_versions_is_read_and_saved_elsewhere(tmp_path):
    torch.manual_seed(0)
    tensors = {"w": torch.randn(3, 4), "t": torch.randn(4, 5).t(), "d": torch.randn(2, dtype=torch.float64),
               "n": torch.arange(6), "e": torch.empty(0)}  # fmt: skip
    make_tar(tensors, tmp_path / "m.tar")
    checkpoint = pruner.open_checkpoint(tmp_path / "m.tar")
    assert checkpoint.format == "torch_tar"
    holds(checkpoint, load_pickled_tar(tmp_path / "m.tar"))
    result = pruner.prune(checkpoint, Plan.match(checkpoint, {"w": 0.5}))
    with pytest.raises(PrunerError, match=r"ending"):
        pruner.save(checkpoint, result, tmp_path / "out.tar")
    pruner.save(checkpoint, result, tmp_path / "out.pt")
    assert torch.equal(
        torch.load(tmp_path / "out.pt", weights_only=True)["w"], checkpoint.read("w") * result["w"].mask.to_tensor()
    )


def test_that_a_frozen_script_shows_its_constants(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.freeze(torch.jit.script(net())), tmp_path / "net.pt")
    checkpoint = pruner.open_checkpoint(tmp_path / "net.pt")
    assert (checkpoint.format, checkpoint.root) == ("torch_script", "constants")
    assert (8, 3, 3, 3) in {info.shape for info in checkpoint.tensors.values()}


def test_that_a_script_tells_the_types_of_its_modules(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(net()), tmp_path / "net.pt")
    types = {module.name: module.type for module in pruner.open_checkpoint(tmp_path / "net.pt").modules}
    assert types["features.0"] == "torch.nn.modules.conv.Conv2d"
    assert types["features"] == "torch.nn.modules.container.Sequential"


SPECIAL = {
    "sparse": lambda: torch.eye(3).to_sparse(),
    "compressed": lambda: torch.eye(3).to_sparse_csr(),
    "meta": lambda: torch.empty(3, 3, device="meta"),
}


@pytest.mark.parametrize("kind", SPECIAL)
@pytest.mark.filterwarnings("ignore:Sparse CSR:UserWarning")
def test_that_tensors_without_plain_numbers_are_listed_and_kept(tmp_path, kind):
    torch.save({"weight": torch.arange(4.0), "special": SPECIAL[kind]()}, tmp_path / "m.pt")
    checkpoint = pruner.open_checkpoint(tmp_path / "m.pt")
    assert checkpoint["special"].shape == (3, 3)
    assert not checkpoint["special"].readable
    for refused in (lambda: checkpoint.read("special"), lambda: Plan.match(checkpoint, {"special": 0.5})):
        with pytest.raises(PrunerError, match="special"):
            refused()
    result = pruner.prune(checkpoint, Plan.match(checkpoint, {"*": 0.5}))
    assert list(result) == ["weight"]
    for form in ("permanent", "masked"):
        pruner.save(checkpoint, result, tmp_path / "out.pt", form)
        again = torch.load(tmp_path / "out.pt", weights_only=True)["special"]
        assert again.layout == SPECIAL[kind]().layout
        if kind != "meta":
            assert torch.equal(again.to_dense(), torch.eye(3))
    with pytest.raises(PrunerError, match="special"):
        pruner.save(checkpoint, result, tmp_path / "out.safetensors")


@pytest.mark.filterwarnings("ignore:.*quantized tensor creation:UserWarning")
def test_that_quantized_tensors_show_their_integers_and_are_kept(tmp_path):
    quantized = torch.quantize_per_tensor(torch.randn(4, 5), 0.1, 3, torch.qint8)
    torch.save({"weight": torch.arange(4.0), "q": quantized}, tmp_path / "m.pt")
    checkpoint = pruner.open_checkpoint(tmp_path / "m.pt")
    assert checkpoint["q"].dtype == "qint8"
    assert torch.equal(checkpoint.read("q"), quantized.int_repr())
    with pytest.raises(PrunerError, match="“q”"):
        Plan.match(checkpoint, {"q": 0.5})


def test_that_wrappers_prefixes_are_folded_in_the_tree_and_kept_in_the_names(tmp_path):
    from pruner.module_tree import module_tree

    inner = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2))
    state = {f"module._orig_mod.{name}": value for name, value in inner.state_dict().items()}
    torch.save(state, tmp_path / "m.pt")
    checkpoint = pruner.open_checkpoint(tmp_path / "m.pt")
    assert list(checkpoint.tensors) == list(state)
    assert [child.label for child in module_tree(checkpoint).children] == ["0", "1"]


class Special(nn.Parameter):
    """A subclass, as libraries have them."""


def test_that_subclasses_of_parameter_are_parameters(tmp_path):
    torch.save({"scale": Special(torch.arange(4.0))}, tmp_path / "m.pt")
    checkpoint = pruner.open_checkpoint(tmp_path / "m.pt")
    assert checkpoint["scale"].kind == "parameter"
    assert torch.equal(checkpoint.read("scale"), torch.arange(4.0))


def test_that_conversion_tells_what_it_changes_of_the_memory(tmp_path):
    base = torch.randn(6, 8)
    torch.save({"a": base, "tied": base, "turned": torch.randn(3, 4).t()}, tmp_path / "m.pt")
    checkpoint = pruner.open_checkpoint(tmp_path / "m.pt")
    result = pruner.prune(checkpoint, Plan.match(checkpoint, {"a": 0.5, "turned": 0.5}))
    notes = " ".join(pruner.save(checkpoint, result, tmp_path / "out.safetensors").notes)
    assert "shared is written for each of them: “a”, “tied”" in notes
    assert "contiguously: “turned”" in notes
    again = pruner.open_checkpoint(tmp_path / "out.safetensors")
    assert torch.equal(again.read("tied"), base * result["a"].mask.to_tensor())


def test_that_a_view_of_a_large_storage_is_written_small_and_strides_are_kept(tmp_path):
    large, turned = torch.randn(1000, 1000), torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    torch.save({"view": large[:2, :2], "turned": turned, "b": torch.ones(3)}, tmp_path / "m.pt")
    checkpoint = pruner.open_checkpoint(tmp_path / "m.pt")
    result = pruner.prune(checkpoint, Plan.match(checkpoint, {"b": 1}))
    saved = pruner.save(checkpoint, result, tmp_path / "shards.pt", shard_bytes=10**9)
    assert saved.nbytes < 10_000
    (shard,) = (tmp_path / "shards.pt").glob("*.bin")
    again = torch.load(shard, weights_only=True)
    assert torch.equal(again["view"], large[:2, :2])
    assert torch.equal(again["turned"], turned)
    assert again["turned"].stride() == turned.stride()
    assert "contiguously: “view”" in " ".join(saved.notes)


@pytest.mark.filterwarnings("ignore:.*quantized tensor creation:UserWarning")
def test_that_what_cannot_be_written_anew_is_refused(tmp_path):
    quantized = torch.quantize_per_tensor(torch.randn(4, 5), 0.1, 3, torch.qint8)
    for special in (quantized, torch.eye(3).to_sparse(), torch.empty(3, device="meta")):
        torch.save({"weight": torch.arange(4.0), "special": special}, tmp_path / "m.pt")
        checkpoint = pruner.open_checkpoint(tmp_path / "m.pt")
        result = pruner.prune(checkpoint, Plan.match(checkpoint, {"weight": 0.5}))
        for target, size in (("shards.pt", 10**9), ("out.safetensors", None)):
            with pytest.raises(PrunerError, match="“special”"):
                pruner.save(checkpoint, result, tmp_path / target, shard_bytes=size)
            assert not (tmp_path / target).exists()


def test_that_numpy_values_beside_the_weights_are_kept(tmp_path):
    content = {"model": nn.Linear(2, 3).state_dict(), "array": np.arange(5.0), "number": np.float64(2.5)}
    torch.save(content, tmp_path / "m.pt")
    checkpoint = pruner.open_checkpoint(tmp_path / "m.pt")
    assert checkpoint.others == ("array", "number")
    result = pruner.prune(checkpoint, Plan.match(checkpoint, {"weight": 0.5}))
    for form in ("permanent", "masked"):
        pruner.save(checkpoint, result, tmp_path / "out.pt", form)
        again = torch.load(tmp_path / "out.pt", weights_only=False)
        assert np.array_equal(again["array"], content["array"])
        assert again["number"] == 2.5


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_that_shards_are_written_by_size_with_an_index(tmp_path, suffix):
    module = net()
    torch.save(module.state_dict(), tmp_path / "net.pt")
    checkpoint = pruner.open_checkpoint(tmp_path / "net.pt")
    result = pruned(checkpoint)
    out = tmp_path / ("shards" if suffix == ".safetensors" else "shards.pt")
    pruner.save(checkpoint, result, out, shard_bytes=400)
    again = pruner.open_checkpoint(out)
    assert len(again.files) > 3
    for name, value in module.state_dict().items():
        assert same(again.read(name), by_torch(name) if name in PRUNED else value), name
    pruner.save(again, pruned(again, 0.0), tmp_path / "copy")
    assert sorted(file.name for file in (tmp_path / "copy").iterdir()) == sorted(file.name for file in out.iterdir())


def test_that_a_file_that_changes_is_noticed_before_its_numbers_are_used(tmp_path):
    torch.save({"weight": torch.ones(3)}, tmp_path / "m.pt")
    checkpoint = pruner.open_checkpoint(tmp_path / "m.pt")
    torch.save({"weight": torch.zeros(300)}, tmp_path / "m.pt")
    with pytest.raises(pruner.FileChangedError, match="changed"):
        checkpoint.read("weight")
    with pytest.raises(pruner.FileChangedError, match="changed"):
        list(checkpoint.chunks("weight", 8))


REAL = ["lpips/vgg-v0.0.pth", "facenet/pnet.pt", "attacut/attacut-sc.pth"]


@pytest.mark.parametrize("name", REAL)
def test_that_real_checkpoints_are_pruned_in_place(tmp_path, name):
    path = Path(__file__).parents[1] / "data" / name
    expected = torch.load(path, weights_only=True, map_location="cpu")
    checkpoint = pruner.open_checkpoint(path)
    holds(checkpoint, expected)
    for tensor, value in expected.items():
        assert checkpoint[tensor].stride == value.stride()
    result = pruner.prune(checkpoint, Plan.match(checkpoint, {"*weight*": 0.5}))
    out = tmp_path / path.name
    pruner.save(checkpoint, result, out)
    again = torch.load(out, weights_only=True, map_location="cpu")
    assert list(again) == list(expected)
    for tensor, value in expected.items():
        if tensor not in result:
            assert same(again[tensor], value)
        else:
            by_library = torch_prune.L1Unstructured(0.5).prune(value.contiguous())
            kept = result[tensor].mask.to_tensor()
            assert torch.equal(again[tensor], value * kept)
            assert torch.equal(again[tensor].abs().flatten().sort().values, by_library.abs().flatten().sort().values)


def test_that_an_optimizers_state_is_never_taken_for_weights(tmp_path):
    module = nn.Linear(3, 4)
    optimizer = torch.optim.Adam(module.parameters())
    module(torch.randn(2, 3)).sum().backward()
    optimizer.step()
    torch.save(optimizer.state_dict(), tmp_path / "optimizer.pt")
    with pytest.raises(PrunerError, match="no weights"):
        pruner.open_checkpoint(tmp_path / "optimizer.pt")
