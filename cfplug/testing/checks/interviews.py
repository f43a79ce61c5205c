"""The laws of interviews: no question twice, and the next one by the answers alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from cfplug.prediction.fitted_model import FittedModel
from cfplug.prediction.interview import question
from cfplug.prediction.memo import Memo
from cfplug.testing.check import BrokenLawError, Check, Subject
from cfplug.testing.fixtures.cold_start import Desk, component_of, desk, without
from cfplug.testing.fixtures.isolation import shaken
from cfplug.testing.fixtures.train import quiet

MOST = 12
"""Questions of an interview at most that are asked here."""


def asks_each_item_once(subject: Subject) -> None:
    """Its interview asks about items that training saw, about none twice, and comes to an end."""
    at = desk(subject)
    model, tastes = at.model(), _tastes(at)
    interview = _interview(subject, model)
    items = int((model.support.count["item"] > 0).sum())
    answers: dict[Any, float | None] = {}
    for _ in range(items + 1):
        given = dict(answers)
        try:
            item = question(model, interview, given)
        except Exception as error:
            raise BrokenLawError(
                f"after {len(answers)} answers it failed: {type(error).__name__}: {error}"
            ) from error
        if item is None:
            return
        answers[item] = tastes(item)
    raise BrokenLawError(f"it went on asking after each of the {items} items that training saw")


def asks_by_the_answers_alone(subject: Subject) -> None:
    """The next question depends on the answers that this user gave: not on other users, not on held-out ratings."""
    at = desk(subject)
    tastes = _tastes(at)
    model = at.model()
    plain = _questions(_interview(subject, model), tastes)
    beside = _interview(subject, attrs.evolve(model, memo=Memo()))
    others = _questions(beside, lambda item: None)
    again = _questions(beside, tastes)
    if plain != again:
        raise BrokenLawError(
            f"asked of a user after another user it put the questions {_listed(again)}, and otherwise {_listed(plain)} "
            f"(the other was asked {_listed(others)}); keep nothing between two calls of next"
        )
    seen = model.support.rated
    assert seen is not None
    support = attrs.evolve(model.support, rated=seen[seen])
    hidden = attrs.evolve(
        model, catalogue=without(model.catalogue, ~seen), support=support, memo=Memo()
    )
    blind = _questions(_interview(subject, hidden), tastes)
    if plain != blind:
        raise BrokenLawError(
            f"without the held-out ratings it put the questions {_listed(blind)}, with them {_listed(plain)}; look at "
            "fitted.train"
        )


def _interview(subject: Subject, model: FittedModel) -> Any:
    with shaken(0):
        return subject.function("ask")(subject.params, model, quiet(0, "cold-start"))


def _tastes(at: Desk) -> Callable[[Any], float | None]:
    """What one user answers: a rating for most items, None for those that were not seen."""
    place = {item: row for row, item in enumerate(at.warm["item"])}
    return lambda item: (
        None if place.get(item, 0) % 3 == 2 else float(1 + place.get(item, 0) * 2 % 5)
    )


def _questions(interview: Any, answer: Callable[[Any], float | None]) -> list[Any]:
    """The first questions to a user who answers so; those before an error, of which another law tells."""
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


def _listed(items: list[Any]) -> str:
    return (
        ", ".join(map(repr, items[:8])) + (", ..." if len(items) > 8 else "") if items else "none"
    )


def interviews(subject: Subject) -> bool:
    """Whether the strategy asks questions."""
    return component_of(subject).ask is not None


CHECKS = (
    Check("asks-each-item-once", asks_each_item_once, interviews),
    Check("asks-by-the-answers-alone", asks_by_the_answers_alone, interviews),
)
