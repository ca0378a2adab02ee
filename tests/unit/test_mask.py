"""Masks hold one bit an element."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pruner import Mask

BOOLS = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=9))


@given(BOOLS)
def test_that_a_mask_gives_back_what_it_was_made_of(kept):
    mask = Mask.from_bools(kept)
    assert np.array_equal(mask.to_bools(), kept)
    assert torch.equal(mask.to_tensor(), torch.from_numpy(kept))
    assert (mask.kept, mask.pruned) == (int(kept.sum()), int((~kept).sum()))
    assert mask.bits.nbytes == (kept.size + 7) // 8


@given(hnp.arrays(np.bool_, st.integers(0, 200)), st.integers(0, 20), st.integers(0, 200))
def test_that_a_chunk_is_a_run_of_the_flat_elements(kept, start, length):
    start = min(8 * start, kept.size // 8 * 8)
    stop = min(kept.size, start + length)
    assert np.array_equal(Mask.from_bools(kept).chunk(start, stop), kept[start:stop])


def test_that_a_mask_never_changes():
    with pytest.raises(ValueError, match="read-only"):
        Mask.ones((3, 3)).bits[0] = 0
