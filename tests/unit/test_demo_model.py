"""The bundled model is what its README says: small, plain and accurate."""

import numpy as np
import pytest
import torch

import resources
from resources.demo import digits


@pytest.fixture
def state_dict() -> dict[str, torch.Tensor]:
    return torch.load(resources.demo_model(), weights_only=True)


def test_that_the_bundled_weights_fit_the_architecture_exactly(state_dict):
    outcome = digits.build().load_state_dict(state_dict, strict=True)

    assert not outcome.missing_keys
    assert not outcome.unexpected_keys


def test_that_every_parameter_is_finite_float32(state_dict):
    model = digits.build()
    for name, _ in model.named_parameters():
        assert state_dict[name].dtype is torch.float32
        assert state_dict[name].isfinite().all()


def test_that_the_trained_model_reads_the_test_set(state_dict):
    model = digits.build()
    model.load_state_dict(state_dict)

    assert digits.evaluate(model) > 0.97


def test_that_an_untrained_model_does_not_read_the_test_set():
    torch.manual_seed(0)
    assert digits.evaluate(digits.build()) < 0.5


def test_that_the_test_set_holds_every_digit_in_the_networks_own_form():
    images, labels = digits.test_set()

    assert images.shape == (360, 1, 8, 8)
    assert images.dtype is torch.float32
    assert (images.min(), images.max()) == (0, 1)
    assert labels.dtype is torch.int64
    assert np.bincount(labels.numpy(), minlength=10).min() >= 30  # stratified: about 36 of each


def test_that_the_demo_folder_stays_small():
    folder = resources.demo_model().parent
    files = [file for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts]

    assert sum(file.stat().st_size for file in files) < 300_000
