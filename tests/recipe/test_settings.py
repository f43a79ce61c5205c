"""The `train` table: its defaults, and what each setting may be."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfplug.params import Fault, Structured, check_parameters, parameters, plain, structure
from cfplug.recipe.settings import (
    AVERAGES,
    DECAY_ROWS,
    DECAYS,
    MONITORS,
    NEEDS,
    OPTIMIZERS,
    SCHEDULES,
    TrainSettings,
)

shares = st.floats(0, 0.999)

OF_CHOICE: dict[str, dict[str, Any]] = {
    "one-cycle": {"peak_share": st.floats(0.001, 0.999), "start_divisor": st.floats(1, 1e6)},
    "constant": {},
    "flat-cosine": {"flat_share": shares},
    "sgdr": {
        "cycles": st.integers(1, 6),
        "cycle_length": st.integers(1, 5),
        "cycle_multiplier": st.integers(1, 4),
    },
    "steps": {"step_factor": st.floats(0.001, 9)},
    "none": {},
    "ema": {"average_decay": shares, "average_from": shares},
    "mean": {"average_from": shares},
    "patience": {
        "patience": st.integers(1, 9),
        "min_improvement": st.floats(0, 9),
        "monitor": st.sampled_from(MONITORS),
    },
}
"""Settings that a choice of schedule or average, or patience, brings."""


@st.composite
def tables(draw: st.DrawFn) -> dict[str, Any]:
    """A train table without a fault."""
    schedule, average = draw(st.sampled_from(SCHEDULES)), draw(st.sampled_from(AVERAGES))
    drops = st.lists(st.integers(1, 50), min_size=1, max_size=4, unique=True).map(
        lambda each: tuple(sorted(each))
    )
    length = {} if schedule == "sgdr" else {"epochs": st.integers(1, 99)}
    more = OF_CHOICE[schedule] | OF_CHOICE[average]
    table = draw(st.fixed_dictionaries({}, optional=SIMPLE | length | more))
    if schedule == "steps":
        table["step_epochs"] = draw(drops)
    if draw(st.booleans()):
        table |= draw(st.fixed_dictionaries(OF_CHOICE["patience"]))
    return table | {"schedule": schedule, "average": average}


SIMPLE: dict[str, Any] = {
    "learning_rate": st.floats(1e-9, 9) | st.integers(1, 3),
    "weight_decay": st.floats(0, 9) | st.just(0),
    "batch_size": st.integers(1, 10**9),
    "optimizer": st.sampled_from(OPTIMIZERS),
    "momentum": shares,
    "beta2": shares,
    "epsilon": st.floats(1e-12, 1),
    "threads": st.integers(1, 64),
    "decay": st.sampled_from(DECAYS),
    "decay_rows": st.sampled_from(DECAY_ROWS),
}


@given(tables())
@settings(deadline=None, max_examples=30)
def test_settings_written_out_are_the_same_settings(values: dict[str, Any]) -> None:
    first = structure(TrainSettings, values, owner="train")
    assert first.faults == ()
    assert structure(TrainSettings, plain(first.value), owner="train") == first
    assert {name: getattr(first.value, name) for name in values} == values


def test_an_empty_table_trains_as_the_chapter_does() -> None:
    made = structure(TrainSettings, {}, owner="train").value
    assert made == TrainSettings()
    assert (made.epochs, made.learning_rate, made.weight_decay, made.batch_size) == (
        5,
        5e-3,
        0.1,
        64,
    )
    assert (made.schedule, made.optimizer) == ("one-cycle", "adam")


REFUSED: list[tuple[str, Any, str]] = [
    ("epochs", 0, "must be at least 1; is 0"),
    ("epochs", 2.0, "must be a whole number; is 2.0"),
    ("learning_rate", 0, "must be above 0; is 0.0"),
    ("learning_rate", "5e-3", "must be a number; is '5e-3'"),
    ("weight_decay", -0.1, "must be at least 0; is -0.1"),
    ("batch_size", 0, "must be at least 1; is 0"),
    ("batch_size", True, "must be a whole number; is true"),
    (
        "schedule",
        "onecycle",
        "must be one of one-cycle, constant, flat-cosine, sgdr, steps; is 'onecycle'; did you "
        "mean one-cycle?",
    ),
    ("optimizer", "lbfgs", "must be one of adam, sgd; is 'lbfgs'"),
    ("momentum", 1, "must be at least 0 and below 1; is 1.0"),
    ("beta2", -0.5, "must be at least 0 and below 1; is -0.5"),
    ("epsilon", 0.0, "must be above 0; is 0.0"),
    ("threads", 0, "must be at least 1; is 0"),
    ("peak_share", 0, "must be above 0 and below 1; is 0.0"),
    ("peak_share", 1, "must be above 0 and below 1; is 1.0"),
    ("start_divisor", 0.5, "must be at least 1; is 0.5"),
    ("flat_share", 1, "must be at least 0 and below 1; is 1.0"),
    ("cycles", 0, "must be at least 1 and at most 100; is 0"),
    ("cycles", 101, "must be at least 1 and at most 100; is 101"),
    ("cycle_length", 0, "must be at least 1; is 0"),
    ("warm_up", 1.0, "must be at least 0 and below 1; is 1.0"),
    ("cycle_multiplier", 1.5, "must be a whole number; is 1.5"),
    ("step_epochs", 3, "must be a list of whole numbers; is 3"),
    ("step_factor", 0, "must be above 0; is 0.0"),
    ("decay", "l2", "must be one of decoupled, coupled; is 'l2'"),
    ("decay_rows", "none", "must be one of all, occurring; is 'none'"),
    ("patience", 0, "must be at least 1; is 0"),
    ("min_improvement", -0.1, "must be at least 0; is -0.1"),
    ("monitor", "rsme", "must be one of valid_loss, mse, rmse, mae; is 'rsme'; did you mean rmse?"),
    ("average", "swa", "must be one of none, ema, mean; is 'swa'"),
    ("average_decay", 1, "must be at least 0 and below 1; is 1.0"),
    ("average_from", 1, "must be at least 0 and below 1; is 1.0"),
]


def test_every_setting_has_a_value_that_it_refuses() -> None:
    assert {name for name, _, _ in REFUSED} == {each.name for each in parameters(TrainSettings)}


@pytest.mark.parametrize(
    ("name", "value", "message"), REFUSED, ids=[f"{name}={value}" for name, value, _ in REFUSED]
)
def test_a_setting_out_of_bounds_is_reported(name: str, value: Any, message: str) -> None:
    assert structure(TrainSettings, {name: value}, owner="train") == Structured(
        None, (Fault((name,), message),)
    )


CLASHES: list[tuple[dict[str, Any], Fault]] = [
    (
        {"schedule": "sgdr", "epochs": 5},
        Fault(("epochs",), "must be 3, as the cycles of sgdr are 1 + 2, or left out; is 5"),
    ),
    (
        {"schedule": "steps"},
        Fault(
            ("schedule",),
            "steps needs step_epochs, the epochs after which the rate drops, such as [3]",
        ),
    ),
    ({"schedule": "steps", "step_epochs": [3, 3]}, Fault(("step_epochs",), "must rise; is [3, 3]")),
    (
        {"step_epochs": [3]},
        Fault(
            ("step_epochs",), "has no effect where schedule is one-cycle; it needs schedule: steps"
        ),
    ),
    (
        {"schedule": "constant", "peak_share": 0.3},
        Fault(
            ("peak_share",),
            "has no effect where schedule is constant; it needs schedule: one-cycle",
        ),
    ),
    (
        {"average_from": 0.5},
        Fault(
            ("average_from",), "has no effect where average is none; it needs average: ema or mean"
        ),
    ),
    (
        {"average": "mean", "average_decay": 0.9},
        Fault(("average_decay",), "has no effect where average is mean; it needs average: ema"),
    ),
    (
        {"monitor": "mae"},
        Fault(
            ("monitor",), "has no effect without patience, the epochs to wait for an improvement"
        ),
    ),
]


@pytest.mark.parametrize(("values", "fault"), CLASHES, ids=[str(values) for values, _ in CLASHES])
def test_conflicting_settings_are_reported(values: dict[str, Any], fault: Fault) -> None:
    assert structure(TrainSettings, values, owner="train") == Structured(None, (fault,))


@pytest.mark.parametrize("name", NEEDS)
def test_a_setting_without_effect_is_refused_and_taken_where_it_has_one(name: str) -> None:
    owner, choices = NEEDS[name]
    default = {each.name: each.default for each in parameters(TrainSettings)}[name]
    value = (
        (3,)
        if name == "step_epochs"
        else default + 1
        if isinstance(default, int)
        else default / 2 + 0.4
    )
    beside = {"step_epochs": (3,)} if "steps" in choices else {}
    for choice in choices:
        assert getattr(TrainSettings(**{owner: choice, **beside, name: value}), name) == value
    with pytest.raises(ValueError, match=f"{name}: has no effect where {owner} is"):
        TrainSettings(**{owner: "none" if owner == "average" else "constant", name: value})


@given(st.integers(1, 6), st.integers(1, 5), st.integers(1, 4))
def test_the_epochs_of_sgdr_are_those_of_its_cycles(
    cycles: int, length: int, multiplier: int
) -> None:
    made = TrainSettings(
        schedule="sgdr", cycles=cycles, cycle_length=length, cycle_multiplier=multiplier
    )
    lengths, each = [], length
    for _cycle in range(cycles):
        lengths.append(each)
        each *= multiplier
    assert made.cycle_lengths == tuple(lengths)
    assert made.epochs == sum(lengths)


@pytest.mark.parametrize("multiplier", [2, 10**100])
def test_cycles_of_sgdr_that_never_end_are_refused(multiplier: int) -> None:
    with pytest.raises(ValueError, match="cycles") as caught:
        TrainSettings(schedule="sgdr", cycles=100, cycle_multiplier=multiplier)
    assert str(caught.value) == (
        "cycles: must take at most 1,000,000 epochs in all, and these take more; "
        "lower cycle_multiplier, cycle_length or cycles"
    )


def test_the_lessons_two_cycles_of_sgdr_are_three_epochs() -> None:
    assert TrainSettings(schedule="sgdr", cycles=2, cycle_length=1, cycle_multiplier=2).epochs == 3


def test_every_setting_has_a_default_and_a_line_of_help() -> None:
    check_parameters(TrainSettings)
    assert [
        each.name for each in parameters(TrainSettings) if each.required or not each.rule.help
    ] == []


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        TrainSettings().epochs = 7  # type: ignore[misc]
