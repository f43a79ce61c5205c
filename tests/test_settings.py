"""The `train` table: its defaults, and what each setting may be."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfplug.params import Fault, Structured, check_parameters, parameters, plain, structure
from cfplug.settings import OPTIMIZERS, SCHEDULES, TrainSettings

tables = st.fixed_dictionaries(
    {},
    optional={
        "epochs": st.integers(1, 99),
        "learning_rate": st.floats(1e-9, 9) | st.integers(1, 3),
        "weight_decay": st.floats(0, 9) | st.just(0),
        "batch_size": st.integers(1, 10**9),
        "schedule": st.sampled_from(SCHEDULES),
        "optimizer": st.sampled_from(OPTIMIZERS),
        "momentum": st.floats(0, 0.999),
        "beta2": st.floats(0, 0.999),
        "epsilon": st.floats(1e-12, 1),
        "threads": st.integers(1, 64),
    },
)


@given(tables)
@settings(deadline=None, max_examples=60)
def test_settings_written_out_are_the_same_settings(values: dict[str, Any]) -> None:
    first = structure(TrainSettings, values, owner="train")
    assert first.faults == ()
    assert structure(TrainSettings, plain(first.value), owner="train") == first
    assert {name: getattr(first.value, name) for name in values} == values


def test_an_empty_table_trains_as_the_chapter_does() -> None:
    made = structure(TrainSettings, {}, owner="train").value
    assert made == TrainSettings()
    assert (made.epochs, made.learning_rate, made.weight_decay, made.batch_size) == (5, 5e-3, 0.1, 64)
    assert (made.schedule, made.optimizer) == ("one-cycle", "adam")


REFUSED: list[tuple[str, Any, str]] = [
    ("epochs", 0, "must be at least 1; is 0"),
    ("epochs", 2.0, "must be a whole number; is 2.0"),
    ("learning_rate", 0, "must be above 0; is 0.0"),
    ("learning_rate", "5e-3", "must be a number; is '5e-3'"),
    ("weight_decay", -0.1, "must be at least 0; is -0.1"),
    ("batch_size", 0, "must be at least 1; is 0"),
    ("batch_size", True, "must be a whole number; is true"),
    ("schedule", "onecycle", "must be one of one-cycle, constant; is 'onecycle'; did you mean one-cycle?"),
    ("optimizer", "lbfgs", "must be one of adam, sgd; is 'lbfgs'"),
    ("momentum", 1, "must be at least 0 and below 1; is 1.0"),
    ("beta2", -0.5, "must be at least 0 and below 1; is -0.5"),
    ("epsilon", 0.0, "must be above 0; is 0.0"),
    ("threads", 0, "must be at least 1; is 0"),
]


def test_every_setting_has_a_value_that_it_refuses() -> None:
    assert {name for name, _, _ in REFUSED} == {each.name for each in parameters(TrainSettings)}


@pytest.mark.parametrize(("name", "value", "message"), REFUSED, ids=[f"{name}={value}" for name, value, _ in REFUSED])
def test_a_setting_out_of_bounds_is_told(name: str, value: Any, message: str) -> None:
    assert structure(TrainSettings, {name: value}, owner="train") == Structured(None, (Fault((name,), message),))


def test_every_setting_has_a_default_and_a_line_of_help() -> None:
    check_parameters(TrainSettings)
    assert [each.name for each in parameters(TrainSettings) if each.required or not each.rule.help] == []


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        TrainSettings().epochs = 7  # type: ignore[misc]
