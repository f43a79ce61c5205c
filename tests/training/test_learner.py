"""Check training: batches, the rules of a step, exact checkpoints, and the Learner."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import pytest
import torch
from fastai.callback.core import Callback
from fastai.learner import Learner
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from cfplug import Batch, Interactions, PluginError
from cfplug.errors import ArtifactError, TrainingError
from cfplug.random import seed_for
from cfplug.recipe.settings import (
    DECAY_ROWS,
    DECAYS,
    MONITORS,
    OPTIMIZERS,
    SCHEDULES,
    TrainSettings,
)
from cfplug.training import learner as training
from cfplug.training.checkpoint import Checkpoint, Epoch, Watch
from cfplug.training.learner import resolve_device, train
from cfplug.training.loader import TensorLoader
from cfplug.training.module import Scored, load_weights, weights_of

USERS, ITEMS = 7, 5


class Head(nn.Module):
    """The simplest head: the output is the rating."""

    n_outputs = 1

    def decode(self, outputs: Tensor) -> Tensor:
        return outputs.squeeze(-1)

    def loss(self, outputs: Tensor, rating: Tensor) -> Tensor:
        return nn.functional.mse_loss(self.decode(outputs), rating)


class OneNumber(nn.Module):
    """Model every rating as one scalar weight, so that a step can be written by hand."""

    def __init__(self, start: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(start))

    def forward(self, batch: Batch) -> Tensor:
        return self.weight.expand(len(batch), 1)


class Network(nn.Module):
    """A little of everything that has a state: embeddings, a bias, running means, chance."""

    def __init__(self) -> None:
        super().__init__()
        self.user, self.item = nn.Embedding(USERS, 3), nn.Embedding(ITEMS, 2)
        self.inner = nn.Sequential(
            nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Dropout(0.3), nn.Linear(4, 1)
        )

    def forward(self, batch: Batch) -> Tensor:
        return self.inner(torch.cat([self.user(batch.user), self.item(batch.item)], dim=1))


class FailsAt(OneNumber):
    """Gives no number at its n-th call."""

    def __init__(self, call: int, value: float) -> None:
        super().__init__(1.0)
        self.calls, self.call, self.value = 0, call, value

    def forward(self, batch: Batch) -> Tensor:
        self.calls += 1
        return super().forward(batch) * (self.value if self.calls == self.call else 1.0)


def interactions(n: int, seed: int = 0) -> Interactions:
    rng = np.random.default_rng(seed)
    batch = Batch(rng.integers(0, USERS, n), rng.integers(0, ITEMS, n))
    return Interactions(batch, rng.integers(1, 6, n).astype(np.float64), USERS, ITEMS)


def numbered(n: int) -> Interactions:
    """Rows that differ from each other in every column."""
    return Interactions(Batch(np.arange(n), np.arange(n) + 1000), np.arange(n) + 0.5, n, n + 1000)


def trained(
    module: nn.Module,
    chosen: TrainSettings,
    n: tuple[int, int] = (41, 13),
    *,
    watch: Watch | None = None,
    resume: Checkpoint | None = None,
) -> tuple[Learner, tuple[Epoch, ...]]:
    scored, data = Scored(module, Head()), (interactions(n[0]), interactions(n[1], seed=1))
    return train(
        scored,
        data,
        chosen,
        name="ours",
        seed=11,
        device="cpu",
        watch=watch or Watch(),
        resume=resume,
    )


def network() -> Network:
    torch.manual_seed(5)
    return Network()


def bits(arrays: dict[str, np.ndarray]) -> dict[str, tuple[Any, bytes]]:
    return {name: (array.shape, array.tobytes()) for name, array in arrays.items()}


# Seeds and devices


def test_seeds_of_steps_are_stable_and_differ_by_seed_and_step() -> None:
    assert seed_for(42, "epoch 0") == 2735580437810899741
    asked = [(seed, f"epoch {epoch}") for seed in range(20) for epoch in range(20)]
    seeds = {seed_for(*each) for each in asked}
    assert len(seeds) == len(asked)
    assert all(0 <= seed < 2**63 for seed in seeds)


@pytest.mark.parametrize(
    ("cuda", "mps", "best"),
    [(True, True, "cuda"), (True, False, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_auto_is_the_best_device_that_there_is(
    monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, best: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert resolve_device("auto") == best
    assert resolve_device("cpu") == "cpu"


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, device: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(TrainingError) as caught:
        resolve_device(device)
    assert (
        str(caught.value)
        == f"device: this machine has no {device}; say `device: auto` or `device: cpu`"
    )


# Batches


def rows_of(loader: TensorLoader) -> list[list[tuple[int, int, float]]]:
    return [
        list(zip(batch.user.tolist(), batch.item.tolist(), rating.tolist(), strict=True))
        for batch, rating in loader
    ]


@given(
    n=st.integers(1, 70),
    size=st.integers(1, 80),
    seed=st.integers(0, 2**32 - 1),
    epoch=st.integers(0, 9),
)
def test_the_batches_of_an_epoch_are_a_permutation_of_the_rows(
    n: int, size: int, seed: int, epoch: int
) -> None:
    loader = TensorLoader(numbered(n), size, "cpu", seed)
    loader.epoch = epoch
    batches = rows_of(loader)
    whole = [(row, row + 1000, row + 0.5) for row in range(n)]
    assert sorted(row for batch in batches for row in batch) == whole
    assert len(loader) == len(batches)
    assert all(len(batch) == size for batch in batches[:-1])
    assert 1 <= len(batches[-1]) <= size + 1
    assert 1 not in map(len, batches) or n == 1 or size == 1


@given(n=st.integers(1, 70), size=st.integers(1, 80))
def test_without_a_seed_the_rows_stay_in_order(n: int, size: int) -> None:
    loader = TensorLoader(numbered(n), size, "cpu")
    assert [row[0] for batch in rows_of(loader) for row in batch] == list(range(n))


@pytest.mark.parametrize(
    ("n", "size", "lengths"),
    [
        (7, 3, [3, 4]),
        (4, 3, [4]),
        (6, 3, [3, 3]),
        (8, 3, [3, 3, 2]),
        (1, 3, [1]),
        (3, 1, [1, 1, 1]),
        (5, 9, [5]),
    ],
)
def test_one_row_that_is_left_over_joins_the_batch_before_it(
    n: int, size: int, lengths: list[int]
) -> None:
    loader = TensorLoader(numbered(n), size, "cpu")
    assert list(map(len, rows_of(loader))) == lengths
    assert len(loader) == len(lengths)


def test_a_network_with_normalisation_trains_where_one_row_is_left_over() -> None:
    _, history = trained(network(), TrainSettings(epochs=2, batch_size=10))  # 41 rows
    assert len(history) == 2


def test_epochs_differ_seeds_differ_and_the_same_seed_gives_the_same() -> None:
    def order(seed: int, epoch: int) -> tuple[int, ...]:
        loader = TensorLoader(numbered(50), 8, "cpu", seed)
        loader.epoch = epoch
        return tuple(row[0] for batch in rows_of(loader) for row in batch)

    assert len({order(seed, epoch) for seed in range(4) for epoch in range(5)}) == 20
    assert order(3, 2) == order(3, 2)


def test_a_loader_that_is_asked_again_goes_on_to_the_next_epoch() -> None:
    loader = TensorLoader(numbered(50), 8, "cpu", seed=3)
    first, second = rows_of(loader), rows_of(loader)
    loader.epoch = 0
    assert rows_of(loader) == first != second


def test_the_order_does_not_depend_on_what_was_drawn_before() -> None:
    loader = TensorLoader(numbered(50), 8, "cpu", seed=3)
    first = rows_of(loader)
    torch.rand(7)
    loader.epoch = 0
    state = torch.get_rng_state()
    assert rows_of(loader) == first
    assert torch.equal(torch.get_rng_state(), state)


# The rules of a step, against their equations


def test_adam_is_the_equation_in_its_docstring() -> None:
    chosen = TrainSettings(
        epochs=6,
        learning_rate=0.05,
        weight_decay=0.3,
        batch_size=100,
        schedule="constant",
        momentum=0.8,
        beta2=0.95,
        epsilon=1e-3,
    )
    learner, _ = trained(OneNumber(2.0), chosen)
    value, m, v = 2.0, 0.0, 0.0
    mean = interactions(41).rating.mean()
    for step in range(1, 7):
        gradient = 2 * (value - mean)
        m = 0.8 * m + 0.2 * gradient
        v = 0.95 * v + 0.05 * gradient**2
        corrected = (m / (1 - 0.8**step)) / (math.sqrt(v / (1 - 0.95**step)) + 1e-3)
        value -= 0.05 * (corrected + 0.3 * value)
    assert learner.model.module.weight.item() == pytest.approx(value, rel=1e-5)


def test_sgd_is_the_equation_in_its_docstring() -> None:
    chosen = TrainSettings(
        epochs=5,
        learning_rate=0.02,
        weight_decay=0.3,
        batch_size=100,
        schedule="constant",
        optimizer="sgd",
        momentum=0.7,
        decay="coupled",
    )
    learner, _ = trained(OneNumber(2.0), chosen)
    value, velocity, mean = 2.0, 0.0, interactions(41).rating.mean()
    for _step in range(5):
        velocity = 0.7 * velocity + 2 * (value - mean) + 0.3 * value
        value -= 0.02 * velocity
    assert learner.model.module.weight.item() == pytest.approx(value, rel=1e-5)


def test_one_cycle_climbs_and_falls_along_two_cosines() -> None:
    learner, _ = trained(OneNumber(2.0), TrainSettings(epochs=4, learning_rate=0.01, batch_size=9))
    steps = 4 * 5

    def expected(step: int) -> float:
        done = step / steps
        low, high, part = (
            (0.01 / 25, 0.01, done / 0.25)
            if done < 0.25
            else (0.01, 0.01 / 1e5, (done - 0.25) / 0.75)
        )
        return low + (1 - math.cos(math.pi * part)) * (high - low) / 2

    assert learner.recorder.lrs == pytest.approx(
        [expected(step) for step in range(steps)], rel=1e-6
    )


def test_a_constant_schedule_keeps_its_rate() -> None:
    chosen = TrainSettings(epochs=3, learning_rate=0.01, batch_size=9, schedule="constant")
    learner, _ = trained(OneNumber(2.0), chosen)
    assert learner.recorder.lrs == [0.01] * 15


def test_losses_are_means_over_rows_not_over_batches() -> None:
    chosen = TrainSettings(
        epochs=1,
        learning_rate=1e-30,
        batch_size=16,
        schedule="constant",
        optimizer="sgd",
        weight_decay=0.0,
    )
    _, history = trained(OneNumber(2.0), chosen, n=(41, 13))
    mean_square = [
        float(np.mean((interactions(n, seed).rating - 2.0) ** 2)) for n, seed in ((41, 0), (13, 1))
    ]
    assert [history[0].train_loss, history[0].valid_loss] == pytest.approx(mean_square, rel=1e-6)


def test_training_learns() -> None:
    _, history = trained(network(), TrainSettings(epochs=8, learning_rate=0.05, batch_size=9))
    assert [epoch.epoch for epoch in history] == list(range(1, 9))
    assert history[-1].train_loss < 0.6 * history[0].train_loss


# Going on after a stop

BOTH = [(schedule, optimizer) for schedule in SCHEDULES for optimizer in OPTIMIZERS]

OF_SCHEDULE: dict[str, dict[str, Any]] = {
    "sgdr": {"cycles": 2, "cycle_length": 1, "cycle_multiplier": 3},
    "steps": {"step_epochs": (1, 3), "step_factor": 0.5},
}
"""What a schedule needs to have four epochs and to change within them."""


def of_four_epochs(schedule: str, optimizer: str, **more: Any) -> TrainSettings:
    more = {**OF_SCHEDULE.get(schedule, {}), **more}
    return TrainSettings(
        epochs=4,
        learning_rate=0.02,
        batch_size=9,
        schedule=schedule,
        optimizer=optimizer,
        momentum=0.8,
        **more,
    )


def watched(chosen: TrainSettings, resume: Checkpoint | None = None) -> list[Checkpoint]:
    """Every checkpoint of a training of the network, the one that it went on from first."""
    kept = [resume] if resume else []
    trained(network(), chosen, watch=Watch(checkpoint=kept.append), resume=resume)
    return kept


@pytest.mark.parametrize(("schedule", "optimizer"), BOTH)
def test_a_resumed_training_is_the_unbroken_one_to_the_last_bit(
    schedule: str, optimizer: str
) -> None:
    check_resumed(of_four_epochs(schedule, optimizer))


@settings(max_examples=10, deadline=None)
@given(
    st.builds(
        of_four_epochs,
        st.sampled_from(SCHEDULES),
        st.sampled_from(OPTIMIZERS),
        decay=st.sampled_from(DECAYS),
        decay_rows=st.sampled_from(DECAY_ROWS),
    ),
    st.sampled_from(
        [("none", 0.0), ("ema", 0.0), ("ema", 0.3), ("ema", 0.6), ("mean", 0.0), ("mean", 0.45)]
    ),
    st.sampled_from([None, 9]),
    st.sampled_from(MONITORS),
)
def test_a_resumed_training_is_the_unbroken_one_whatever_its_settings(
    chosen: TrainSettings, average: tuple[str, float], patience: int | None, monitor: str
) -> None:
    kind, start = average
    chosen = attrs.evolve(
        chosen, average=kind, average_from=start, average_decay=0.9 if kind == "ema" else 0.999
    )
    chosen = (
        chosen if patience is None else attrs.evolve(chosen, patience=patience, monitor=monitor)
    )
    check_resumed(chosen)


def check_resumed(chosen: TrainSettings) -> None:
    """Check that a training stopped after any epoch goes on to the same bits."""
    unbroken = watched(chosen)
    final = bits(weights_of(trained(network(), chosen)[0].model))
    assert len(unbroken) == 4
    for checkpoint in unbroken:
        learner, _ = trained(network(), chosen, resume=checkpoint)
        assert bits(weights_of(learner.model)) == final
    assert any(name.startswith("optimizer.") for name in unbroken[0].arrays)
    for stopped in range(3):
        resumed = watched(chosen, unbroken[stopped])
        assert len(resumed) == 4 - stopped
        for before, after in zip(unbroken[stopped + 1 :], resumed[1:], strict=True):
            assert bits(after.arrays) == bits(before.arrays)
        assert losses(resumed[-1].history) == losses(unbroken[-1].history)


@pytest.mark.parametrize("average", ["ema", "mean"])
def test_a_resumed_training_has_the_average_of_the_unbroken_one(average: str) -> None:
    check_resumed(of_four_epochs("one-cycle", "adam", average=average, average_from=0.4))


@pytest.mark.parametrize("average", ["none", "mean"])
def test_going_on_from_a_checkpoint_leaves_it_as_it_was(average: str) -> None:
    chosen = of_four_epochs("constant", "sgd", average=average, patience=9)
    second = watched(chosen)[1]
    before = bits({name: array.copy() for name, array in second.arrays.items()})
    trained(network(), chosen, resume=second)
    assert bits(second.arrays) == before
    assert len(second.history) == 2


def losses(history: tuple[Epoch, ...]) -> list[tuple[int, float, float]]:
    return [(each.epoch, each.train_loss, each.valid_loss) for each in history]


@pytest.mark.parametrize(("schedule", "optimizer"), BOTH)
def test_without_the_optimizers_state_a_resumed_training_differs(
    schedule: str, optimizer: str
) -> None:
    chosen = of_four_epochs(schedule, optimizer)
    unbroken = watched(chosen)
    model = {name: array for name, array in unbroken[1].arrays.items() if name.startswith("model.")}
    resumed = watched(chosen, attrs.evolve(unbroken[1], arrays=model))
    assert bits(resumed[-1].arrays) != bits(unbroken[-1].arrays)


def test_a_training_that_was_done_is_not_done_again() -> None:
    chosen = TrainSettings(epochs=2, learning_rate=0.02, batch_size=9)
    last = watched(chosen)[-1]
    reported: list[Checkpoint] = []
    learner, history = trained(
        network(), chosen, watch=Watch(checkpoint=reported.append), resume=last
    )
    assert reported == []
    assert history == last.history
    model = {f"model.{name}": array for name, array in weights_of(learner.model).items()}
    assert bits(model) == bits({name: last.arrays[name] for name in model})


def test_the_same_training_twice_is_the_same_whatever_was_drawn_before() -> None:
    chosen = TrainSettings(epochs=2, learning_rate=0.02, batch_size=9)
    first = watched(chosen)
    module = network()
    torch.rand(13)
    second: list[Checkpoint] = []
    trained(module, chosen, watch=Watch(checkpoint=second.append))
    assert [bits(each.arrays) for each in first] == [bits(each.arrays) for each in second]


class Chance(OneNumber):
    """Draws at random in each step, as dropout does."""

    def __init__(self) -> None:
        super().__init__(1.0)
        self.drawn: list[float] = []

    def forward(self, batch: Batch) -> Tensor:
        if self.training:
            self.drawn.append(torch.rand(()).item())
        return super().forward(batch)


def test_chance_differs_by_epoch_and_step_and_is_the_same_in_each_run() -> None:
    runs = []
    for number in range(2):
        module = Chance()
        torch.rand(number)
        trained(module, TrainSettings(epochs=3, batch_size=16))
        runs.append(module.drawn)
    assert runs[0] == runs[1]
    assert len(set(runs[0])) == 3 * 3


# Stopping early, and the best epoch


class Wanders(OneNumber):
    """Start at the mean of the validation ratings; training moves the weight away from it."""

    def __init__(self) -> None:
        super().__init__(float(interactions(13, seed=1).rating.mean()))


LEAVES = TrainSettings(
    epochs=9,
    learning_rate=0.2,
    weight_decay=0.0,
    batch_size=100,
    schedule="constant",
    optimizer="sgd",
    momentum=0.0,
)
"""One step an epoch, away from the best: every epoch is worse than the one before."""


@pytest.mark.parametrize("patience", [1, 2, 4])
def test_training_stops_after_patience_epochs_and_keeps_the_best(
    patience: int,
) -> None:
    learner, history = trained(Wanders(), attrs.evolve(LEAVES, patience=patience))
    losses = [epoch.valid_loss for epoch in history]
    assert len(history) == 1 + patience
    assert losses == sorted(losses)
    assert quiet(learner, learner.validate)[0] == pytest.approx(losses[0], rel=1e-6)


def test_without_patience_every_epoch_is_trained_and_the_last_is_kept() -> None:
    learner, history = trained(Wanders(), LEAVES)
    assert len(history) == 9
    assert quiet(learner, learner.validate)[0] == pytest.approx(history[-1].valid_loss, rel=1e-6)


def test_an_improvement_that_is_too_small_is_none() -> None:
    improving = attrs.evolve(LEAVES, learning_rate=0.05, patience=1)
    _, history = trained(OneNumber(0.5), improving)
    assert len(history) == 9  # each epoch is better than the last
    drops = [a.valid_loss - b.valid_loss for a, b in itertools.pairwise(history)]
    least = (drops[2] + drops[3]) / 2
    _, stopped = trained(OneNumber(0.5), attrs.evolve(improving, min_improvement=least))
    assert len(stopped) == 5
    assert losses(stopped) == losses(history)[:5]


def test_a_patient_training_says_which_epoch_it_kept() -> None:
    reported: list[str] = []
    _, history = trained(
        Wanders(),
        attrs.evolve(LEAVES, patience=2, monitor="rmse"),
        watch=Watch(say=reported.append),
    )
    value = math.sqrt(history[0].valid_loss)
    assert reported == [
        f"ours: rmse was best in epoch 1 of the 3 trained: {value:.4f}; its weights are kept"
    ]


@pytest.mark.parametrize(
    ("monitor", "measure"),
    [
        ("valid_loss", lambda error: np.mean(error**2)),
        ("mse", lambda error: np.mean(error**2)),
        ("rmse", lambda error: np.sqrt(np.mean(error**2))),
        ("mae", lambda error: np.mean(np.abs(error))),
    ],
)
def test_what_is_monitored_is_measured_on_the_validation_ratings(
    monitor: str, measure: Callable[[np.ndarray], float]
) -> None:
    kept: list[Checkpoint] = []
    chosen = attrs.evolve(LEAVES, patience=1, monitor=monitor)
    learner, _ = trained(Wanders(), chosen, watch=Watch(checkpoint=kept.append))
    error = learner.model.module.weight.item() - interactions(13, seed=1).rating
    assert float(kept[-1].arrays["best.value"]) == pytest.approx(measure(error), rel=1e-5)


def test_a_training_that_was_stopped_by_its_patience_is_not_gone_on_with() -> None:
    chosen = attrs.evolve(LEAVES, patience=2)
    kept: list[Checkpoint] = []
    learner, history = trained(Wanders(), chosen, watch=Watch(checkpoint=kept.append))
    again, same = trained(Wanders(), chosen, resume=kept[-1])
    assert same == history
    assert bits(weights_of(again.model)) == bits(weights_of(learner.model))
    assert learner.model.module.weight.item() != pytest.approx(
        float(kept[-1].arrays["model.module.weight"])
    )


def test_the_waiting_goes_on_after_a_stop() -> None:
    chosen = attrs.evolve(LEAVES, patience=3)
    kept: list[Checkpoint] = []
    _, history = trained(Wanders(), chosen, watch=Watch(checkpoint=kept.append))
    for checkpoint in kept:
        _, resumed = trained(Wanders(), chosen, resume=checkpoint)
        assert losses(resumed) == losses(history)


# The average of the weights


def test_the_model_that_is_left_is_the_one_that_was_validated() -> None:
    for average in ("ema", "mean"):
        chosen = TrainSettings(
            epochs=3, learning_rate=0.05, batch_size=9, average=average, average_from=0.2
        )
        learner, history = trained(network(), chosen)
        assert quiet(learner, learner.validate)[0] == pytest.approx(
            history[-1].valid_loss, rel=1e-6
        )


def test_averaging_changes_what_is_validated_and_not_how_the_weights_move() -> None:
    plain = TrainSettings(epochs=3, learning_rate=0.05, batch_size=9)
    kept = watched(plain)
    averaged = watched(attrs.evolve(plain, average="mean"))
    moved = {name for name in kept[-1].arrays if name.startswith(("model.", "optimizer."))}
    assert [bits({name: each.arrays[name] for name in moved}) for each in kept] == [
        bits({name: each.arrays[name] for name in moved}) for each in averaged
    ]
    assert [epoch.train_loss for epoch in kept[-1].history] == [
        epoch.train_loss for epoch in averaged[-1].history
    ]
    assert kept[-1].history[-1].valid_loss != averaged[-1].history[-1].valid_loss


def test_the_best_epoch_of_an_averaged_training_is_kept_as_its_average() -> None:
    chosen = attrs.evolve(LEAVES, patience=2, average="mean")
    learner, history = trained(Wanders(), chosen)
    assert len(history) == 3
    assert quiet(learner, learner.validate)[0] == pytest.approx(history[0].valid_loss, rel=1e-6)


# What goes wrong


@pytest.mark.parametrize(
    ("call", "value", "text"),
    [
        (
            2,
            math.nan,
            "the training loss became nan in epoch 1, step 2 of 3, at learning rate 0.01",
        ),
        (
            4,
            math.inf,
            "the validation loss became inf in epoch 1, step 1 of 1, at learning rate 0.01",
        ),
        (
            7,
            -math.inf,
            "the training loss became inf in epoch 2, step 3 of 3, at learning rate 0.01",
        ),
    ],
)
def test_a_loss_of_nan_stops_training_with_epoch_step_and_rate(
    call: int, value: float, text: str
) -> None:
    kept: list[Checkpoint] = []
    chosen = TrainSettings(epochs=3, learning_rate=0.01, batch_size=16, schedule="constant")
    with pytest.raises(TrainingError) as caught:
        trained(FailsAt(call, value), chosen, watch=Watch(checkpoint=kept.append))
    assert str(caught.value) == f"ours: {text}; a lower train.learning_rate may help"
    assert len(kept) == call // 5


def test_a_rate_that_is_far_too_high_ends_in_that_error() -> None:
    chosen = TrainSettings(
        epochs=30, learning_rate=1e6, batch_size=16, schedule="constant", optimizer="sgd"
    )
    with pytest.raises(TrainingError) as caught:
        trained(OneNumber(2.0), chosen)
    assert str(caught.value) == (
        "ours: the validation loss became inf in epoch 1, step 1 of 1, at learning rate 1e+06; "
        "a lower train.learning_rate may help"
    )


def test_outputs_of_the_wrong_shape_are_the_plugins_fault() -> None:
    class Flat(OneNumber):
        def forward(self, batch: Batch) -> Tensor:
            return super().forward(batch).squeeze(1)

    with pytest.raises(PluginError) as caught:
        trained(Flat(1.0), TrainSettings(epochs=1, batch_size=16))
    assert str(caught.value) == "forward gave outputs of shape (16,); expected (16, 1)"


def test_weights_of_another_model_are_refused() -> None:
    arrays = weights_of(OneNumber(1.0))
    with pytest.raises(RuntimeError, match="Missing key"):
        load_weights(network(), arrays)


def test_what_a_watcher_raises_leaves_as_it_is() -> None:
    """fastai would write "Exception occured in ..." over its text."""

    def full(checkpoint: Checkpoint) -> None:
        raise ArtifactError("cannot write here: No space left on device")

    with pytest.raises(ArtifactError) as caught:
        trained(
            OneNumber(1.0), TrainSettings(epochs=1, batch_size=16), watch=Watch(checkpoint=full)
        )
    assert str(caught.value) == "cannot write here: No space left on device"


# Threads, and what a watch is called with


class Spy(OneNumber):
    """Remembers with how many threads it was called."""

    def __init__(self) -> None:
        super().__init__(1.0)
        self.threads: set[int] = set()

    def forward(self, batch: Batch) -> Tensor:
        self.threads.add(torch.get_num_threads())
        return super().forward(batch)


@pytest.mark.parametrize("threads", [1, 3])
def test_training_has_the_threads_of_the_recipe_and_gives_them_back(threads: int) -> None:
    before, spy = torch.get_num_threads(), Spy()
    trained(spy, TrainSettings(epochs=1, batch_size=16, threads=threads))
    assert spy.threads == {threads}
    assert torch.get_num_threads() == before


def test_threads_are_given_back_after_an_error() -> None:
    before = torch.get_num_threads()
    with pytest.raises(TrainingError):
        trained(FailsAt(1, math.nan), TrainSettings(epochs=1, batch_size=16, threads=before + 2))
    assert torch.get_num_threads() == before


def test_each_epoch_is_stored_before_it_is_reported() -> None:
    reported: list[Any] = []
    watch = Watch(
        progress=lambda done, message: reported.append((0 < done <= 1, message)),
        epoch_finished=lambda epoch, epochs: reported.append((epoch, epochs)),
        checkpoint=lambda checkpoint: reported.append(checkpoint.history),
    )
    _, history = trained(OneNumber(1.0), TrainSettings(epochs=2, batch_size=16), watch=watch)
    words = [each for each in reported if each[1:] == ("ours: training",)]
    assert words == [(True, "ours: training")] * len(words) != []
    assert [each for each in reported if each not in words] == [
        history[:1],
        (history[0], 2),
        history,
        (history[1], 2),
    ]


# The Learner


def quiet(learner: Learner, act: Callable[[], Any]) -> Any:
    """By hand, with one thread: two that wait for each other take long where others work too."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with learner.no_bar(), learner.no_logging():
            return act()
    finally:
        torch.set_num_threads(before)


