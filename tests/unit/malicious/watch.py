"""The watch over what happens while files are opened: a child process with an audit hook and canaries."""

from __future__ import annotations

import contextlib
import copyreg
import io
import itertools
import json
import os
import pickle
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tests.unit.malicious.canary import CANARY, EXTENSIONS

MEMORY = 4 << 30

_QUIET = frozenset(("builtins.id", "sys._getframe", "code.__new__", "array.__new__", "fcntl.flock", "msvcrt.locking"))
"""Among them locks, which are of files that are open."""
_OF_FILES = ("open", "os.", "shutil.", "tempfile.", "mmap.", "pathlib.")
_NEVER = (
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.fork",
    "os.forkpty",
    "os.putenv",
    "os.chdir",
    "os.kill",
)


class Watch:
    """Audit events, from `begin` on, of anything but reading and writing inside the folder of the files."""

    def __init__(self, folder: Path) -> None:
        self.folder = f"{folder}{os.sep}"
        self.on = False
        self.seen: list[str] = []
        sys.addaudithook(self.hook)

    def hook(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.on or event in _QUIET:
            return
        if event.startswith(_OF_FILES) and event not in _NEVER:
            paths = args[:1] if event == "open" or event.startswith("pathlib.") else args
            if all(self.inside(path) for path in paths if isinstance(path, (str, bytes, os.PathLike))):
                return
        self.seen.append(f"{event} {args!r}"[:200])

    def inside(self, path: str | bytes | os.PathLike[str]) -> bool:
        return os.fsdecode(path).startswith(self.folder)

    def watched(self, work: Callable[[], Any]) -> tuple[Any, list[str]]:
        self.seen, self.on = [], True
        try:
            result = work()
        finally:
            self.on = False
        return result, self.seen


def whole_way(path: Path) -> dict[str, Any]:
    """What comes of a file: opened, read, pruned by half, saved in each form and as safetensors."""
    import pruner

    try:
        checkpoint = pruner.open_checkpoint(path)
    except pruner.PrunerError as error:
        return {"refused": str(error)}
    done: dict[str, Any] = {
        "tensors": list(checkpoint.tensors),
        "globals": {use.name: use.verdict for use in checkpoint.globals},
        "stopped": [],
        "saved": [],
        "new": [],
    }
    for name in checkpoint.tensors:
        try:
            checkpoint.read(name)
        except pruner.PrunerError as error:
            done["stopped"].append(str(error))
    for pattern in ("*", "weight"):
        try:
            pruning = pruner.prune(checkpoint, pruner.Plan.match(checkpoint, {pattern: 0.5}))
            break
        except pruner.PrunerError as error:
            done["stopped"].append(str(error))
    else:
        return done
    for form, ending in itertools.product(("permanent", "masked"), (path.suffix, ".safetensors")):
        ending = ".pt" if form == "masked" and ending != ".safetensors" else ending
        try:
            saved = pruner.save(checkpoint, pruning, path.with_name(f"{path.stem} saved{ending}"), form=form)
        except pruner.PrunerError as error:
            done["stopped"].append(str(error))
            continue
        done["saved"].append(f"{form}{ending}")
        if (form, ending) == ("masked", ".pt"):  # the one whose pickle is written anew
            done["new"] += _new_names(saved.path, done["globals"])
    return done


def _new_names(path: Path, before: dict[str, str]) -> list[str]:
    """What a saved file names that its source did not, apart from the parts of its tensors; or why it does not open."""
    import pruner

    try:
        uses = pruner.open_checkpoint(path).globals
    except pruner.PrunerError as error:
        return [str(error)]
    return [use.name for use in uses if use.verdict != "plain" and use.name not in before]


def _limit_memory() -> None:
    """Let the process have some memory beyond what it has now: a trap shall fail here, not take the machine down."""
    if sys.platform == "linux":
        import resource

        now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY, now + MEMORY))


def _attempt(work: Callable[[], Any]) -> dict[str, Any]:
    try:
        result = work()
    except Exception as error:
        return {"fault": f"{type(error).__name__}: {error}"[:300]}
    return result if isinstance(result, dict) else {}


def child(mode: str, folder: Path) -> None:
    """Work on all files of the folder, and write one line of JSON for each."""
    import pkgutil

    import torch

    import pruner

    for module in pkgutil.walk_packages(pruner.__path__, "pruner."):
        if not module.name.endswith("__main__"):
            __import__(module.name)
    canaries = folder / "canaries"
    os.chdir(canaries)
    sys.path.insert(0, str(folder / "modules"))
    sys.dont_write_bytecode = True
    for code, module in zip(EXTENSIONS, ("os", os.system.__module__, CANARY), strict=True):
        copyreg.add_extension(module, "system", code)
    for clean in sorted((folder / "clean").iterdir()):
        _attempt(lambda clean=clean: whole_way(clean))
    "".encode("raw_unicode_escape")  # whose module is imported at its first use
    watch = Watch(folder)
    _limit_memory()
    files = sorted((folder / "files").iterdir())
    for file in files:
        print(json.dumps({"begun": file.stem}), flush=True)
        work = partial(whole_way, file) if mode == "watch" else partial(load_with_pickle, torch, file)
        begun = time.process_time()
        outcome, events = watch.watched(lambda work=work: _attempt(work))
        seconds = time.process_time() - begun
        left = [path.name for path in canaries.iterdir()]
        print(
            json.dumps({"name": file.stem, **outcome, "events": events, "left": left, "seconds": seconds}), flush=True
        )
        for name in left:
            (canaries / name).unlink()


def load_with_pickle(torch: Any, file: Path) -> None:
    """Load a bare pickle as torch would with `weights_only=False`: this runs what is in it."""

    class Unpickler(pickle.Unpickler):
        def persistent_load(self, key: Any) -> Any:
            kept = torch.UntypedStorage(24)
            return torch.storage.TypedStorage(wrap_storage=kept, dtype=torch.float32, _internal=True)

    sys.modules.pop(CANARY, None)
    raw = file.read_bytes()
    # Warnings would end the loading before the payload has its turn.
    import warnings

    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        Unpickler(io.BytesIO(raw)).load()


if __name__ == "__main__":
    child(sys.argv[1], Path(sys.argv[2]))
