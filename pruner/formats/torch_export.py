"""The packages of `torch.export` and AOTInductor (`.pt2`): programs as JSON, their weights beside them.

The present layout is that of torch/export/pt2_archive: `NAME/archive_format`, `NAME/models/MODEL.json`, and under
`NAME/data/` weights and constants, as bare bytes or files of `torch.save`, with a JSON that describes them. Before
torch 2.8 all weights were one file of `torch.save` in a zip, and so were the constants. Nothing of it is run; the
constants, tensors outside the state_dict, are a root of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pruner.checkpoint import Checkpoint
from pruner.errors import PrunerError
from pruner.exported.package import Package, prefix_of
from pruner.exported.roots import has_compiled_code, parts_beside, roots_of
from pruner.mask import Mask
from pruner.patching import regions_by_storage
from pruner.pickles.document import open_document
from pruner.progress import Meter
from pruner.zips.directory import ZipEntry, read_entries, zip_names
from pruner.zips.nested import NestedArchive, patch_nested


class TorchExport:
    """See `Format`."""

    name = "torch_export"
    title = "PyTorch program (torch.export)"
    suffixes = (".pt2",)

    def recognises(self, path: Path, head: bytes) -> bool:
        return prefix_of(zip_names(path, head)) is not None

    def open(self, path: Path, root: str | None) -> Checkpoint:
        entries = read_entries(path)
        prefix = prefix_of(entries)
        assert prefix is not None
        package = Package(path, prefix, entries)
        package.require_known()
        roots, compiled = roots_of(package), has_compiled_code(package)
        if compiled and not roots:
            raise PrunerError(
                f"{path}: its weights have no names, they belong to compiled code. Prune the model it was made from."
            )
        named = package.globals()
        opened = open_document(path, self.name, None, package.storages, root, named, roots=roots)
        if compiled:
            package.warnings.append("It also holds compiled code (AOTInductor): weights inside of that are not pruned.")
        return replace(
            opened,
            others=parts_beside(package, roots, opened.root),
            warnings=(*opened.warnings, *package.warnings),
            detail=_Detail(entries, tuple(package.nested.values())),
        )

    def patch(self, checkpoint: Checkpoint, masks: Mapping[str, Mask], target: Path, meter: Meter) -> list[str]:
        detail: _Detail = checkpoint.detail
        regions = regions_by_storage(checkpoint, masks)
        return patch_nested(checkpoint.path, target, detail.entries.values(), detail.nested, regions, meter)


FORMAT = TorchExport()


@dataclass(frozen=True, eq=False)
class _Detail:
    """What patching needs again: the archive's entries, and the archives in some of them."""

    entries: Mapping[str, ZipEntry]
    nested: tuple[NestedArchive, ...]
