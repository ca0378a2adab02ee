"""Elements on another device: pieces travel while the ones before are worked on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from pruner.elements import PIECE_ELSEWHERE, Elements, Values

if TYPE_CHECKING:
    import torch

Result = TypeVar("Result")

_LEAST_PIECE = 1 << 20


def on_device(
    work: Callable[[Sequence[Elements]], Result], tensors: Sequence[Elements], device: torch.device
) -> tuple[Result, list[str]]:
    """`work` on the tensors with their values on the device, and remarks for people.

    Where the device's memory is not enough it starts again with smaller pieces, and in the end on the CPU, and says so.
    """
    import torch

    if device.type == "cpu":
        return work(tensors), []
    names = f"“{tensors[0].name}”" if len(tensors) == 1 else f"{len(tensors)} tensors"
    if unknown := [str(one.dtype) for one in tensors if not _has(device, one.dtype)]:
        return work(tensors), [f"{names}: {device} has no {unknown[0].removeprefix('torch.')}; the CPU pruned instead."]
    piece = PIECE_ELSEWHERE
    while piece >= _LEAST_PIECE:
        try:
            return work([moved(one, device, piece) for one in tensors]), []
        except (torch.OutOfMemoryError, RuntimeError) as error:
            if not isinstance(error, torch.OutOfMemoryError) and "out of memory" not in str(error):
                raise  # MPS has no error of its own for it
            piece //= 8
    return work(tensors), [f"{names} did not fit into the memory of {device}; the CPU pruned instead."]


def _has(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether the device can hold the type; MPS has no float64 and no float8."""
    import torch

    try:
        torch.empty(1, dtype=dtype, device=device)
    except (TypeError, RuntimeError) as error:
        return "out of memory" in str(error)
    return True


def moved(elements: Elements, device: torch.device, piece: int) -> Elements:
    """The elements with their values on a device, where one thread works on pieces of that many."""
    return replace(elements, read=lambda size: _travelling(elements.read(size), device), threads=1, piece=piece)


def _travelling(loads: Iterator[Values], device: torch.device) -> Iterator[Values]:
    """Values on the device; a piece is under way while the one before it is worked on."""
    send = _Sender(device)
    ahead: Values | None = None
    for load in loads:
        following = send(load())
        if ahead is not None:
            yield ahead
        ahead = following
    if ahead is not None:
        yield ahead


class _Sender:
    """Copies to a device; on CUDA through pinned memory and on a stream of its own."""

    def __init__(self, device: torch.device) -> None:
        import torch

        self._device = device
        stream: Any = torch.cuda.Stream
        self._stream: torch.cuda.Stream | None = stream(device) if device.type == "cuda" else None

    def __call__(self, values: torch.Tensor) -> Values:
        import torch

        if self._stream is None:
            return partial(values.to, self._device)
        with torch.cuda.stream(self._stream):
            travelling = values.pin_memory().to(self._device, non_blocking=True)
            arrived = self._stream.record_event()
        return partial(_when_arrived, travelling, arrived)


def _when_arrived(values: torch.Tensor, arrived: torch.cuda.Event) -> torch.Tensor:
    import torch

    here = torch.cuda.current_stream(values.device)
    here.wait_event(arrived)
    values.record_stream(here)
    return values
