"""How far the outputs of one model agree with those of another, on one batch and without labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .evaluating import seed
from .faults import Refused


def outputs(module: Any, batch: list[dict[str, Any]], tensors: dict[str, Any], device: str) -> dict[str, Any]:
    """The floating-point tensors that the model gives for a batch, on the CPU, by their place in its output.

    Each input of the batch is `random` with a shape (normally distributed, in the type of the model's first floating
    parameter), or `below` a number with a shape (int64), or `tensor`, one of `tensors`; with a `name` that is
    no digit it is given by keyword. What is drawn is the same each time.
    """
    import torch

    kinds = [value.dtype for value in module.parameters() if value.is_floating_point()]
    dtype = kinds[0] if kinds else torch.float32
    seed()
    plain: list[Any] = []
    named: dict[str, Any] = {}
    for one in batch:
        value = _input(one, tensors, dtype).to(device)
        if one.get("name", "0").isdigit():
            plain.append(value)
        else:
            named[one["name"]] = value
    module.eval()
    with torch.no_grad():
        given = module(*plain, **named)
    found = {place: value.detach().cpu() for place, value in _tensors(given, "")}
    if not found:
        raise Refused(f"the model gave a {type(given).__name__} without a floating-point tensor, so nothing can agree")
    return found


def _input(one: dict[str, Any], tensors: dict[str, Any], dtype: Any) -> Any:
    import torch

    if "tensor" in one:
        value = tensors[one["tensor"]].clone()
        return value.to(dtype) if value.is_floating_point() else value
    if one.get("below"):
        return torch.randint(one["below"], one["shape"])
    return torch.randn(one["shape"]).to(dtype)


def _tensors(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    import torch

    if isinstance(value, torch.Tensor):
        if value.is_floating_point() or value.is_complex():
            yield place or "output", value
        return
    if isinstance(value, Mapping):
        parts: Any = value.items()
    elif isinstance(value, (tuple, list)):
        parts = zip(getattr(value, "_fields", range(len(value))), value)  # noqa: B905 - Python 3.9 has no strict
    else:
        return
    for key, part in parts:
        yield from _tensors(part, f"{place}.{key}" if place else str(key))


def agreement(before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, Any]]:
    """Figures for each tensor of the outputs; raises `Refused` where they have other tensors or shapes."""
    shapes = [{place: tuple(value.shape) for place, value in one.items()} for one in (before, after)]
    if shapes[0] != shapes[1]:
        raise Refused(f"the outputs have other shapes: {shapes[0]} before, {shapes[1]} after")
    return [{"output": place, **figures(value, after[place])} for place, value in before.items()]


def figures(before: Any, after: Any) -> dict[str, Any]:
    """Relative error ‖y − y'‖ / ‖y‖, cosine y·y' / (‖y‖ ‖y'‖), and the share of places with the same largest class.

    None where a norm is 0 or something is not finite, or where there are no classes: they are the last dimension of
    two or three, the second of more (images), and more than one.
    """
    import torch

    y, other = before.flatten(), after.flatten()
    wide = torch.complex128 if before.is_complex() else torch.float64
    y, other = y.to(wide), other.to(wide)
    norms = float(y.norm()), float(other.norm())
    finite = bool(torch.isfinite(y).all()) and bool(torch.isfinite(other).all())
    error = float((y - other).norm()) / norms[0] if finite and norms[0] else None
    cosine = float(torch.vdot(y, other).real) / (norms[0] * norms[1]) if finite and all(norms) else None
    return {
        "shape": list(before.shape),
        "relative_error": error,
        "cosine": None if cosine is None else max(-1.0, min(1.0, cosine)),
        "top1": _top1(before, after) if finite else None,
        "finite": finite,
    }


def _top1(before: Any, after: Any) -> float | None:
    if before.ndim < 2 or before.is_complex() or not before.numel():
        return None
    classes = 1 if before.ndim > 3 else before.ndim - 1
    if before.shape[classes] < 2:
        return None
    return float((before.argmax(classes) == after.argmax(classes)).double().mean())
