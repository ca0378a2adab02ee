"""Channels of which nothing is left."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pruner.channels import Channels
from pruner.checkpoint import TensorInfo
from pruner.doctor import Finding
from pruner.doctor.patient import Patient
from pruner.norms import channel_norms
from pruner.words import counted, listed


class DeadChannels:
    """See `Check`. Only tensors with zeros are looked at again; those that collapsed are not."""

    name = "dead_channels"
    title = "Dead channels"
    passes = 1

    def find(self, patient: Patient) -> Iterator[Finding]:
        dead = {
            info.name: count
            for info in patient.numbers
            if len(info.shape) > 1
            and info.kind != "buffer"
            and info.numel // info.shape[0] <= patient.vitals[info.name].zeros < info.numel
            and (count := _dead(patient, info))
        }
        if dead:
            names = tuple(dead)
            yield Finding(
                self.name,
                "note",
                names,
                f"{counted(sum(dead.values()), 'output channel')} in {counted(len(names), 'tensor')} "
                f"{'is' if sum(dead.values()) == 1 else 'are'} zero: {listed(names)}.",
                "They give a constant for every input (an embedding has one for padding on purpose). Cutting them "
                "out makes the model smaller and faster, which zeros alone do not.",
            )


def _dead(patient: Patient, info: TensorInfo) -> int:
    """How many channels of the first dimension are zero; a NaN is not."""
    norms = channel_norms(patient.elements(info), Channels(info.shape, 0), float("inf"))
    return int(np.count_nonzero(norms == 0))


CHECK = DeadChannels()
