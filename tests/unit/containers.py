"""Files of every container, made by the library it is of, and what that library loads from them."""

import io
import pickle
import struct
import tarfile
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.package import PackageExporter, PackageImporter

Tensors = dict[str, torch.Tensor]


class Net(nn.Module):
    """Layers of several kinds, one in another, and a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU())
        self.head = nn.Linear(8, 5)
        self.register_buffer("scale", torch.rand(5))
        nn.init.normal_(self.features[1].weight)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Five numbers for each image."""
        return self.head(self.features(images).mean((2, 3))) * self.scale


IMAGES = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(1))


@dataclass(frozen=True)
class Container:
    """How a container is made of the net, and what its own loader finds in it."""

    suffix: str
    make: Callable[[nn.Module, Path], None]
    load: Callable[[Path], Tensors]
    run: Callable[[Path], torch.Tensor] | None = None
    """The outputs for `IMAGES`, where the container holds a model that runs."""


def net() -> nn.Module:
    torch.manual_seed(0)
    return Net().eval()


def _save(path: Path, value: object, **options: object) -> None:
    torch.save(value, path, **options)


def _package(module: nn.Module, path: Path) -> None:
    with PackageExporter(str(path)) as exporter:
        exporter.extern(["torch.**", "tests.**"])
        exporter.save_pickle("model", "model.pkl", module)


def _from_package(path: Path) -> nn.Module:
    return PackageImporter(str(path)).load_pickle("model", "model.pkl")


def _arrays(module: nn.Module) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in module.state_dict().items()}


def _loaded_arrays(path: Path) -> Tensors:
    with np.load(path) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


def make_tar(tensors: Tensors, path: Path) -> None:
    """A file as torch before 0.1.10 wrote it, which torch still reads: see `legacy_load` in its serialization.py."""
    kinds = {torch.float32: torch.FloatStorage, torch.float64: torch.DoubleStorage, torch.int64: torch.LongStorage}
    storages, shapes = io.BytesIO(), io.BytesIO()
    pickle.dump(len(tensors), storages, 2)
    pickle.dump(len(tensors), shapes, 2)
    for key, tensor in enumerate(tensors.values()):
        flat = tensor.untyped_storage()
        kind = kinds[tensor.dtype]
        pickle.dump((1000 + key, "cpu", kind), storages, 2)
        storages.write(struct.pack("<q", len(flat) // tensor.itemsize) + bytes(flat.tolist()))
        pickle.dump((key, 1000 + key, kind), shapes, 2)
        numbers = (*tensor.shape, *tensor.stride(), tensor.storage_offset())
        shapes.write(struct.pack(f"<ii{len(numbers)}q", tensor.dim(), 0, *numbers))
    pickle.dump([], storages, 2)
    described = io.BytesIO()
    writer = pickle.Pickler(described, 2)
    keys = {id(tensor): str(key) for key, tensor in enumerate(tensors.values())}
    writer.persistent_id = lambda value: keys.get(id(value))
    writer.dump(OrderedDict(tensors))
    with tarfile.open(path, "w:") as archive:
        for name, content in (("storages", storages), ("tensors", shapes), ("pickle", described)):
            entry = tarfile.TarInfo(name)
            entry.size = len(content.getvalue())
            archive.addfile(entry, io.BytesIO(content.getvalue()))


def load_pickled_tar(path: Path) -> Tensors:
    return dict(torch.load(path, weights_only=False))


CONTAINERS = {
    "torch_zip": Container(
        ".pt",
        lambda module, path: _save(path, module.state_dict()),
        lambda path: dict(torch.load(path, weights_only=True)),
    ),
    "torch_zip of a module": Container(
        ".pt",
        lambda module, path: _save(path, module),
        lambda path: dict(torch.load(path, weights_only=False).state_dict()),
        lambda path: torch.load(path, weights_only=False)(IMAGES),
    ),
    "torch_legacy": Container(
        ".pth",
        lambda module, path: _save(path, module.state_dict(), _use_new_zipfile_serialization=False),
        lambda path: dict(torch.load(path, weights_only=True)),
    ),
    "torch_legacy of a module": Container(
        ".pth",
        lambda module, path: _save(path, module, _use_new_zipfile_serialization=False),
        lambda path: dict(torch.load(path, weights_only=False).state_dict()),
        lambda path: torch.load(path, weights_only=False)(IMAGES),
    ),
    "torch_script": Container(
        ".jit",
        lambda module, path: torch.jit.save(torch.jit.script(module), path),
        lambda path: dict(torch.jit.load(path).state_dict()),
        lambda path: torch.jit.load(path)(IMAGES),
    ),
    "torch_package": Container(
        ".package",
        _package,
        lambda path: dict(_from_package(path).state_dict()),
        lambda path: _from_package(path)(IMAGES),
    ),
    "safetensors": Container(".safetensors", lambda module, path: save_file(module.state_dict(), path), load_file),
    "npz": Container(".npz", lambda module, path: np.savez(path, **_arrays(module)), _loaded_arrays),
    "npz, packed": Container(".npz", lambda module, path: np.savez_compressed(path, **_arrays(module)), _loaded_arrays),
}
IN_ORDER = sorted(set(CONTAINERS) - {"safetensors"})
"""safetensors orders its tensors by their types' sizes and their names."""
