"""Where tensors can be worked on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pruner.errors import PrunerError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Device:
    """A device by torch's name (`cpu`, `cuda:0`, `mps`) and what people call it."""

    name: str
    title: str


def available() -> tuple[Device, ...]:
    """The devices that this torch can use here, the CPU first. Imports torch."""
    import torch

    found = [Device("cpu", "CPU")]
    if torch.cuda.is_available():
        found += [
            Device(f"cuda:{index}", f"cuda:{index} {torch.cuda.get_device_name(index)}")
            for index in range(torch.cuda.device_count())
        ]
    if torch.backends.mps.is_available():
        found.append(Device("mps", "MPS (Apple GPU)"))
    return tuple(found)


def resolve(name: str) -> torch.device:
    """The device of that name; `auto` is the first GPU, else the CPU. Raises `PrunerError` where it is absent."""
    import torch

    devices = [device.name for device in available()]
    if name == "auto":
        return torch.device(devices[1] if len(devices) > 1 else "cpu")
    wanted = "cuda:0" if name == "cuda" else name
    if wanted not in devices:
        raise PrunerError(f"There is no device “{name}” here; there is {', '.join(devices)}.")
    return torch.device(wanted)
