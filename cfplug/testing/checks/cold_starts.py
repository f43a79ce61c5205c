"""The laws of cold-start strategies: an answer for every newcomer, from what is known of it and from nothing else."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable

import attrs
import numpy as np
import pandas as pd

from cfplug.data.catalogue import Catalogue
from cfplug.data.vocabulary import SIDES
from cfplug.plugin.components import DEVIATION, DISTRIBUTION
from cfplug.prediction.fitted_model import FittedModel
from cfplug.prediction.memo import Memo
from cfplug.prediction.newcomers import Newcomers
from cfplug.prediction.predictions import WARM, Predictions
from cfplug.testing.check import BrokenLawError, Check, Subject
from cfplug.testing.checks import interviews
from cfplug.testing.compare import close, of_arrays, of_frames
from cfplug.testing.fixtures.cold_start import (
    STRANGERS,
    Desk,
    NoAnswerError,
    component_of,
    desk,
    said_of,
    without,
)
from cfplug.testing.fixtures.datasets import arrays_in, pairs_of
from cfplug.testing.fixtures.isolation import shaken
from cfplug.testing.fixtures.train import quiet

ALIKE = 1e-5
"""How far two answers may be apart that differ by the order of sums of single precision alone."""


def _answered(law: Callable[[Subject], None]) -> Callable[[Subject], None]:
    """A law about what the answers are; where there are none, answers-every-pair tells."""

    @functools.wraps(law)
    def held(subject: Subject) -> None:
        with contextlib.suppress(NoAnswerError):
            law(subject)

    return held


def answers_every_pair(subject: Subject) -> None:
    """It gives one finite rating for each pair with a new user, a new item or both, in the order asked."""
    at = desk(subject)
    pairs = at.pairs()
    order = np.random.default_rng(1).permutation(len(pairs))
    for ratings in (None, at.revealed()):
        rating = at.answer(pairs, ratings).rating
        other = at.answer(pairs.iloc[order].reset_index(drop=True), ratings).rating
        _compare(
            pairs.iloc[order], rating[order], other, "asked in another order it answered otherwise"
        )


def answers_for_strangers(subject: Subject) -> None:
    """Users and items that nobody has heard of get an answer too."""
    at = desk(subject)
    try:
        at.answer(at.pairs())
    except NoAnswerError:
        return  # answers-every-pair tells
    for users, items in (
        (STRANGERS["user"], at.warm["item"][:3]),
        (at.warm["user"][:3], STRANGERS["item"]),
        (STRANGERS["user"], STRANGERS["item"]),
    ):
        at.answer(pairs_of(users, items))


def no_ratings_equals_the_prior(subject: Subject) -> None:
    """Of whom nothing is known, all get the same answers; and to reveal no ratings is to reveal nothing."""
    at = desk(subject)
    for side, ids in STRANGERS.items():
        others = at.warm["item" if side == "user" else "user"][:5]
        said = []
        for each in ids:
            pairs = pairs_of([each], others) if side == "user" else pairs_of(others, [each])
            said.append(_rating_or_none(at, pairs))
        if said[0] is not None and said[1] is not None:
            words = f"nothing is known of {ids[0]!r} and {ids[1]!r}, and the second was answered otherwise"
            _compare(pairs, said[0], said[1], words)
    pairs = at.pairs()
    none = at.revealed().iloc[:0]
    words = "with an empty table of revealed ratings it answered otherwise than with none"
    _compare(pairs, at.answer(pairs).rating, at.answer(pairs, none).rating, words)


def _rating_or_none(at: Desk, pairs: pd.DataFrame) -> np.ndarray | None:
    """The answers; None where it has none for strangers, of which answers-for-strangers tells."""
    try:
        return at.answer(pairs).rating
    except NoAnswerError:
        return None


def no_query_leak(subject: Subject) -> None:
    """What newcomers have not revealed changes nothing: with other held-out ratings, or without any, the same answers.

    `fitted.catalogue` holds every rating, held out or not; `fitted.train` and `newcomers.ratings`
    are what counts."""
    at = desk(subject)
    pairs, revealed = at.pairs(), at.revealed()
    known, seen = at.world.model.catalogue, at.world.model.support.rated
    assert seen is not None
    for words, catalogue, rows in (
        (
            "held-out ratings that had other values",
            _with_other_values(known, ~seen),
            np.ones(len(seen), dtype=bool),
        ),
        ("held-out ratings that were not there", without(known, ~seen), seen),
    ):
        support = attrs.evolve(at.world.model.support, rated=seen[rows])
        memo = Memo()
        for ratings in (None, revealed):
            before = at.answer(pairs, ratings).rating
            other = attrs.evolve(at.model(), catalogue=catalogue, support=support, memo=memo)
            after = said_of(other, pairs, ratings).rating
            _compare(pairs, before, after, f"{words} changed its answers; look at fitted.train")


def _with_other_values(known: Catalogue, rows: np.ndarray) -> Catalogue:
    return attrs.evolve(
        known, rated_rating=np.where(rows, 6 - known.rated_rating, known.rated_rating) + 0.25 * rows
    )


def alone_or_together(subject: Subject) -> None:
    """The answer for a pair does not depend on which other pairs are asked about at once, or were before."""
    at = desk(subject)
    fresh, pairs = Desk(subject, at.world), at.pairs()
    for ratings in (None, at.revealed()):
        together = at.answer(pairs, ratings).rating
        for each, who in ((at, "after others"), (fresh, "before others")):
            for row in (0, len(pairs) // 2):
                alone = each.answer(pairs.iloc[[row]].reset_index(drop=True), ratings).rating
                words = f"asked about alone, {who}, it was answered otherwise than among others"
                _compare(pairs.iloc[[row]], together[[row]], alone, words)


def order_of_reveals_does_not_matter(subject: Subject) -> None:
    """The order in which a newcomer reveals ratings does not change what they say."""
    at = desk(subject)
    pairs, ratings = at.pairs(), at.revealed()
    other = ratings.iloc[::-1].reset_index(drop=True)
    words = "the same ratings revealed in another order gave other answers"
    _compare(pairs, at.answer(pairs, ratings).rating, at.answer(pairs, other).rating, words)


def not_seen_is_no_rating(subject: Subject) -> None:
    """A missing rating, of an item that a new user has not seen, is no number to count with."""
    at = desk(subject)
    ratings = at.revealed()
    try:
        at.answer(at.pairs(), ratings)
    except NoAnswerError:
        return  # answers-every-pair tells
    unseen = ratings.assign(rating=ratings["rating"].where(ratings.index % 2 == 0))
    at.answer(at.pairs(), unseen)


def same_seed_same_answer(subject: Subject) -> None:
    """The same questions with one seed get the same answers, whatever else was drawn in the process before."""
    given = []
    at = desk(subject)
    pairs = at.pairs()
    for state in (1, 2):
        fresh = Desk(subject, at.world).model()
        with shaken(state):
            given.append(_unshaken(fresh, pairs))
    if given[0] is not None and given[1] is not None:
        words = "asked twice with one seed it gave other answers; draw with context.rng, and with nothing else"
        _compare(pairs, given[0], given[1], words)


def _unshaken(model: FittedModel, pairs: pd.DataFrame) -> np.ndarray | None:
    try:
        return model.answer(pairs).rating
    except Exception:
        return None  # answers-every-pair tells


def model_unchanged(subject: Subject) -> None:
    """It does not train the model further: its arrays and its answers for pairs that it knows stay the same."""
    at = desk(subject)
    model, warm = at.model(), pairs_of(at.warm["user"][:5], at.warm["item"][:5])
    before, rating = arrays_in(model), at.world.model.answer(warm).rating
    pairs = pd.concat([warm, at.pairs()], ignore_index=True)
    mixed = said_of(model, pairs, at.revealed())
    if found := of_arrays(before, arrays_in(model)):
        raise BrokenLawError(
            f"it changed the model that it was given: {found}; keep what you learn in your own object"
        )
    for words, after in (
        ("among newcomers", mixed.rating[: len(warm)]),
        ("afterwards", model.answer(warm).rating),
    ):
        if not np.array_equal(rating, after):
            raise BrokenLawError(
                f"{words}, pairs that training knows were answered otherwise than before"
            )


def input_unchanged(subject: Subject) -> None:
    """It changes neither what is known of newcomers nor the pairs it is asked about."""
    at = desk(subject)
    model, pairs = at.model(), at.pairs()
    users, items = (pd.DataFrame({side: at.cold[side]}) for side in SIDES)
    newcomers: Newcomers = model.newcomers(users=users, items=items, ratings=at.revealed())
    tables = {"newcomers.users": newcomers.users, "newcomers.items": newcomers.items}
    tables |= {"newcomers.ratings": newcomers.ratings, "the pairs": pairs}
    before = {name: table.copy(deep=True) for name, table in tables.items()}
    try:
        subject.function("adapt")(subject.params, model, newcomers, quiet(0)).predict(pairs)
    except Exception:
        return  # answers-every-pair tells
    for name, table in tables.items():
        if found := of_frames(before[name], table):
            raise BrokenLawError(f"it changed {name}: {found}; work on a copy")


def gives_what_it_declares(subject: Subject) -> None:
    """Every answer bears a word for where it comes from, and what `provides` declares is there and sound."""
    component = component_of(subject)
    at = desk(subject, *([DISTRIBUTION] if DISTRIBUTION in component.provides else []))
    pairs = at.pairs()
    for ratings in (None, at.revealed()):
        said = at.answer(pairs, ratings)
        _check_origins(said.origin.tolist())
        if DISTRIBUTION in component.provides:
            _check_distribution(said, pairs)
        if DEVIATION in component.provides and (
            said.deviation is None or not np.isfinite(said.deviation).all()
        ):
            raise BrokenLawError(
                "it declares that it gives a deviation, and gave none for some pair with a newcomer"
            )


def _check_origins(words: list[str]) -> None:
    for word in words:
        if word == WARM or not word or word != word.strip() or not word.isprintable():
            raise BrokenLawError(
                f"the origin of an answer is {word!r}; it must be a word that tells people where the answer comes "
                f"from, and {WARM!r} says that the model knows both"
            )


def _check_distribution(said: Predictions, pairs: pd.DataFrame) -> None:
    share = said.distribution
    if share is None or said.levels is None:
        raise BrokenLawError(
            "it declares that it gives a distribution, and gave none where the model gives one"
        )
    off = ~np.isclose(share.sum(axis=1), 1.0, atol=1e-4) | (share < 0).any(axis=1)
    if off.any():
        row = int(off.argmax())
        raise BrokenLawError(
            f"the distribution for {_named(pairs, row)} is {share[row].round(4).tolist()}, which is none: it must not "
            "be below 0 and must sum to 1"
        )


def _compare(pairs: pd.DataFrame, before: np.ndarray, after: np.ndarray, words: str) -> None:
    if close(before, after, ALIKE):
        return
    row = int(np.abs(before - after).argmax())
    raise BrokenLawError(
        f"{words}: for {_named(pairs, row)} {before[row]:.6g} and {after[row]:.6g}"
    )


def _named(pairs: pd.DataFrame, row: int) -> str:
    return f"user {pairs['user'].iloc[row]!r} and item {pairs['item'].iloc[row]!r}"


def _does_not_interview(subject: Subject) -> bool:
    return not interviews.interviews(subject)


CHECKS = (
    Check("answers-every-pair", answers_every_pair),
    Check("answers-for-strangers", answers_for_strangers),
    Check("no-ratings-equals-the-prior", _answered(no_ratings_equals_the_prior)),
    Check("no-query-leak", _answered(no_query_leak)),
    Check("alone-or-together", _answered(alone_or_together)),
    Check(
        "order-of-reveals-does-not-matter",
        _answered(order_of_reveals_does_not_matter),
        _does_not_interview,
    ),
    Check("not-seen-is-no-rating", not_seen_is_no_rating),
    Check("same-seed-same-answer", same_seed_same_answer),
    Check("model-unchanged", _answered(model_unchanged)),
    Check("input-unchanged", input_unchanged),
    Check("gives-what-it-declares", _answered(gives_what_it_declares)),
    *interviews.CHECKS,
)
