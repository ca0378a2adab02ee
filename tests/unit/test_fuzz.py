"""Damaged and hostile files of every container end in a listing or in a message, and nothing in them is run."""

import json
import os
import re
import sys
import time
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn

import pruner
from pruner.module_tree import module_tree
from tests.unit.containers import CONTAINERS, make_tar
from tests.unit.distributed_folders import grid, handmade
from tests.unit.mutations import CANARY, ENDLESS, LONG_NUMBER, mutant, operations

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*torch.jit.*deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Reading `.npy` or `.npz` file required:UserWarning"),
]

MUTANTS = 600
"""Of each container."""
EXAMPLES = 200
MOST_SECONDS = 2.0
MOST_MEMORY = 300 << 20
MOST_READ = 1 << 24
"""Bytes of the longest tensor that is read: an expanded one of a few bytes may be as long as memory allows."""


class Net(nn.Module):
    """A module in a module, and a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 2))
        self.register_buffer("scale", torch.ones(2))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return self.body(values) * self.scale


def net() -> Net:
    torch.manual_seed(0)
    return Net().eval()


def tensors() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    whole = torch.randn(3, 4)
    return {"w.weight": whole, "w.bias": torch.randn(3).half(), "turned": torch.randn(4, 2).t(), "tied": whole,
            "row": whole[1], "n": torch.arange(3)}  # fmt: skip


def separate() -> dict[str, torch.Tensor]:
    return {name: tensor.clone().contiguous() for name, tensor in tensors().items()}


def training() -> dict[str, object]:
    module = net()
    optimizer = torch.optim.Adam(module.parameters())
    module(torch.ones(2, 3)).sum().backward()
    optimizer.step()
    return {"epoch": 3, "model": module.state_dict(), "optimizer": optimizer.state_dict(), "names": {"a", "ä"},
            "array": np.arange(3.0)}  # fmt: skip


def deflated(path: Path) -> None:
    torch.save(training(), path)
    with zipfile.ZipFile(path) as source:
        entries = [(one.filename, source.read(one)) for one in source.infolist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in entries:
            target.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)


def legacy(path: Path, value: object) -> None:
    torch.save(value, path, _use_new_zipfile_serialization=False)


def legacy_views(path: Path) -> None:
    """As torch before 0.4 wrote it: a part of a storage has a key, a first element and a length."""
    legacy(path, {"w.weight": torch.arange(12.0), "part": torch.arange(5.0)})
    view = b"(X\x01\0\0\0vK\0K\x0ct"
    path.write_bytes(re.sub(rb"Nt(q.)Q", lambda found: view + b"t" + found[1] + b"Q", path.read_bytes(), count=1))


def sharded(folder: Path) -> None:
    folder.mkdir()
    items = list(separate().items())
    names = {}
    for number, part in enumerate((items[:2], items[2:]), 1):
        save_file(dict(part), folder / f"model-0000{number}-of-00002.safetensors")
        names.update(dict.fromkeys(dict(part), f"model-0000{number}-of-00002.safetensors"))
    index = {"metadata": {"total_size": 1}, "weight_map": names}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def tiled(folder: Path) -> None:
    weight = torch.arange(24.0).reshape(4, 6)
    blocks = {"w.weight": (weight, grid((4, 6), (2, 2))), "w.bias": (torch.ones(3), grid((3,), (1,)))}
    handmade(folder, blocks)


def program(path: Path) -> None:
    torch.export.save(torch.export.export(net(), (torch.ones(2, 3),)), path)


def older_program(path: Path) -> None:
    from torch._export.serde.serialize import serialize

    parts = serialize(torch.export.export(net(), (torch.ones(2, 3),)))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo("serialized_exported_program.json"), parts.exported_program)
        archive.writestr(zipfile.ZipInfo("serialized_state_dict.pt"), parts.state_dict)
        archive.writestr(zipfile.ZipInfo("serialized_constants.pt"), parts.constants)
        archive.writestr(zipfile.ZipInfo("version"), "5.1")


def arrays() -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in tensors().items()}


MAKERS: dict[str, Callable[[Path], object]] = {
    "state_dict.pt": lambda path: torch.save(tensors(), path),
    "module.pt": lambda path: torch.save(net(), path),
    "training.pt": lambda path: torch.save(training(), path),
    "deflated.pt": deflated,
    "legacy.pth": lambda path: legacy(path, {"model": tensors(), "epoch": 3}),
    "legacy_module.pth": lambda path: legacy(path, net()),
    "legacy_views.pth": legacy_views,
    "first.tar": lambda path: make_tar({name: one.float() for name, one in tensors().items()}, path),
    "script.jit": lambda path: CONTAINERS["torch_script"].make(net(), path),
    "net.package": lambda path: CONTAINERS["torch_package"].make(net(), path),
    "program.pt2": program,
    "older_program.pt2": older_program,
    "distributed": tiled,
    "one.safetensors": lambda path: save_file(separate(), path),
    "sharded": sharded,
    "array.npy": lambda path: np.save(path, arrays()["w.weight"]),
    "arrays.npz": lambda path: np.savez(path, **arrays()),
    "packed.npz": lambda path: np.savez_compressed(path, **arrays()),
}


@dataclass(frozen=True)
class Sample:
    """A sound checkpoint: its file, or the folder that its files are in, and their bytes."""

    path: Path
    files: dict[Path, bytes]


@pytest.fixture(scope="module")
def samples(tmp_path_factory) -> dict[str, Sample]:
    made = {}
    for name, make in MAKERS.items():
        path = tmp_path_factory.mktemp("sound") / name
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            make(path)
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        made[name] = Sample(path, {file: file.read_bytes() for file in files})
        assert follow(path, saved=True) == "saved"
    return made


RUN: list[str] = []
"""What was run or loaded, which nothing may be."""
_watching = False
_TELLING = ("os.system", "os.exec", "os.fork", "os.posix_spawn", "subprocess.Popen", "pickle.find_class")


def _audit(event: str, args: tuple) -> None:
    if not _watching:
        return
    ran = event == "exec" and not _is_source(args[0])
    if ran or event in _TELLING or (event == "import" and CANARY in args[0]):
        RUN.append(f"{event} {args!r:.200}")


def _is_source(code: object) -> bool:
    """Whether code is that of an installed module, which is imported late."""
    return code.co_filename.startswith("<frozen") or Path(code.co_filename).is_file()


sys.addaudithook(_audit)


_changes = count(1)


def written(path: Path, content: bytes) -> None:
    """The file with other content, and surely with another time of change."""
    path.write_bytes(content)
    later = time.time_ns() + next(_changes) * 1_000_000
    os.utime(path, ns=(later, later))


def follow(path: Path, *, saved: bool) -> str:
    """How far a file leads: to a listing whose tensors are read, to a pruned copy of it, or to a message."""
    out = path.with_name("out").with_suffix(".pt" if path.suffix == ".tar" else path.suffix)
    try:
        checkpoint = pruner.open_checkpoint(path)
        module_tree(checkpoint)
    except pruner.PrunerError as error:
        return _told(path, error, "refused")
    for name, info in checkpoint.tensors.items():
        if info.readable and info.nbytes <= MOST_READ:
            _read(checkpoint, name)
    if not saved or any(info.nbytes > MOST_READ for info in checkpoint.tensors.values()):
        return "listed"
    try:
        apart = [name for name in checkpoint.tensors if name.endswith("row")]
        pruning = pruner.prune(checkpoint, pruner.Plan.match(checkpoint, {"*": 0.5}, exclude=apart))
        pruner.save(checkpoint, pruning, out)
    except pruner.PrunerError as error:
        return _told(path, error, "listed")
    _compare(checkpoint, pruning, pruner.open_checkpoint(out))
    return "saved"


def _told(path: Path, error: pruner.PrunerError, end: str) -> str:
    """`end`; a message names the file."""
    assert str(path.parent) in str(error)
    return end


def _read(checkpoint: pruner.Checkpoint, name: str) -> None:
    try:
        whole = checkpoint.read(name)
        parts = list(checkpoint.chunks(name, max(24, whole.numel() // 4)))
    except pruner.PrunerError as error:
        _told(checkpoint.path, error, "")
    else:
        assert _raw(whole) == b"".join(map(_raw, parts))


def _raw(values: torch.Tensor) -> bytes:
    return values.clone(memory_format=torch.contiguous_format).reshape(-1).view(torch.uint8).numpy().tobytes()


def _compare(before: pruner.Checkpoint, pruning: pruner.Pruning, after: pruner.Checkpoint) -> None:
    """The copy holds the same tensors, and those that were pruned have what their masks leave."""
    assert list(before.tensors) == list(after.tensors)
    for name in pruning:
        pruned, kept = after.read(name), pruning[name].mask.to_tensor()
        expected = torch.where(kept, before.read(name), torch.zeros((), dtype=pruned.dtype))
        assert _raw(pruned) == _raw(expected)


def bounded(path: Path, what: str, *, saved: bool = False) -> str:
    """`follow`, watched and within its bounds; `what` tells what is at hand."""
    global _watching
    memory, begun, _watching = _peak(), time.thread_time(), True
    try:
        end = follow(path, saved=saved)
    except Exception as error:
        raise AssertionError(f"{what} ({path}): {type(error).__name__}: {error}") from error
    finally:
        _watching = False
    assert time.thread_time() - begun < MOST_SECONDS, f"{what} ({path})"
    assert _peak() - memory < MOST_MEMORY, f"{what} ({path})"
    assert not RUN, f"{what} ({path}): {RUN}"
    return end


def _peak() -> int:
    """The most memory that the process held so far, in bytes; 0 where the system does not tell."""
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def fuzz(name: str, samples: dict[str, Sample], seeds: range) -> dict[str, int]:
    """Mutants of one container; how many led how far."""
    sample = samples[name]
    others = [content for one in samples.values() for content in one.files.values()]
    ends = {"refused": 0, "listed": 0, "saved": 0}
    for seed in seeds:
        chance = Random(f"{name} {seed}")
        file = chance.choice(list(sample.files))
        written(file, mutant(sample.files[file], chance, others))
        ends[bounded(sample.path, f"{name}, seed {seed}, {file.name}", saved=seed % 8 == 0)] += 1
        if len(sample.files) > 1:
            written(file, sample.files[file])
    return ends


@pytest.mark.parametrize("name", MAKERS)
def test_that_damaged_files_end_in_a_listing_or_a_message(name, samples):
    ends = fuzz(name, samples, range(MUTANTS))
    assert ends["refused"] > MUTANTS // 10
    assert ends["listed"] + ends["saved"] > MUTANTS // 50


EDITS = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=8)), max_size=6)
"""Where in a file, and what is written there."""


@pytest.mark.parametrize("name", MAKERS)
def test_that_files_with_edited_bytes_end_in_a_listing_or_a_message(name, samples):
    sample = samples[name]

    @given(st.sampled_from(sorted(sample.files)), EDITS)
    @settings(max_examples=EXAMPLES, deadline=None, database=None, derandomize=True)
    def edited(file: Path, edits: list[tuple[float, bytes]]) -> None:
        content = bytearray(sample.files[file])
        for place, put in edits:
            begin = int(place * len(content))
            content[begin : begin + len(put)] = put
        written(file, bytes(content))
        bounded(sample.path, f"{name}, {file.name}, {edits}")
        written(file, sample.files[file])

    edited()


@pytest.mark.parametrize("name", ["legacy_views.pth", "legacy_module.pth"])
def test_that_what_has_no_end_may_stand_in_the_place_of_any_part(name, samples):
    (path, content), *_ = samples[name].files.items()
    for begin, end in operations(content):
        for trap in (ENDLESS, LONG_NUMBER):
            written(path, content[:begin] + trap + content[end:])
            bounded(path, f"{name}, byte {begin}")


def test_that_an_entry_whose_name_others_cut_short_is_refused(samples):
    (path, content), *_ = samples["arrays.npz"].files.items()
    written(path, content.replace(b"w.weight.npy", b"w.w\0ight.npy"))
    with pytest.raises(pruner.PrunerError, match="null character"):
        pruner.open_checkpoint(path)


def test_that_a_checksum_is_not_written_behind_the_data_where_none_is(samples):
    (path, content), *_ = samples["arrays.npz"].files.items()
    written(path, re.sub(rb"(?s)(PK\x01\x02....).", lambda found: found[1] + b"\x08", content))
    assert follow(path, saved=True) == "saved"


def test_that_an_entry_that_reaches_into_the_next_ones_header_is_refused(samples):
    (path, content), *_ = samples["arrays.npz"].files.items()
    written(path, content[:26] + bytes([content[26] + 8]) + content[27:])  # the name's length: the data begin later
    with pytest.raises(pruner.PrunerError, match="overlap"):
        pruner.open_checkpoint(path)
