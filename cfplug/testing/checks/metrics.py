"""Checks of metrics: one number, best for perfect predictions, the same for any row order."""

from __future__ import annotations

import math
from typing import Any, cast

import attrs
import numpy as np
from hypothesis import strategies as st

from cfplug.errors import CfplugError
from cfplug.evaluation.scoring import measure
from cfplug.plugin.components import DISTRIBUTION, Metric
from cfplug.prediction.predictions import Predictions
from cfplug.testing.check import Check, CheckError, Subject, fail_if, no_error, with_advice
from cfplug.testing.compare import array_difference
from cfplug.testing.fixtures.isolation import seeded
from cfplug.testing.fixtures.predictions import Case, cases, ordinary
from cfplug.testing.fixtures.train import component_use

EXAMPLES = 12
"""The number of examples; a metric trains nothing, so they cost little."""

SEEDS = st.integers(0, 2**31)


def measures_ordinary_predictions(subject: Subject) -> None:
    """Measure 260 ratings by 25 users, with distributions and lists."""
    assert subject.entry is not None
    case = ordinary()
    use = component_use(subject.entry, subject.params)
    with no_error(f"score of {case}", "If it needs other parameters, give them in params."):
        measure(use, case.truth.copy(), case.predictions())


def one_finite_number(subject: Subject) -> None:
    """Return one finite number, for a single rating too, or raise an error of cfplug's."""

    def check(case: Case) -> None:
        place = f"score of {case}"
        advice = "Raise a cfplug.DataError that says what is missing."
        with no_error(place, advice):
            try:
                value = _score(subject, case)
            except CfplugError:
                return
        is_number = isinstance(value, int | float | np.integer | np.floating)
        if not is_number or isinstance(value, bool):
            found = type(value).__name__
            raise CheckError(f"{place}: expected a float, got {found}. Return float(...).")
        if not math.isfinite(value):
            raise CheckError(f"{place}: expected a finite number, got {value}. {advice}")

    subject.check_property(check, cases(), examples=2 * EXAMPLES)


def perfect_is_best(subject: Subject) -> None:
    """Score no prediction better than a perfect one, in the direction that the metric declares."""
    lower = cast(Metric, subject.component).lower_is_better

    def check(case: Case) -> None:
        best, value = _value(subject, case.perfect()), _value(subject, case)
        if best is None or value is None:
            return
        gain = best - value if lower else value - best
        if gain > 1e-9 * max(1.0, abs(best)):
            raise CheckError(
                f"score of perfect predictions: expected the best score, got {best:.6g}; with "
                f"lower_is_better={lower} the score {value:.6g} of {case} is better. "
                "Check lower_is_better."
            )

    subject.check_property(check, cases(), examples=EXAMPLES)
    check(ordinary())
    check(ordinary().worst())


def perfect_differs_from_worst(subject: Subject) -> None:
    """Score perfect predictions differently from those that are as wrong as possible."""
    case = ordinary()
    best, worst = _value(subject, case.perfect()), _value(subject, case.worst())
    if best is not None and worst is not None and _close(best, worst):
        raise CheckError(
            f"score of the worst predictions of {case}: expected another score than that of "
            f"perfect ones, got {worst:.6g} for both"
        )


def row_order_does_not_matter(subject: Subject) -> None:
    """Return the same score for the rows in another order where no predictions are equal."""
    place = "score of the rows in another order"
    _check_reordered(subject, False, EXAMPLES, place)


def order_of_ties_does_not_matter(subject: Subject) -> None:
    """Return the same score for rows with equal predictions in another order."""
    place = "score of the rows in another order, some with equal predictions"
    advice = "Take the mean over the orders of equal predictions, or let them share their ranks."
    _check_reordered(subject, True, 2 * EXAMPLES, place, advice)


def _check_reordered(
    subject: Subject, ties: bool, examples: int, place: str, advice: str = ""
) -> None:
    def check(case: Case, seed: int) -> None:
        other = case.take(np.random.default_rng(seed).permutation(len(case)))
        _check_same(_value(subject, case), _value(subject, other), f"{place}, {case}", advice)

    subject.check_property(check, cases(ties=ties), SEEDS, examples=examples)


