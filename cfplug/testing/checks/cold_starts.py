"""Checks of cold-start strategies: every new user and item gets a rating, from known data alone."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable

import attrs
import numpy as np
import pandas as pd

from cfplug.data.vocabulary import SIDES
from cfplug.plugin.components import DEVIATION, DISTRIBUTION
from cfplug.prediction.predictions import WARM, Predictions
from cfplug.testing.check import Check, CheckError, Subject, fail_if
from cfplug.testing.checks import interviews
from cfplug.testing.compare import array_difference, check_ratings, frame_difference, pair_name
from cfplug.testing.fixtures.cold_start import (
    UNKNOWN_IDS,
    ColdStartCase,
    NoAnswerError,
    cold_start_case,
    cold_start_of,
    predict,
    without_ratings,
)
from cfplug.testing.fixtures.datasets import model_arrays, pairs_of
from cfplug.testing.fixtures.isolation import seeded
from cfplug.testing.fixtures.train import check_context


def answers_every_pair(subject: Subject) -> None:
    """Return a finite rating for each pair with a new user, a new item or both, in their order."""
    case = cold_start_case(subject)
    pairs = case.pairs()
    order = np.random.default_rng(1).permutation(len(pairs))
    reordered = pairs.iloc[order].reset_index(drop=True)
    for ratings in (None, case.revealed()):
        expected = case.predict(pairs, ratings).rating[order]
        found = case.predict(reordered, ratings).rating
        check_ratings(reordered, expected, found, "pairs in another order")


def answers_for_unknown_ids(subject: Subject) -> None:
    """Return a rating for users and items that are not in the catalogue."""
    case = cold_start_case(subject)
    try:
        case.predict(case.pairs())
    except NoAnswerError:
        return  # reported by answers_every_pair
    users, items = UNKNOWN_IDS["user"], UNKNOWN_IDS["item"]
    case.predict(pairs_of(users, case.known["item"][:3]))
    case.predict(pairs_of(case.known["user"][:3], items))
    case.predict(pairs_of(users, items))


def no_ratings_equals_the_prior(subject: Subject) -> None:
    """Return the same for all new ids without data; an empty table reveals no ratings."""
    case = cold_start_case(subject)
    users, items = UNKNOWN_IDS["user"], UNKNOWN_IDS["item"]
    known_users, known_items = case.known["user"][:5], case.known["item"][:5]
    for first, second in (
        (pairs_of(users[:1], known_items), pairs_of(users[1:], known_items)),
        (pairs_of(known_users, items[:1]), pairs_of(known_users, items[1:])),
    ):
        with contextlib.suppress(NoAnswerError):  # reported by answers_for_unknown_ids
            expected, found = case.predict(first).rating, case.predict(second).rating
            check_ratings(second, expected, found, "second of two new ids without data")
    pairs, none = case.pairs(), case.revealed().iloc[:0]
    expected, found = case.predict(pairs).rating, case.predict(pairs, none).rating
    check_ratings(pairs, expected, found, "an empty table of ratings instead of None")


def no_query_leak(subject: Subject) -> None:
    """Return the same where held-out ratings, which are not revealed, differ or are missing.

    `fitted.catalogue` has every rating, held out or not; only `fitted.train` and
    `newcomers.ratings` may be used.
    """
    case = cold_start_case(subject)
    model = case.trained.model
    known, seen = model.catalogue, model.support.rated
    assert seen is not None
    others = np.where(seen, known.rated_rating, 6.25 - known.rated_rating)
    changed = attrs.evolve(model, catalogue=attrs.evolve(known, rated_rating=others))
    hidden = attrs.evolve(
        model,
        catalogue=without_ratings(known, ~seen),
        support=attrs.evolve(model.support, rated=seen[seen]),
    )
    pairs = case.pairs()
    for place, other in (
        ("with other held-out ratings", changed),
        ("without held-out ratings", hidden),
    ):
        other_case = ColdStartCase(subject, case.trained)
        for ratings in (None, case.revealed()):
            expected = case.predict(pairs, ratings).rating
            own = attrs.evolve(other_case.model(), catalogue=other.catalogue, support=other.support)
            found = predict(own, pairs, ratings).rating
            check_ratings(pairs, expected, found, place, "Look at fitted.train.")


def alone_or_together(subject: Subject) -> None:
    """Return the same for a pair whichever pairs are asked about with it or before it."""
    case = cold_start_case(subject)
    pairs = case.pairs()
    new_case = ColdStartCase(subject, case.trained)
    for ratings in (None, case.revealed()):
        expected = case.predict(pairs, ratings).rating
        for asked, when in ((case, "after others"), (new_case, "before others")):
            for row in (0, len(pairs) // 2):
                pair = pairs.iloc[[row]].reset_index(drop=True)
                found = asked.predict(pair, ratings).rating
                check_ratings(pair, expected[[row]], found, f"pair alone, {when}")


def order_of_reveals_does_not_matter(subject: Subject) -> None:
    """Return the same whatever the order in which ratings are revealed."""
    case = cold_start_case(subject)
    pairs, ratings = case.pairs(), case.revealed()
    expected = case.predict(pairs, ratings).rating
    found = case.predict(pairs, ratings.iloc[::-1].reset_index(drop=True)).rating
    check_ratings(pairs, expected, found, "ratings revealed in another order")


def missing_ratings_are_ignored(subject: Subject) -> None:
    """Return a finite rating where revealed items have no rating, as they were not seen."""
    case = cold_start_case(subject)
    ratings = case.revealed()
    try:
        case.predict(case.pairs(), ratings)
    except NoAnswerError:
        return  # reported by answers_every_pair
    rating = ratings["rating"].where(ratings.index % 2 == 0)
    case.predict(case.pairs(), ratings.assign(rating=rating))


def same_seed_same_answer(subject: Subject) -> None:
    """Return the same for the same seed, whatever was drawn before."""
    case = cold_start_case(subject)
    pairs, found = case.pairs(), []
    for state in (1, 2):
        model = ColdStartCase(subject, case.trained).model()
        try:
            with seeded(state):
                found.append(model.answer(pairs).rating)
        except Exception:
            return  # reported by answers_every_pair
    place, advice = "asked twice with one seed", "Draw from context.rng alone."
    check_ratings(pairs, found[0], found[1], place, advice)


def model_unchanged(subject: Subject) -> None:
    """Change neither the model's arrays nor its predictions for known pairs."""
    case = cold_start_case(subject)
    known = pairs_of(case.known["user"][:5], case.known["item"][:5])
    model = case.model()
    before, expected = model_arrays(model), case.trained.model.answer(known).rating
    pairs = pd.concat([known, case.pairs()], ignore_index=True)
    mixed = predict(model, pairs, case.revealed()).rating[: len(known)]
    advice = "Keep what you learn in an object of your own."
    fail_if(array_difference(before, model_arrays(model)), "model after adapt", advice)
    check_ratings(known, expected, mixed, "known pairs among new ones", exact=True)
    after = model.answer(known).rating
    check_ratings(known, expected, after, "known pairs after new ones", exact=True)