def test_the_learner_is_fastais_and_a_user_can_go_on_with_it() -> None:
    chosen = TrainSettings(epochs=3, learning_rate=0.02, batch_size=9)
    learner, history = trained(network(), chosen)
    assert isinstance(learner, Learner)
    assert quiet(learner, learner.validate)[0] == pytest.approx(history[-1].valid_loss, rel=1e-6)
    epochs_before = learner.dls.train.epoch
    quiet(learner, lambda: learner.fit_one_cycle(4, 0.05))
    assert learner.dls.train.epoch == epochs_before + 4
    assert learner.recorder.values[-1][0] < history[-1].train_loss
    assert quiet(learner, learner.validate)[0] != pytest.approx(history[-1].valid_loss, rel=1e-6)
    assert "progress" in [callback.name for callback in learner.cbs]


def test_fastais_own_schedules_and_rate_finder_work_on_it(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    learner, _ = trained(network(), TrainSettings(epochs=1, learning_rate=0.02, batch_size=3))
    assert quiet(learner, lambda: learner.lr_find(show_plot=False, num_it=20)).valley > 0
    quiet(learner, lambda: learner.fit_flat_cos(1))
    quiet(learner, lambda: learner.fit_sgdr(1, 1))


class Diary(Callback):
    """Writes down every event that it is asked about."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def __call__(self, event_name: str) -> None:
        self.events.append(event_name)
        super().__call__(event_name)


for _name in (
    "before_fit",
    "before_epoch",
    "before_batch",
    "after_loss",
    "after_step",
    "after_batch",
    "after_fit",
):
    setattr(Diary, _name, lambda self: None)


def test_fewer_questions_give_the_same_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check that DirectLearner calls a callback only for its events, and trains as Learner."""
    chosen = TrainSettings(epochs=2, learning_rate=0.02, batch_size=9)
    kept, diaries = [], []
    for kind in (training.DirectLearner, Learner):
        monkeypatch.setattr(training, "DirectLearner", kind)
        learner, _ = trained(network(), chosen)
        diary = Diary()
        learner.add_cb(diary)
        quiet(learner, lambda learner=learner: learner.fit_one_cycle(1))
        kept.append(bits(weights_of(learner.model)))
        diaries.append([event for event in diary.events if hasattr(Diary, event)])
    assert kept[0] == kept[1]
    assert diaries[0] == diaries[1]
    assert diaries[0].count("before_batch") == 5 + 1


@settings(max_examples=15, deadline=None)
@given(
    epochs=st.integers(1, 3),
    size=st.integers(1, 50),
    stopped=st.integers(0, 2),
    seed=st.integers(0, 99),
)
def test_stopping_anywhere_changes_nothing(epochs: int, size: int, stopped: int, seed: int) -> None:
    chosen = TrainSettings(epochs=epochs, learning_rate=0.02, batch_size=size)
    data = (interactions(23, seed), interactions(6, seed + 1))

    def history(resume: Checkpoint | None) -> list[Checkpoint]:
        torch.manual_seed(seed)
        module = Scored(nn.Sequential(Sum()), Head())
        kept: list[Checkpoint] = [resume] if resume else []
        watch = Watch(checkpoint=kept.append)
        train(
            module, data, chosen, name="ours", seed=seed, device="cpu", watch=watch, resume=resume
        )
        return kept

    unbroken = history(None)
    resumed = history(unbroken[min(stopped, epochs - 1)])
    assert bits(resumed[-1].arrays) == bits(unbroken[-1].arrays)


class Sum(nn.Module):
    """A bias for every user and item."""

    def __init__(self) -> None:
        super().__init__()
        self.user, self.item = nn.Embedding(USERS, 1), nn.Embedding(ITEMS, 1)

    def forward(self, batch: Batch) -> Tensor:
        return self.user(batch.user) + self.item(batch.item)
