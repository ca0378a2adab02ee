"""Folders that no format recognises: whose they are, and which checkpoints lie below them."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from pruner.foreign.archives import OPENED, listed

_ARRAYS = "Save its arrays as safetensors or .npz first."
_SOURCE = "Prune the checkpoint that it was made from."
_KINDS: tuple[tuple[str, str], ...] = (
    # What is in such folders by tensorflow/tensorflow, google/orbax, apple/coremltools, openvinotoolkit and torch
    (r"saved_model\.(pb|pbtxt)", f"this is a TensorFlow SavedModel. {_ARRAYS}"),
    (r".+\.data-\d{5}-of-\d{5}", f"this folder holds a TensorFlow checkpoint. {_ARRAYS}"),
    (r"_CHECKPOINT_METADATA|_METADATA|manifest\.ocdbt", f"this is a checkpoint of Orbax (JAX, Flax). {_ARRAYS}"),
    (r"com\.apple\.CoreML", f"this is a Core ML package. {_SOURCE}"),
    (r"data\.pkl", "this is a PyTorch archive that was unpacked. Open the file that it was unpacked from."),
    (
        r".+\.distcp",
        "this folder holds a torch.distributed.checkpoint without its “.metadata”. Copy that file into it too.",
    ),
)
_HEADS = (b"PK\x03\x04", b"\x93NUMPY", b"\x80\x02\x8a\x0al\xfc\x9c\x46\xf9\x20")
"""How zip archives, NumPy's arrays and the files of torch before 1.6 begin; safetensors has a brace at byte 8."""
_DEPTH, _MOST_ENTRIES = 4, 5000


def describe_folder(folder: Path) -> str:
    """What a folder is, and which checkpoints in it to open instead; raises `OSError`."""
    listings = list(_listings(folder))
    names = [entry.name for entry in listings[0][1]]
    if not names:
        return "this folder is empty."
    if found := list(islice(_checkpoints(listings), 4)):
        shown = listed(path.relative_to(folder).as_posix() for path in found)
        return f"this folder is no checkpoint by itself. Open {'one of ' if len(found) > 1 else ''}{shown} in it."
    near = [entry.name for _, entries in listings[:8] for entry in entries]
    for pattern, what in _KINDS:
        if any(re.fullmatch(pattern, name) for name in near):
            return what
    return f"this folder holds nothing that Secateur opens ({listed(names)}). Open a file with weights instead."


def _listings(folder: Path) -> Iterator[tuple[Path, list[os.DirEntry[str]]]]:
    """What is in a folder and the folders below it, the nearest first; links to folders are not followed."""
    waiting, left = deque([(folder, 0)]), _MOST_ENTRIES
    while waiting and left > 0:
        place, depth = waiting.popleft()
        try:
            with os.scandir(place) as entries:
                found = sorted(islice(entries, left), key=lambda entry: entry.name)
        except OSError:
            if place == folder:
                raise
            continue
        left -= len(found)
        yield place, found
        if depth < _DEPTH:
            waiting.extend((place / entry.name, depth + 1) for entry in found if entry.is_dir(follow_symlinks=False))


def _checkpoints(listings: list[tuple[Path, list[os.DirEntry[str]]]]) -> Iterator[Path]:
    """Files that look like checkpoints, and folders of torch.distributed.checkpoint."""
    for place, entries in listings:
        names = [entry.name for entry in entries]
        if ".metadata" in names and any(name.endswith(".distcp") for name in names):
            yield place
        for name in names:
            if name.lower().endswith((*OPENED, ".bin")) and _looks_openable(place / name):
                yield place / name


def _looks_openable(path: Path) -> bool:
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            head = file.read(16)
    except OSError:
        return False
    return head.startswith(_HEADS) or head[8:9] == b"{"
