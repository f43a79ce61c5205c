"""The learning curve: sentences on the losses are true, and a long curve keeps its shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cfplug_factors.baselines import Offsets
from cfplug_insight import cfplug_analyzers
from cfplug_insight.learning_curve import ABOUT, MOST_STEPS, learning_curve, thinned
from hypothesis import given, settings
from hypothesis import strategies as st

from cfplug import Context, Dataset, FittedModel, Section, Split
from cfplug.data.catalogue import Catalogue, Support
from cfplug.params import NoParams
from cfplug.prediction.evidence import Evidence
from cfplug.report.serialize import check_section

QUIET = Context(
    0, np.random.default_rng(0), "cpu", Path(), lambda done, message: None, lambda line: None
)
NOWHERE = float("nan")


def curve(
    losses: list[tuple[float, float]], steps: list[tuple[float, float]] | None = None
) -> Section:
    """Return the section on a model with these losses, and this rate and momentum by step."""
    data = Dataset.build(
        "films",
        pd.DataFrame([("ann", 1, 5.0), ("bob", 1, 3.0)], columns=["user", "item", "rating"]),
    )
    catalogue = Catalogue.of(data)
    support = Support.of(catalogue.interactions(data.ratings, np.arange(1)))
    steps = [] if steps is None else steps
    evidence = Evidence(
        data,
        Split(np.array([0]), np.array([1])),
        "valid",
        data.ratings.iloc[[1]].assign(prediction=3.0, origin="warm"),
        None,
        pd.DataFrame(
            [(number, *pair, 1.23456) for number, pair in enumerate(losses, start=1)],
            columns=["epoch", "train_loss", "valid_loss", "seconds"],
        ),
        pd.DataFrame(
            [(number, 1, *pair) for number, pair in enumerate(steps, start=1)],
            columns=["step", "epoch", "learning_rate", "momentum"],
        ),
    )
    offsets = Offsets(3.0, np.zeros(2), np.zeros(1))
    fitted = FittedModel("pmf-2", "test/pmf", 0, (), catalogue, support, offsets, evidence=evidence)
    return check_section(learning_curve(NoParams(), fitted, QUIET))


def course(*losses: tuple[float, float]) -> str:
    return curve(list(losses)).text[1]


def test_a_model_without_epochs_is_noted() -> None:
    section = curve([])
    assert section == Section(
        "Training of pmf-2", "pmf-2 was not trained in epochs, so there is no curve to show."
    )


def test_both_losses_are_drawn_as_lines_by_epoch() -> None:
    section = curve([(1.25, 1.5), (0.75, 1.125)])
    (chart,) = section.charts
    assert (chart.mark, chart.x, chart.y, chart.color) == ("line", "epoch", "loss", "part")
    assert chart.rows == (
        (1, 1.25, "training"),
        (2, 0.75, "training"),
        (1, 1.5, "validation"),
        (2, 1.125, "validation"),
    )
    assert section.text[0] == ABOUT
    assert section.tables == (), "the page has the losses of all models in one table"


def test_a_loss_that_fell_to_the_end_is_not_overfitting() -> None:
    assert course((3.0, 2.0), (2.0, 1.5), (1.0, 1.25)) == (
        "The validation loss was lowest after the last of 3 epochs, at 1.25: there is no sign of "
        "overfitting."
    )


def test_a_validation_loss_that_rose_while_training_went_on_is_overfitting() -> None:
    assert course((3.0, 2.0), (2.0, 1.0), (1.5, 1.125), (1.0, 1.25)) == (
        "The validation loss was lowest after epoch 2 of 4, at 1, and has risen since, by 25 %, to "
        "1.25, while the "
        "training loss went on falling, from 2 to 1. This is overfitting: the model learned its "
        "training ratings by "
        "heart, at the cost of all others. Fewer epochs or more weight decay work against it."
    )


def test_a_rise_of_less_than_a_hundredth_is_none() -> None:
    reported = (
        "The validation loss was lowest after epoch 1 of 2, at 2, and has hardly moved since: "
        "2.019 at the end."
    )
    assert course((3.0, 2.0), (1.0, 2.019)) == reported
    assert "by 1.05 %" in course((3.0, 2.0), (1.0, 2.021))


def test_both_losses_rising_is_unsteady_not_overfitting() -> None:
    assert course((1.0, 2.0), (1.5, 3.0)) == (
        "The validation loss was lowest after epoch 1 of 2, at 2, and has risen since, by 50 %, to "
        "3. The training "
        "loss did not fall either, so training was unsteady; a lower rate may help."
    )


def test_a_negative_loss_may_rise_too() -> None:
    assert "has risen since, by 50 %, to -1" in course((-1.0, -2.0), (-1.5, -1.0))
    assert "has risen since to 1," in course((2.0, 0.0), (1.0, 1.0))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_of_nan_is_left_out_with_a_note(bad: float) -> None:
    section = curve([(1.0, 2.0), (bad, bad)])
    assert section.text[1].endswith(
        "lowest after epoch 1 of 2, at 2, and was not a finite number at the end."
    )
    assert section.charts[0].rows[1] == (2, None, "training")
    assert (
        course((bad, bad), (bad, bad))
        == "The validation loss was not a finite number after any of the 2 epochs."
    )


def test_one_epoch_has_no_curve() -> None:
    section = curve([(1.5, 1.25)])
    assert section.charts == ()
    assert (
        section.text[1]
        == "After the one epoch the validation loss was 1.25; one epoch alone shows no course."
    )


def test_rate_and_momentum_are_drawn_by_step_and_described() -> None:
    steps = [(0.125, 0.5), (0.5, 0.25), (0.25, 0.5)]
    section = curve([(1.0, 1.0)], steps)
    assert [(chart.title, chart.x, chart.y) for chart in section.charts] == [
        ("Learning rate by step", "step", "learning rate"),
        ("Momentum by step", "step", "momentum"),
    ]
    assert section.charts[0].rows == ((1, 0.125), (2, 0.5), (3, 0.25))
    assert section.text[2:] == (
        "The learning rate went from 0.125 through 0.5 at step 2 to 0.25 at step 3, the last.",
        "The momentum went from 0.5 through 0.25 at step 2 to 0.5 at step 3, the last.",
    )


def test_what_never_changes_is_said_and_not_drawn() -> None:
    section = curve([(1.0, 1.0)], [(0.5, 0.9)] * 4)
    assert section.charts == ()
    assert section.text[2:] == (
        "The learning rate was 0.5 at every step.",
        "The momentum was 0.9 at every step.",
    )


def test_a_momentum_that_an_optimizer_lacks_is_left_out() -> None:
    section = curve([(1.0, 1.0)], [(0.5, NOWHERE), (0.25, NOWHERE)])
    assert [chart.y for chart in section.charts] == ["learning rate"]
    assert len(section.text) == 3


def test_a_long_course_keeps_its_ends_its_peak_and_its_trough() -> None:
    steps = [(0.5, 0.9)] * 3001
    steps[0], steps[1234], steps[2222], steps[-1] = (
        (0.25, 0.9),
        (0.75, 0.9),
        (0.125, 0.9),
        (0.375, 0.9),
    )
    rows = curve([(1.0, 1.0)], steps).charts[0].rows
    assert {(1, 0.25), (1235, 0.75), (2223, 0.125), (3001, 0.375)} <= set(rows)
    assert len(rows) <= MOST_STEPS


@settings(max_examples=30, deadline=None)
@given(values=st.lists(st.integers(-9, 9), min_size=1, max_size=80), most=st.integers(4, 30))
def test_thinning_keeps_order_ends_and_extremes(values: list[int], most: int) -> None:
    array: np.ndarray[Any, Any] = np.array(values)
    kept = thinned(array, most)
    assert (np.diff(kept) > 0).all()
    assert len(kept) == len(values) if len(values) <= most else len(kept) <= most
    assert {0, len(values) - 1} <= set(kept.tolist())
    assert {array[kept].max(), array[kept].min()} == {max(values), min(values)}
    if most >= 8:
        assert len(values) == 1 or np.diff(kept).max() <= -(-len(values) // (most - 3)) + 1


def test_it_needs_nothing_of_a_model() -> None:
    analyzer = next(each for each in cfplug_analyzers() if each.name == "learning-curve")
    assert (analyzer.requires, analyzer.function("analyze")) == ((), learning_curve)
