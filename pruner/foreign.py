"""Files that are no checkpoint, or of a container that is not opened: what they are, and what to do."""

from __future__ import annotations

from pathlib import Path

from pruner.errors import PrunerError
from pruner.zips.directory import read_names

_BEGINNINGS: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs", "this is a Git LFS pointer, not the file itself. Run “git lfs pull” beside it."),
    (b"GGUF", "this is a GGUF file; it is for llama.cpp and its kin. Prune the checkpoint that it was made from."),
    (b"\x89HDF\r\n", "this is an HDF5 file (Keras, h5py). Save its weights as safetensors first."),
    (b"\x93NUMPY", "this is a NumPy array. Save it with torch.save or as safetensors first."),
    (b"\x1f\x8b", "this is packed with gzip. Unpack it first."),
    (b"ustar", "this is a tar archive. Unpack it first."),
)
_OLD_TORCH = b"\x8a\x0al\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"


def describe(path: Path, head: bytes) -> str:
    """What a file is that no format recognises, and what to do, in a sentence or two."""
    if path.is_dir():
        return "this folder holds no safetensors shards (*.safetensors). Open a file in it instead."
    if not head:
        return "the file is empty. Fetch or copy it again."
    for beginning, what in _BEGINNINGS:
        if head.startswith(beginning):
            return what
    if head.lstrip()[:1] == b"<":
        return "this is a web page, not a checkpoint: the download led to a page. Fetch the file itself."
    if head.startswith(b"PK"):
        return _describe_zip(path)
    if head[2:].startswith(_OLD_TORCH) or head.startswith(_OLD_TORCH):
        return (
            "this was saved by torch before 1.6, or with its old format. Load it in torch and save it again with "
            "torch.save(…), or as safetensors."
        )
    if head[:1] == b"\x80" and head[1] <= 5:
        return "this is a plain pickle, not a file of torch.save. It is not opened, since loading it can run code."
    if all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in head):
        return "this is text, not a checkpoint."
    return "this is no checkpoint that Secateur knows (safetensors, or a file of torch.save). The file may be damaged."


def _describe_zip(path: Path) -> str:
    try:
        names = {name.partition("/")[2] or name for name in read_names(path)}
    except PrunerError as error:
        return str(error).removeprefix(f"{path}: ")
    if "constants.pkl" in names:
        return "this is a TorchScript archive (torch.jit.save), which is not opened yet. Save its state_dict instead."
    if any(name.startswith(".data/") for name in names):
        return "this is a torch.package archive, which is not opened yet. Save the model's state_dict instead."
    if any(name.endswith(".npy") for name in names):
        return "this is a NumPy .npz archive. Save its arrays as safetensors first."
    if any(name.startswith(("models/", "serialized_")) for name in names):
        return "this is a torch.export archive (.pt2), which is not opened yet. Save the model's state_dict instead."
    return "this is a zip archive without a checkpoint in it. Unpack it and open the file inside."
