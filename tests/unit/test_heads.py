"""Attention heads are offered where names and shapes suggest them, and nowhere else."""

import pytest

from pruner.heads import heads_of


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        ("model.layers.0.self_attn.q_proj.weight", (4096, 4096), (0, 64, 1, 1)),
        ("model.layers.0.self_attn.k_proj.weight", (1024, 4096), (0, 16, 1, 1)),
        ("bert.encoder.layer.0.attention.self.query.weight", (768, 768), (0, 12, 1, 1)),
        ("encoder.layers.0.self_attn.in_proj_weight", (1536, 512), (0, 8, 3, 1)),
        ("encoder.layers.0.self_attn.in_proj_weight_orig", (1536, 512), (0, 8, 3, 1)),
        ("encoder.layers.0.self_attn.out_proj.weight", (512, 512), (1, 8, 1, 1)),
        ("blocks.0.attn.qkv.weight", (2304, 768), (0, 12, 3, 1)),
        ("h.0.attn.c_attn.weight", (768, 2304), (1, 12, 3, 1)),
        ("gpt_neox.layers.0.attention.query_key_value.weight", (6144, 2048), (0, 32, 1, 3)),
        ("unet.attn1.to_out.0.weight", (320, 320), (1, 5, 1, 1)),
        ("q_proj.weight", (160, 64), (0, 5, 1, 1)),
    ],
)
def test_that_heads_are_suggested(name, shape, expected):
    found = heads_of(name, shape)
    assert (found.dim, found.guess, found.parts, found.each) == expected
    assert found.guess in found.numbers
    assert all(shape[found.dim] % (count * found.parts * found.each) == 0 for count in found.numbers)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("features.0.weight", (64, 64)),
        ("self_attn.q_proj.bias", (4096,)),
        ("self_attn.q_proj.bias", (4096, 1)),
        ("self_attn.q_proj.weight", (50, 100)),
        ("self_attn.q_proj.weight", (64, 3, 3, 3)),
        ("self_attn.query_key_value.weight", (64, 64)),
        ("q_proj.weight", (0, 64)),
    ],
)
def test_that_no_heads_are_suggested(name, shape):
    assert heads_of(name, shape) is None
