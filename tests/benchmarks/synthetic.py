"""Large safetensors files whose numbers take next to no room on the disk: holes with some random blocks."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

Shapes = Mapping[str, tuple[int, ...]]
_BLOCK = 1 << 15
"""Random elements at the beginning of a tensor, at most; as many in its middle."""


def write_sparse(path: Path, shapes: Shapes) -> None:
    """Write bfloat16 tensors of these shapes: the first and the middle elements are normal numbers, the rest zeros."""
    header, offset = {}, 0
    for name, shape in shapes.items():
        size = 2 * math.prod(shape)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    # The leading half of a float32 is a bfloat16.
    random = (np.random.default_rng(0).standard_normal(2 * _BLOCK, np.float32).view(np.uint32) >> 16).astype(np.uint16)
    start = 8 + len(text)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for place, shape in enumerate(shapes.values()):
            numel = math.prod(shape)
            block = random[place % _BLOCK :][: min(_BLOCK, numel)].tobytes()
            for first in {0, numel // 2 if numel > 4 * _BLOCK else 0}:
                file.seek(start + 2 * first)
                file.write(block)
            start += 2 * numel
        file.truncate(start)


def llama_shapes(layers: int = 32, width: int = 4096, inner: int = 11008, words: int = 32000) -> Shapes:
    """The tensors of a Llama: 6.7 billion elements as it is, 13.5 GB in bfloat16."""
    return dict(_llama(layers, width, inner, words))


def _llama(layers: int, width: int, inner: int, words: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield "model.embed_tokens.weight", (words, width)
    for layer in range(layers):
        for part in "qkvo":
            yield f"model.layers.{layer}.self_attn.{part}_proj.weight", (width, width)
        yield f"model.layers.{layer}.mlp.gate_proj.weight", (inner, width)
        yield f"model.layers.{layer}.mlp.up_proj.weight", (inner, width)
        yield f"model.layers.{layer}.mlp.down_proj.weight", (width, inner)
        yield f"model.layers.{layer}.input_layernorm.weight", (width,)
        yield f"model.layers.{layer}.post_attention_layernorm.weight", (width,)
    yield "model.norm.weight", (width,)
    yield "lm_head.weight", (words, width)


def expert_shapes(count: int) -> Shapes:
    """So many small tensors, named as those of a mixture of experts: a hundred experts a layer, four tensors each."""
    parts = {"gate_proj.weight": (32, 16), "up_proj.weight": (32, 16), "down_proj.weight": (16, 32), "bias": (16,)}
    names = list(parts.items())
    found: dict[str, tuple[int, ...]] = {}
    for place in range(count):
        part, shape = names[place % 4]
        expert, layer = place // 4 % 100, place // 400
        found[f"model.layers.{layer}.mlp.experts.{expert}.{part}"] = shape
    return found