def codes_do_not_matter(subject: Subject) -> None:
    """Return the same score where users and items have other codes, some of them unused."""

    def check(case: Case, seed: int) -> None:
        other = case.renumbered(np.random.default_rng(seed))
        place, advice = f"score with other codes, {case}", "Codes may have gaps."
        _check_same(_value(subject, case), _value(subject, other), place, advice)

    subject.check_property(check, cases(ties=False), SEEDS, examples=EXAMPLES)


def same_twice(subject: Subject) -> None:
    """Return the same score twice, whatever was drawn before."""

    def check(case: Case) -> None:
        one, two = _value(subject, case, state=1), _value(subject, case, state=2)
        advice = "Draw no random numbers."
        _check_same(one, two, "score of the same predictions again", advice)

    subject.check_property(check, cases(), examples=EXAMPLES // 2)


def input_unchanged(subject: Subject) -> None:
    """Change neither the ratings nor the predictions."""

    def check(case: Case) -> None:
        truth, given = case.truth.copy(), case.predictions()
        before = {name: array.copy() for name, array in _arrays(truth, given).items()}
        try:
            subject.function("score")(subject.params, truth, given)
        except Exception:
            return  # reported by one_finite_number
        difference = array_difference(before, _arrays(truth, given))
        fail_if(difference, "arguments after score", "Work on a copy.")

    subject.check_property(check, cases(), examples=EXAMPLES)


def _arrays(truth: np.ndarray, given: Predictions) -> dict[str, np.ndarray]:
    found = {"truth": truth}
    for name in ("rating", "origin", "distribution", "levels", "user", "item"):
        array = getattr(given, name)
        if array is not None:
            found[name] = array
    return found


def needs_what_it_declares(subject: Subject) -> None:
    """Return the same score without a distribution unless `requires` has it."""
    case = ordinary()
    expected = _value(subject, case)
    if expected is None:
        return  # reported by measures_ordinary_predictions
    place, advice = "score without a distribution", "Declare requires=['distribution']."
    given = attrs.evolve(case.predictions(), distribution=None, levels=None)
    with seeded(0), no_error(place, advice):
        found = float(subject.function("score")(subject.params, case.truth.copy(), given))
    _check_same(expected, found, place, advice)


def equals_its_naive_version(subject: Subject) -> None:
    """Return what the naive version in `oracles` returns."""
    assert subject.oracle is not None
    oracle = subject.oracle

    def check(case: Case) -> None:
        value = _value(subject, case)
        if value is not None:
            expected = float(oracle(subject.params, case.truth.copy(), case.predictions()))
            _check_same(expected, value, f"score of {case}, by the naive version")

    subject.check_property(check, cases(), examples=2 * EXAMPLES)
    check(ordinary())


def _score(subject: Subject, case: Case) -> Any:
    return subject.function("score")(subject.params, case.truth.copy(), case.predictions())


def _value(subject: Subject, case: Case, state: int = 0) -> float | None:
    """Return the score with the global generators seeded, or None; other checks report that."""
    try:
        with seeded(state):
            value = float(_score(subject, case))
    except Exception:
        return None
    return value if math.isfinite(value) else None


def _close(one: float, two: float) -> bool:
    return bool(np.isclose(one, two, rtol=1e-9, atol=1e-9))


def _check_same(one: float | None, two: float | None, place: str, advice: str = "") -> None:
    if one is None and two is None:
        return
    if one is None or two is None or not _close(one, two):
        scores = ["no score" if each is None else f"{each:.9g}" for each in (one, two)]
        raise CheckError(with_advice(f"{place}: expected {scores[0]}, got {scores[1]}", advice))


def _requires_no_distribution(subject: Subject) -> bool:
    return DISTRIBUTION not in cast(Metric, subject.component).requires


def _has_oracle(subject: Subject) -> bool:
    return subject.oracle is not None


CHECKS = (
    Check(measures_ordinary_predictions),
    Check(one_finite_number),
    Check(perfect_is_best),
    Check(perfect_differs_from_worst),
    Check(row_order_does_not_matter),
    Check(order_of_ties_does_not_matter),
    Check(codes_do_not_matter),
    Check(same_twice),
    Check(input_unchanged),
    Check(needs_what_it_declares, _requires_no_distribution),
    Check(equals_its_naive_version, _has_oracle),
)