def input_unchanged(subject: Subject) -> None:
    """Change neither the data of new users and items nor the pairs."""
    case = cold_start_case(subject)
    model, pairs = case.model(), case.pairs()
    users, items = (pd.DataFrame({side: case.new[side]}) for side in SIDES)
    newcomers = model.newcomers(users=users, items=items, ratings=case.revealed())
    tables = {
        "newcomers.users": newcomers.users,
        "newcomers.items": newcomers.items,
        "newcomers.ratings": newcomers.ratings,
        "pairs": pairs,
    }
    before = {name: table.copy(deep=True) for name, table in tables.items()}
    adapt = subject.function("adapt")
    try:
        adapt(subject.params, model, newcomers, check_context(0)).predict(pairs)
    except Exception:
        return  # reported by answers_every_pair
    for name, table in tables.items():
        fail_if(frame_difference(before[name], table), f"{name} after predict", "Work on a copy.")


def gives_what_it_declares(subject: Subject) -> None:
    """Return an origin of each prediction, and all that `provides` declares."""
    provides = cold_start_of(subject).provides
    needs = [DISTRIBUTION] if DISTRIBUTION in provides else []
    case = cold_start_case(subject, *needs)
    pairs = case.pairs()
    for ratings in (None, case.revealed()):
        found = case.predict(pairs, ratings)
        _check_origins(found.origin.tolist())
        if DISTRIBUTION in provides:
            _check_distribution(found, pairs)
        if DEVIATION in provides:
            deviation = found.deviation
            if deviation is None or not np.isfinite(deviation).all():
                raise CheckError(
                    f"provides={[*provides]}: expected a finite deviation for each pair with a "
                    "new user or item, got none for some"
                )


def _check_origins(origins: list[str]) -> None:
    for origin in origins:
        is_word = bool(origin) and origin == origin.strip() and origin.isprintable()
        if origin == WARM or not is_word:
            raise CheckError(
                f"origin of a prediction: expected a word for where it comes from, other than "
                f"{WARM!r}, which is for known users and items, got {origin!r}"
            )


def _check_distribution(found: Predictions, pairs: pd.DataFrame) -> None:
    share = found.distribution
    if share is None or found.levels is None:
        raise CheckError("provides=['distribution']: expected a distribution, got none")
    wrong = ~np.isclose(share.sum(axis=1), 1.0, atol=1e-4) | (share < 0).any(axis=1)
    if wrong.any():
        row = int(wrong.argmax())
        raise CheckError(
            f"distribution for {pair_name(pairs, row)}: expected probabilities of sum 1, got "
            f"{share[row].round(4).tolist()}"
        )


def _of_answers(
    test: Callable[[Subject], None], applies: Callable[[Subject], bool] | None = None
) -> Check:
    """Make a check of predictions; `answers_every_pair` reports where there are none."""

    @functools.wraps(test)
    def run(subject: Subject) -> None:
        with contextlib.suppress(NoAnswerError):
            test(subject)

    return Check(run, applies) if applies else Check(run)


def _has_no_interview(subject: Subject) -> bool:
    return not interviews.has_interview(subject)


CHECKS = (
    Check(answers_every_pair),
    Check(answers_for_unknown_ids),
    _of_answers(no_ratings_equals_the_prior),
    _of_answers(no_query_leak),
    _of_answers(alone_or_together),
    _of_answers(order_of_reveals_does_not_matter, _has_no_interview),
    Check(missing_ratings_are_ignored),
    Check(same_seed_same_answer),
    _of_answers(model_unchanged),
    Check(input_unchanged),
    _of_answers(gives_what_it_declares),
    *interviews.CHECKS,
)
