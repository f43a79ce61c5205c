"""Laws of what a model learns from: the training ratings alone, of the right side, and enough to be of use."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cfplug.data.dataset import Dataset, Split
from cfplug.data.vocabulary import SIDES
from cfplug.errors import CfplugError, UnknownIdError
from cfplug.prediction.fitted_model import FittedModel
from cfplug.prediction.predictions import WARM
from cfplug.testing.check import BrokenLawError, Check, Subject
from cfplug.testing.fixtures.assertions import close, same_bits
from cfplug.testing.fixtures.models import Case, hold, model_of, model_use, trained
from cfplug.testing.fixtures.pairs import asked, tiny, told
from cfplug.testing.fixtures.reload import reopened
from cfplug.testing.fixtures.train import Workbench
from cfplug.testing.strategies.synthetic import planted
from cfplug.testing.strategies.transforms import with_ratings

THOROUGH: Mapping[str, Any] = {
    "epochs": 10,
    "batch_size": 64,
    "learning_rate": 0.04,
    "weight_decay": 0.01,
}
"""How a model that learns by gradient is trained where it must learn something of a thousand ratings."""

THOROUGH_ON_FEW: Mapping[str, Any] = {**THOROUGH, "epochs": 15, "batch_size": 16}
"""The same where there are less than a hundred."""

STRATEGY = "coldstart/global-mean"
"""The cold-start strategy with which unknown ids are tried; any will do."""

STRANGER = "nobody of this name"


def one_rating_is_enough(subject: Subject) -> None:
    """One user, one item or one rating are enough to learn from, or it says clearly what is lacking."""
    small = {
        "one rating": [(7, "a", 3.0)],
        "one user": [(7, "a", 3.0), (7, "b", 5.0), (7, "c", 1.0)],
        "one item": [(7, "a", 3.0), (8, "a", 5.0), (9, "a", 1.0), (10, "a", 1.0)],
    }
    for words, ratings in small.items():
        try:
            model = trained(subject, *tiny(ratings))
            pairs = asked(model)
            rating = np.ravel(told(model, pairs))
        except CfplugError:
            continue
        except Exception as error:
            raise BrokenLawError(
                f"with {words} it raised {type(error).__name__}: {error}; if it needs more, say so with a "
                "cfplug.DataError"
            ) from error
        if not np.isfinite(rating).all():
            raise BrokenLawError(f"trained on {words}, it says {rating[~np.isfinite(rating)][0]}")


def unknown_ids_follow_the_policy(subject: Subject) -> None:
    """Ids that training never saw are refused by name, or left to the cold-start strategy; the others' answers stay."""
    dataset, split = tiny(
        [(1, "a", 3.0), (2, "a", 5.0), (2, "b", 1.0), (3, "b", 2.0), (3, "a", 4.0)]
    )
    model = trained(subject, dataset, split)
    known = asked(model)
    strange = pd.concat(
        [known, pd.DataFrame({"user": [2, 99], "item": [STRANGER, "a"]})], ignore_index=True
    )
    try:
        model.answer(strange)
    except UnknownIdError as error:
        if STRANGER not in str(error):
            raise BrokenLawError(
                f"the error for the unknown id {STRANGER!r} does not name it: {error}"
            ) from error
    else:
        raise BrokenLawError(
            "with the policy `error` it answered for an id that training never saw"
        )
    lenient = trained(subject, dataset, split, bench=Workbench(subject.registry, unknown=STRATEGY))
    found = lenient.answer(strange)
    if (found.origin[:-2] != WARM).any() or (found.origin[-2:] == WARM).any():
        raise BrokenLawError(
            f"with {STRATEGY} the origins are {found.origin.tolist()}; the last two ids are unknown"
        )
    close(known, told(model, known), found.rating[:-2], "asked beside unknown ids")


def held_out_ratings_do_not_matter(subject: Subject) -> None:
    """Other ratings in the rows that are held out leave the answers the same, to the last bit."""

    def law(case: Case) -> None:
        dataset, split = case
        if dataset.scale.low == dataset.scale.high:  # there are no other ratings
            return
        held = split.valid if split.test is None else np.concatenate([split.valid, split.test])
        other = with_ratings(dataset, held)
        first, again = model_of(subject, case), trained(subject, other, split)
        pairs = asked(first)
        same_bits(
            pairs,
            told(first, pairs),
            told(again, pairs),
            "with other ratings in the rows that are held out",
            "learn from `train` alone",
        )

    hold(subject, law)


