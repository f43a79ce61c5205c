"""The laws of metrics: one number, best for perfect predictions, and the same whatever the order of the rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import attrs
import numpy as np
from hypothesis import strategies as st

from cfplug.errors import CfplugError
from cfplug.evaluation.scoring import measure
from cfplug.plugin.components import DISTRIBUTION, Metric
from cfplug.prediction.predictions import Predictions
from cfplug.testing.check import BrokenLawError, Check, Subject
from cfplug.testing.compare import close, of_arrays
from cfplug.testing.fixtures.isolation import shaken
from cfplug.testing.fixtures.predictions import Case, cases, ordinary
from cfplug.testing.fixtures.train import use_of

EXAMPLES = 12
"""A metric trains nothing, so more examples cost little."""


def measures_ordinary_predictions(subject: Subject) -> None:
    """260 ratings by 25 users, with distributions and lists at hand, can be measured."""
    case = ordinary()
    try:
        measure(use_of(subject.entry, subject.params), case.truth.copy(), case.predictions())  # type: ignore[arg-type]
    except Exception as error:
        raise BrokenLawError(
            f"it cannot measure {case} on the scale 1 to 5: {type(error).__name__}: {error} "
            "(if it needs other parameters, give them in params)"
        ) from error


def one_finite_number(subject: Subject) -> None:
    """It gives one finite number, for a single rating too, or says in an error of cfplug's why there is none."""

    def law(case: Case) -> None:
        try:
            value = _raw(subject, case)
        except CfplugError:
            return
        except Exception as error:
            raise BrokenLawError(
                f"for {case} it raised {type(error).__name__}: {error}; "
                "raise a cfplug.DataError that says what is lacking"
            ) from error
        plain = isinstance(value, int | float | np.integer | np.floating) and not isinstance(
            value, bool
        )
        if not plain:
            raise BrokenLawError(
                f"for {case} it gave {_shown(value)}; a metric is a float: return float(...)"
            )
        if not math.isfinite(value):
            advice = "a metric is a finite number, or raises a cfplug.DataError"
            raise BrokenLawError(f"for {case} it gave {value}; {advice}")

    subject.hold(law, cases(), examples=2 * EXAMPLES)


