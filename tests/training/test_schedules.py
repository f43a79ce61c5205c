"""The courses of learning rate and momentum, each against its equation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfplug.recipe.settings import SCHEDULES, TrainSettings
from cfplug.training.schedules import by_step, courses, steps_of

RATE = 0.02

LEAST: dict[str, dict[str, Any]] = {"steps": {"step_epochs": (2,)}}
"""What a schedule cannot do without."""


def rates(settings: TrainSettings, parts: Sequence[float]) -> list[float]:
    assert settings.epochs is not None
    return [float(courses(settings, settings.epochs)["lr"](part)) for part in parts]


def fall(start: float, end: float, part: float) -> float:
    """A cosine from `start` to `end`."""
    return end + (start - end) * (1 + math.cos(math.pi * part)) / 2


@given(st.floats(0, 0.999), st.floats(0.05, 0.95), st.floats(1, 100))
def test_one_cycle_climbs_to_its_rate_and_falls(done: float, share: float, divisor: float) -> None:
    settings = TrainSettings(learning_rate=RATE, peak_share=share, start_divisor=divisor)
    up, down = done / share, (done - share) / (1 - share)
    expected = fall(RATE / divisor, RATE, up) if done < share else fall(RATE, RATE / 1e5, down)
    momentum = fall(0.95, 0.85, up) if done < share else fall(0.85, 0.95, down)
    assert rates(settings, [done]) == [pytest.approx(expected, rel=1e-4, abs=1e-8)]
    assert float(courses(settings, 5)["mom"](done)) == pytest.approx(momentum, rel=1e-4)


@given(st.floats(0, 0.999), st.floats(0, 0.95))
def test_flat_cosine_stays_and_then_falls(done: float, share: float) -> None:
    settings = TrainSettings(learning_rate=RATE, schedule="flat-cosine", flat_share=share)
    expected = RATE if done < share else fall(RATE, RATE / 1e5, (done - share) / (1 - share))
    assert rates(settings, [done]) == [pytest.approx(expected, rel=1e-4, abs=1e-8)]


def test_two_cycles_of_sgdr_fall_to_zero_and_start_again() -> None:
    settings = TrainSettings(learning_rate=RATE, schedule="sgdr")  # epochs 0 to 1, and 1 to 3
    parts = [0.0, 0.5, 0.999999, 1.0, 2.0, 2.999999]
    expected = [RATE, RATE / 2, 0.0, RATE, RATE / 2, 0.0]
    assert rates(settings, [part / 3 for part in parts]) == pytest.approx(expected, abs=1e-9)


def test_sgdr_may_warm_up_in_a_part_of_its_first_cycle() -> None:
    settings = TrainSettings(learning_rate=RATE, schedule="sgdr", warm_up=0.05)
    parts = [0.0, 0.0499, 0.0501, 0.5, 1.0, 1.01]
    expected = [RATE / 100, RATE / 100, fall(RATE, 0, 0.0501), RATE / 2, RATE, fall(RATE, 0, 0.005)]
    assert rates(settings, [part / 3 for part in parts]) == pytest.approx(expected)


@given(st.integers(1, 7), st.integers(1, 9), st.integers(1, 4))
def test_the_first_step_of_every_cycle_has_the_whole_rate_to_the_bit(
    cycles: int, length: int, multiplier: int
) -> None:
    settings = TrainSettings(
        learning_rate=RATE,
        schedule="sgdr",
        cycles=cycles,
        cycle_length=length,
        cycle_multiplier=multiplier,
    )
    epochs, begins = (
        settings.epochs,
        [sum(settings.cycle_lengths[:cycle]) for cycle in range(cycles)],
    )
    assert epochs is not None
    assert rates(settings, [begin / epochs for begin in begins]) == [RATE] * cycles


@given(st.integers(1, 60), st.sets(st.integers(1, 70), min_size=1, max_size=5), st.floats(0.01, 2))
def test_steps_drop_after_their_epochs_to_the_bit(
    epochs: int, drops: set[int], factor: float
) -> None:
    settings = TrainSettings(
        epochs, RATE, schedule="steps", step_epochs=tuple(sorted(drops)), step_factor=factor
    )
    expected = [RATE * factor ** sum(drop <= epoch for drop in drops) for epoch in range(epochs)]
    assert rates(settings, [epoch / epochs for epoch in range(epochs)]) == expected


def test_a_constant_rate_has_no_course() -> None:
    assert courses(TrainSettings(schedule="constant"), 5) == {}


@pytest.mark.parametrize("schedule", SCHEDULES)
@given(done=st.floats(0, 1))
def test_no_rate_is_above_the_settings_or_below_zero(schedule: str, done: float) -> None:
    settings = TrainSettings(learning_rate=RATE, schedule=schedule, **LEAST.get(schedule, {}))
    assert settings.epochs is not None
    for course in courses(settings, settings.epochs).values():
        assert 0 <= float(course(done)) <= max(RATE * (1 + 1e-9), 0.95)


# Step by step


@given(st.integers(1, 40), st.integers(1, 12), st.integers(1, 3), st.sampled_from(SCHEDULES))
def test_what_a_person_is_shown_of_each_step_is_the_course_itself(
    rows: int, batch_size: int, epochs: int, schedule: str
) -> None:
    more = {"cycles": epochs, "cycle_multiplier": 1} if schedule == "sgdr" else {"epochs": epochs}
    given_settings = TrainSettings(
        schedule=schedule, batch_size=batch_size, **more, **LEAST.get(schedule, {})
    )
    assert given_settings.epochs == epochs
    shown = by_step(given_settings, epochs, rows)
    an_epoch = steps_of(rows, batch_size)
    assert shown["step"].tolist() == list(range(1, an_epoch * epochs + 1))
    assert shown["epoch"].tolist() == [step // an_epoch + 1 for step in range(an_epoch * epochs)]
    course = courses(given_settings, epochs)
    parts = [step / (an_epoch * epochs) for step in range(an_epoch * epochs)]
    rate, momentum = (
        course.get("lr", lambda part: 0.005),
        course.get("mom", lambda part: given_settings.momentum),
    )
    assert shown["learning_rate"].tolist() == [pytest.approx(rate(part)) for part in parts]
    assert shown["momentum"].tolist() == [pytest.approx(momentum(part)) for part in parts]


def test_of_many_steps_two_thousand_are_shown_the_ends_among_them() -> None:
    shown = by_step(TrainSettings(batch_size=1, epochs=5), 3, 1_000_000)
    assert (len(shown), shown["step"].iloc[0], shown["step"].iloc[-1]) == (2_000, 1, 3_000_000)
    assert shown["epoch"].iloc[-1] == 3
    assert shown["step"].is_monotonic_increasing


def test_a_model_that_fits_itself_has_no_steps() -> None:
    for shown in (by_step(None, 0, 100), by_step(TrainSettings(), 0, 100)):
        assert shown.columns.tolist() == ["step", "epoch", "learning_rate", "momentum"]
        assert shown.empty