def users_and_items_keep_their_sides(subject: Subject) -> None:
    """Where only users differ, answers do not differ by item, and the other way round."""
    for side, other in (SIDES, SIDES[::-1]):
        model = trained(
            subject, *_one_sided(side), bench=Workbench(subject.registry, train=THOROUGH_ON_FEW)
        )
        pairs = asked(model, most=1000)
        rating = pairs.assign(rating=np.nan_to_num(told(model, pairs)))
        spread = {each: float(rating.groupby(each)["rating"].mean().var(ddof=0)) for each in SIDES}
        if spread[other] > spread[side] + 0.1:
            raise BrokenLawError(
                f"trained on ratings that hang on the {side} alone, its answers vary by {spread[other]:.3f} from "
                f"{other} to {other} and by {spread[side]:.3f} from {side} to {side}: are users and items swapped?"
            )


def learns_planted_ratings(subject: Subject) -> None:
    """On ratings of planted low rank, held-out ones are predicted better than by the mean of all others."""
    dataset = planted().dataset
    order = np.random.default_rng(0).permutation(len(dataset.ratings))
    fifth = len(order) // 5
    split = Split(np.sort(order[fifth:]), np.sort(order[:fifth]))
    model = trained(subject, dataset, split, bench=Workbench(subject.registry, train=THOROUGH))
    rows, truth = _known_rows(model, dataset, split.valid), dataset.ratings["rating"].to_numpy()
    error = float(np.nanmean((told(model, dataset.ratings.iloc[rows]) - truth[rows]) ** 2))
    plain_error = float(np.mean((truth[split.train].mean() - truth[rows]) ** 2))
    if not error < 0.9 * plain_error:
        raise BrokenLawError(
            f"its mean squared error on held-out ratings is {error:.3f}; the mean of the training ratings has "
            f"{plain_error:.3f}, and 0.9 of that is the least to expect"
        )


def opens_again_the_same(subject: Subject) -> None:
    """Saved, and opened in a fresh process, it gives the same answers, to the last bit."""
    dataset, split = (
        planted(seed=1, users=13, items=8, ratings=70).dataset,
        Split(np.arange(60), np.arange(60, 70)),
    )
    model = trained(subject, dataset, split)
    pairs = asked(model)
    found = reopened(model, model_use(subject), pairs, _folder(subject))
    if found.trouble:
        raise BrokenLawError(
            f"what `state` gave cannot be opened again in a fresh process: {found.trouble}"
        )
    same_bits(
        pairs,
        told(model, pairs),
        found.rating,
        "opened in a fresh process",
        "all that predict needs must be in the state (or, of a torch module, in its state_dict)",
    )


# What the laws share


def _known_rows(model: FittedModel, dataset: Dataset, rows: np.ndarray) -> np.ndarray:
    """Those of `rows` whose user and item training saw, in the order of the codes."""
    codes = model.encoded(dataset.ratings.iloc[rows])
    known = np.flatnonzero(
        model.support.trained("user", codes.user) & model.support.trained("item", codes.item)
    )
    order = np.lexsort((codes.item[known], codes.user[known]))
    found: np.ndarray = rows[known[order]]
    return found


def _folder(subject: Subject) -> Path | None:
    """The folder of a single-file plugin."""
    file = Path(subject.plugin.distribution)
    return file.parent if file.suffix == ".py" else None


def _one_sided(side: str) -> tuple[Dataset, Split]:
    """Twelve users and seven items, all pairs but a few; ratings of 1 to 5 that hang on `side` alone."""
    user, item = np.divmod(np.arange(12 * 7), 7)
    level = {"user": user, "item": item}[side] * 2 % 5 + 1.0
    ratings = pd.DataFrame({"user": user + 100, "item": item, "rating": level})
    held = np.arange(3, 84, 9)
    return Dataset.build("one-sided", ratings), Split(np.setdiff1d(np.arange(84), held), held)


CHECKS = (
    Check("one-rating-is-enough", one_rating_is_enough),
    Check("unknown-ids-follow-the-policy", unknown_ids_follow_the_policy),
    Check("held-out-ratings-do-not-matter", held_out_ratings_do_not_matter),
    Check("users-and-items-keep-their-sides", users_and_items_keep_their_sides),
    Check("learns-planted-ratings", learns_planted_ratings),
    Check("opens-again-the-same", opens_again_the_same),
)
