"""The average of the weights against its equations, and what is averaged."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from cfplug.recipe.settings import TrainSettings
from cfplug.training.averaging import Averager

EPOCHS, PER_EPOCH = 3, 4


def averaged(settings: TrainSettings, values: list[float]) -> tuple[Averager, nn.Module]:
    """The averager of a module of one weight that was `values` after the steps of a training."""
    module = nn.Linear(1, 1, bias=False)
    averager = Averager(module, settings, EPOCHS * PER_EPOCH)
    for number, value in enumerate(values):
        with torch.no_grad():
            module.weight.fill_(value)
        epoch, step = divmod(number, PER_EPOCH)
        averager.learn = SimpleNamespace(epoch=epoch, iter=step, n_iter=PER_EPOCH)
        averager.after_batch()
    return averager, module


values = st.lists(
    st.floats(-9, 9, width=32), min_size=EPOCHS * PER_EPOCH, max_size=EPOCHS * PER_EPOCH
)


@given(values, st.floats(0, 0.99), st.floats(0, 0.999))
def test_ema_is_its_equation(values: list[float], decay: float, start: float) -> None:
    averager, _ = averaged(
        TrainSettings(average="ema", average_decay=decay, average_from=start), values
    )
    taken = [
        value for number, value in enumerate(values) if number >= start * len(values)
    ] or values[-1:]
    expected = taken[0]
    for value in taken[1:]:
        expected = decay * expected + (1 - decay) * value
    assert averager.average["weight"].item() == pytest.approx(expected, rel=1e-4, abs=1e-4)


@given(values, st.floats(0, 0.999))
def test_mean_is_the_mean_of_the_steps_from_its_start(values: list[float], start: float) -> None:
    averager, _ = averaged(TrainSettings(average="mean", average_from=start), values)
    taken = [
        value for number, value in enumerate(values) if number >= start * len(values)
    ] or values[-1:]
    assert averager.average["weight"].item() == pytest.approx(
        sum(taken) / len(taken), rel=1e-4, abs=1e-4
    )


def test_the_average_replaces_the_weights_and_they_are_restored() -> None:
    averager, module = averaged(TrainSettings(average="mean"), [2.0, 4.0])
    assert module.weight.item() == 4.0
    with averager.in_place():
        assert module.weight.item() == 3.0
    assert module.weight.item() == 4.0
    averager.before_validate()
    assert module.weight.item() == 3.0
    averager.after_validate()
    assert (module.weight.item(), averager.average["weight"].item()) == (4.0, 3.0)


def test_before_its_start_the_weights_are_validated_as_they_are() -> None:
    averager, module = averaged(
        TrainSettings(average="mean", average_from=0.5), [2.0, 4.0, 8.0, 1.0, 7.0]
    )
    with averager.in_place():
        assert module.weight.item() == 7.0


def test_without_an_average_nothing_is_kept() -> None:
    averager, module = averaged(TrainSettings(), [2.0, 4.0])
    averager.swap()
    assert (averager.average, module.weight.item()) == ({}, 4.0)


def test_weights_and_running_means_are_averaged_and_other_buffers_are_the_models_own() -> None:
    module = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    module[0].requires_grad_(False)
    module.register_buffer("years", torch.arange(4.0))
    found = Averager(module, TrainSettings(average="ema"), 9).average
    assert set(found) == {"1.weight", "1.bias", "1.running_mean", "1.running_var"}


def test_a_weight_with_two_names_is_swapped_once() -> None:
    module = nn.ModuleDict({"one": nn.Linear(1, 1, bias=False), "two": nn.Linear(1, 1, bias=False)})
    module["two"].weight = module["one"].weight
    averager = Averager(module, TrainSettings(average="mean"), 9)
    for number, value in enumerate([2.0, 4.0]):
        with torch.no_grad():
            module["one"].weight.fill_(value)
        averager.learn = SimpleNamespace(epoch=0, iter=number, n_iter=9)
        averager.after_batch()
    with averager.in_place():
        assert module["two"].weight.item() == 3.0
    assert module["two"].weight.item() == 4.0
