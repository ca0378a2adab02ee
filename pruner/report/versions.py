"""What computed: versions of programs, the platform, the device."""

from __future__ import annotations

import contextlib
import platform


def versions(device: str) -> tuple[tuple[str, str], ...]:
    """Names with what they are; `device` is torch's name of where rounds ran."""
    import numpy as np
    import torch

    from pruner import __version__

    return (
        ("Secateur", __version__),
        ("torch", str(torch.__version__)),
        ("NumPy", np.__version__),
        ("Python", f"{platform.python_version()} ({platform.python_implementation()})"),
        ("Platform", platform.platform()),
        ("Device", _device(device)),
    )


def _device(device: str) -> str:
    """The device, with what it is called where torch knows that."""
    import torch

    if device.startswith("cuda"):
        with contextlib.suppress(RuntimeError, AssertionError):
            return f"{device} ({torch.cuda.get_device_name(device)})"
    return device