def _shown(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return f"a {type(value).__name__}" + (
        f" of shape {tuple(shape)}" if shape is not None else f", {value!r}"
    )


def perfect_is_best(subject: Subject) -> None:
    """No prediction scores better than the perfect one, in the direction that the metric declares."""
    lower = cast(Metric, subject.component).lower_is_better

    def law(case: Case) -> None:
        best, value = _value(subject, case.perfect()), _value(subject, case)
        if best is None or value is None:
            return
        gain = best - value if lower else value - best
        if gain > 1e-9 * max(1.0, abs(best)):
            word = "lower" if lower else "higher"
            raise BrokenLawError(
                f"perfect predictions score {best:.6g}, others {value:.6g}, which is better as it declares that {word} "
                f"is better; is lower_is_better={lower} what you mean? The others were: {case}"
            )

    subject.hold(law, cases(), examples=EXAMPLES)
    law(ordinary())
    law(ordinary().reversed())


def tells_right_from_wrong(subject: Subject) -> None:
    """Predictions that are as wrong as can be score other than perfect ones."""
    case = ordinary()
    right, wrong = (_value(subject, each) for each in (case.perfect(), case.reversed()))
    if right is not None and wrong is not None and close(right, wrong):
        raise BrokenLawError(
            f"260 ratings predicted as they are score {right:.6g}, and the same predicted as wrongly as can be, too"
        )


def row_order_does_not_matter(subject: Subject) -> None:
    """The order of the rows changes nothing where no two predictions are equal."""
    subject.hold(
        _order_law(subject, "the same rows in another order"),
        *_with_seed(ties=False),
        examples=EXAMPLES,
    )


def order_of_ties_does_not_matter(subject: Subject) -> None:
    """The order of rows with equal predictions changes nothing: who comes first among equals is no merit."""
    said = "the same rows in another order, some of them with equal predictions,"
    advice = "; take the mean over the orders of the equals, or let them share their places"
    subject.hold(_order_law(subject, said, advice), *_with_seed(ties=True), examples=2 * EXAMPLES)


def _with_seed(ties: bool | None) -> tuple[st.SearchStrategy[Any], ...]:
    return cases(ties=ties), st.integers(0, 2**31)


def _order_law(subject: Subject, said: str, advice: str = "") -> Callable[[Case, int], None]:
    def law(case: Case, seed: int) -> None:
        other = case.take(np.random.default_rng(seed).permutation(len(case)))
        _compare(
            _value(subject, case),
            _value(subject, other),
            f"{said} scored",
            advice + f"; the rows were: {case}",
        )

    return law


def codes_do_not_matter(subject: Subject) -> None:
    """Users and items are names: other codes for the same ones change nothing, nor do codes that are not used."""

    def law(case: Case, seed: int) -> None:
        other = case.renumbered(np.random.default_rng(seed))
        words = "the same users and items with other codes scored"
        _compare(
            _value(subject, case),
            _value(subject, other),
            words,
            f"; codes from 0 may have gaps; the rows were: {case}",
        )

    subject.hold(law, *_with_seed(ties=False), examples=EXAMPLES)


def same_twice(subject: Subject) -> None:
    """The same predictions score the same twice, whatever was drawn in the process before."""

    def law(case: Case) -> None:
        one, two = (_value(subject, case, state) for state in (1, 2))
        _compare(
            one, two, "the same predictions, measured twice, scored", "; a metric draws nothing"
        )

    subject.hold(law, cases(), examples=EXAMPLES // 2)


def input_unchanged(subject: Subject) -> None:
    """It changes neither the ratings nor the predictions."""

    def law(case: Case) -> None:
        truth, given = case.truth.copy(), case.predictions()
        before = {name: array.copy() for name, array in _arrays(truth, given).items()}
        try:
            subject.function("score")(subject.params, truth, given)
        except Exception:
            return  # one-finite-number tells
        if found := of_arrays(before, _arrays(truth, given)):
            raise BrokenLawError(f"it changed what it was given: {found}; work on a copy")

    subject.hold(law, cases(), examples=EXAMPLES)


def _arrays(truth: np.ndarray, given: Predictions) -> dict[str, np.ndarray]:
    names = ("rating", "origin", "distribution", "levels", "user", "item")
    found = {"truth": truth, **{name: getattr(given, name) for name in names}}
    return {name: array for name, array in found.items() if array is not None}


def needs_what_it_declares(subject: Subject) -> None:
    """It does without what it does not declare in `requires`: without a distribution it scores the same."""
    case = ordinary()
    given = attrs.evolve(case.predictions(), distribution=None, levels=None)
    with_all = _value(subject, case)
    try:
        with shaken(0):
            without = float(subject.function("score")(subject.params, case.truth.copy(), given))
    except Exception as error:
        if with_all is None:
            return  # measures-ordinary-predictions tells
        raise BrokenLawError(
            f"without a distribution it raised {type(error).__name__}: {error}; declare requires=['distribution']"
        ) from error
    _compare(
        with_all,
        without,
        "with and without a distribution it scored",
        "; declare requires=['distribution']",
    )


def equals_its_naive_version(subject: Subject) -> None:
    """It gives what a naive version of it gives, row by row, that its author wrote down."""
    assert subject.oracle is not None
    oracle = subject.oracle

    def law(case: Case) -> None:
        value = _value(subject, case)
        if value is None:
            return
        expected = float(oracle(subject.params, case.truth.copy(), case.predictions()))
        if not close(value, expected):
            raise BrokenLawError(
                f"it gave {value:.9g}, and its naive version {expected:.9g}, for {case}"
            )

    subject.hold(law, cases(), examples=2 * EXAMPLES)
    law(ordinary())


# How a metric is asked


def _raw(subject: Subject, case: Case) -> Any:
    return subject.function("score")(subject.params, case.truth.copy(), case.predictions())


def _value(subject: Subject, case: Case, state: int = 0) -> float | None:
    """The metric's number, with global generators in one state; None where it has none, of which other laws tell."""
    try:
        with shaken(state):
            value = float(_raw(subject, case))
    except Exception:
        return None
    return value if math.isfinite(value) else None


def _compare(one: float | None, two: float | None, words: str, advice: str) -> None:
    if one is None and two is None:
        return
    if one is None or two is None:
        told = [f"{each:.9g}" if each is not None else "not at all" for each in (one, two)]
        raise BrokenLawError(f"{words} {told[0]} and {told[1]}{advice}")
    if not close(one, two):
        raise BrokenLawError(f"{words} {one:.9g} and {two:.9g}{advice}")


def _needs_no_distribution(subject: Subject) -> bool:
    return DISTRIBUTION not in cast(Metric, subject.component).requires


CHECKS = (
    Check("measures-ordinary-predictions", measures_ordinary_predictions),
    Check("one-finite-number", one_finite_number),
    Check("perfect-is-best", perfect_is_best),
    Check("tells-right-from-wrong", tells_right_from_wrong),
    Check("row-order-does-not-matter", row_order_does_not_matter),
    Check("order-of-ties-does-not-matter", order_of_ties_does_not_matter),
    Check("codes-do-not-matter", codes_do_not_matter),
    Check("same-twice", same_twice),
    Check("input-unchanged", input_unchanged),
    Check("needs-what-it-declares", needs_what_it_declares, _needs_no_distribution),
    Check(
        "equals-its-naive-version",
        equals_its_naive_version,
        lambda subject: subject.oracle is not None,
    ),
)
