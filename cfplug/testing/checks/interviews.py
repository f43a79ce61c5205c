"""Checks of interviews: no question twice, and the next question depends on the answers alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from cfplug.prediction.fitted_model import FittedModel
from cfplug.prediction.interview import Questionnaire
from cfplug.prediction.memo import Memo
from cfplug.testing.check import Check, CheckError, Subject, no_error
from cfplug.testing.fixtures.cold_start import (
    ColdStartCase,
    cold_start_case,
    cold_start_of,
    without_ratings,
)
from cfplug.testing.fixtures.isolation import seeded
from cfplug.testing.fixtures.train import check_context

MOST = 12
"""The largest number of questions that two interviews are compared by."""

Answer = Callable[[Any], float | None]


def asks_each_item_once(subject: Subject) -> None:
    """Ask about items that training saw, about none twice, and come to an end."""
    case = cold_start_case(subject)
    model, answer = case.model(), _answers(case)
    questionnaire = Questionnaire(model, _interview(subject, model))
    n_items = int((model.support.count["item"] > 0).sum())
    answers: dict[Any, float | None] = {}
    for _ in range(n_items + 1):
        with no_error(f"question after {len(answers)} answers"):
            item = questionnaire.next(answers)
        if item is None:
            return
        answers[item] = answer(item)
    raise CheckError(
        f"interview: expected an end after each of the {n_items} items that training saw, got "
        "another question"
    )


def next_question_depends_only_on_answers(subject: Subject) -> None:
    """Choose the next question by this user's answers, not by other users or held-out ratings."""
    case = cold_start_case(subject)
    answer, model = _answers(case), case.model()
    expected = _questions(_interview(subject, model), answer)

    interview = _interview(subject, attrs.evolve(model, memo=Memo()))
    _questions(interview, lambda item: None)
    found = _questions(interview, answer)
    advice = "Keep nothing between two calls of next."
    _check_same(expected, found, "questions after another user was asked", advice)

    seen = model.support.rated
    assert seen is not None
    hidden = attrs.evolve(
        model,
        catalogue=without_ratings(model.catalogue, ~seen),
        support=attrs.evolve(model.support, rated=seen[seen]),
        memo=Memo(),
    )
    found = _questions(_interview(subject, hidden), answer)
    advice = "Look at fitted.train."
    _check_same(expected, found, "questions without the held-out ratings", advice)


def _check_same(expected: list[Any], found: list[Any], place: str, advice: str) -> None:
    if expected != found:
        raise CheckError(f"{place}: expected {expected}, got {found}. {advice}")


def _interview(subject: Subject, model: FittedModel) -> Any:
    with seeded(0):
        return subject.function("ask")(subject.params, model, check_context(0, "cold-start"))


def _answers(case: ColdStartCase) -> Answer:
    """Return one user's answers: a rating for most items, None for those not seen."""
    ranks = {item: rank for rank, item in enumerate(case.known["item"])}

    def answer(item: Any) -> float | None:
        rank = ranks.get(item, 0)
        return None if rank % 3 == 2 else float(1 + rank * 2 % 5)

    return answer


def _questions(interview: Any, answer: Answer) -> list[Any]:
    """Return the first questions, up to an error, which another check reports."""
    answers: dict[Any, float | None] = {}
    while len(answers) < MOST:
        try:
            item = interview.next(dict(answers))
        except Exception:
            break
        if item is None or item in answers:
            break
        answers[item] = answer(item)
    return list(answers)


def has_interview(subject: Subject) -> bool:
    """Return whether the strategy asks questions."""
    return cold_start_of(subject).ask is not None


CHECKS = (
    Check(asks_each_item_once, has_interview),
    Check(next_question_depends_only_on_answers, has_interview),
)
