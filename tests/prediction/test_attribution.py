"""Check attributions: parts sum up, an unused input gets zero, a sum gives its terms."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfplug import Batch
from cfplug.data.catalogue import Catalogue
from cfplug.data.features import Feature, Features
from cfplug.data.vocabulary import Vocabulary
from cfplug.prediction.attribution import base_and_rate, by_terms, in_words, inputs, swapped

quick = settings(max_examples=20, deadline=None)

NO_CODES = np.zeros(0, np.int32)
CATALOGUE = Catalogue(
    Vocabulary("user", ("ann", "bob")),
    Vocabulary("item", (1, 2, 3), ("Heat", "Ran", "Jaws")),
    NO_CODES,
    NO_CODES,
    NO_CODES,
)
PAIR = Batch(np.array([1]), np.array([2]))


class Sum:
    """A model that fits itself, or one with a head if it can decode."""

    def __init__(self, **terms: float) -> None:
        self._terms = terms

    def terms(self, batch: Batch) -> dict[str, np.ndarray]:
        return {
            name.replace("_", " "): np.full(len(batch), value)
            for name, value in self._terms.items()
        }


class Sigmoid(Sum):
    """rating = 5 sigmoid(sum + the user's code)."""

    def decoded(self, raw: np.ndarray, user: int) -> np.ndarray:
        return 5 / (1 + np.exp(-raw - user))


# By the model's own terms


@quick
@given(
    terms=st.lists(st.floats(-4, 4), min_size=1, max_size=6),
    scale=st.sampled_from([1.0, 1e-3, 1e-7, 0.0]),
)
def test_base_and_contributions_sum_to_the_rating_in_proportion_to_the_terms(
    terms: list[float], scale: float
) -> None:
    named = {f"factor_{number}": scale * term for number, term in enumerate(terms)}
    found = by_terms(Sigmoid(**named), PAIR, CATALOGUE, None)
    rating = 5 / (1 + math.exp(-sum(named.values()) - 1))
    assert found.base == pytest.approx(5 / (1 + math.exp(-1)))
    assert found.base + sum(part.contribution for part in found.parts) == pytest.approx(
        rating, abs=1e-9
    )
    assert {part.name.replace(" ", "_"): part.term for part in found.parts} == named
    large = [
        part for part in found.parts if abs(part.term) > 1e-300
    ]  # the least numbers have no six digits
    rates = {round(part.contribution / part.term, 6) for part in large}
    assert len(rates) <= 1
    assert all(rate > 0 for rate in rates)


def test_terms_that_cancel_get_the_rate_at_which_the_rating_changes_there() -> None:
    found = by_terms(Sigmoid(factor_1=2.0, factor_2=-2.0), PAIR, CATALOGUE, None)
    rate = 5 * math.exp(-1) / (1 + math.exp(-1)) ** 2
    assert [part.contribution for part in found.parts] == pytest.approx(
        [2 * rate, -2 * rate], rel=1e-6
    )


def test_the_mean_is_where_a_sum_starts_and_no_part_of_it() -> None:
    found = by_terms(Sum(mean=3.5, user_bias=-0.5, item_bias=0.25), PAIR, CATALOGUE, None)
    assert (found.base, found.start) == (3.5, "the mean of the training ratings")
    assert [(part.name, part.value, part.contribution, part.term) for part in found.parts] == [
        ("user bias", "bob", -0.5, -0.5),
        ("item bias", "Jaws", 0.25, 0.25),
    ]


def test_a_model_that_fits_itself_starts_from_zero_if_it_has_no_mean() -> None:
    found = by_terms(Sum(item_bias=2.0), PAIR, CATALOGUE, None)
    assert (found.base, found.start) == (0.0, "the rating if all terms were zero")


def test_the_mean_rate_is_that_of_a_straight_line() -> None:
    for total in (2.0, 1e-9, 0.0, -3.0):
        assert base_and_rate(lambda raw: 1 + 2 * raw, 0.5, total) == pytest.approx((2.0, 2.0))


# By asking again

Drawn = tuple[dict[str, np.ndarray], dict[str, np.ndarray], np.ndarray]


@st.composite
def drawn(draw: st.DrawFn) -> Drawn:
    """One pair, some others, and the weights of a model: codes of user and item, and a number."""
    n = draw(st.integers(2, 12))
    seed = draw(st.integers(0, 999))
    rng = np.random.default_rng(seed)

    def side(rows: int) -> dict[str, np.ndarray]:
        codes = {"user": rng.integers(0, 4, rows), "item": rng.integers(0, 7, rows)}
        return {**codes, "user.age": rng.normal(size=(rows, 2)).round(2)}

    return side(1), side(n), rng.normal(size=4)


def crossed(weights: np.ndarray) -> Any:
    """A model in which inputs work on each other."""

    def predict(batch: Batch) -> np.ndarray:
        age = batch.context["user.age"].sum(axis=1)
        rating: np.ndarray = weights[0] * batch.user * age + weights[1] * np.maximum(
            batch.item - batch.user, age
        )
        return rating

    return predict


def added(weights: np.ndarray) -> Any:
    def predict(batch: Batch) -> np.ndarray:
        age = batch.context["user.age"][:, 0]
        rating: np.ndarray = weights[0] * batch.user + weights[1] * batch.item**2 + weights[2] * age
        return rating

    return predict


def rated(predict: Any, columns: dict[str, np.ndarray]) -> np.ndarray:
    rest = {name: column for name, column in columns.items() if name not in ("user", "item")}
    rating: np.ndarray = predict(Batch(columns["user"], columns["item"], rest))
    return rating


@quick
@given(case=drawn())
def test_the_parts_lead_from_the_mean_of_the_others_to_the_rating(case: Drawn) -> None:
    one, many, weights = case
    base, found = swapped(crossed(weights), one, many, np.random.default_rng(0))
    assert base == pytest.approx(rated(crossed(weights), many).mean())
    total = base + sum(part for part, _ in found.values())
    assert total == pytest.approx(rated(crossed(weights), one)[0], abs=1e-9)


@quick
@given(case=drawn())
def test_of_a_sum_each_input_gets_its_own_term_whatever_the_order(case: Drawn) -> None:
    one, many, (a, b, c, _) = case
    _, found = swapped(added(np.array([a, b, c, 0])), one, many, np.random.default_rng(0))
    terms = {
        "user": (a * one["user"], a * many["user"]),
        "item": (b * one["item"] ** 2, b * many["item"] ** 2),
        "user.age": (c * one["user.age"][:, 0], c * many["user.age"][:, 0]),
    }
    expected = {name: float(here[0] - there.mean()) for name, (here, there) in terms.items()}
    assert {name: part for name, (part, _) in found.items()} == {
        name: pytest.approx(expected[name], abs=1e-9) for name in found
    }
    spread = {
        name: (here - there).std(ddof=1) / math.sqrt(len(there))
        for name, (here, there) in terms.items()
    }
    assert {name: error for name, (_, error) in found.items()} == {
        name: pytest.approx(spread[name], abs=1e-9) for name in found
    }


def test_the_parts_are_shapley_values_within_their_errors() -> None:
    """Against the mean over all orders and all pairs, written out."""
    rng = np.random.default_rng(1)
    one = {"user": np.array([3]), "item": np.array([1]), "user.age": np.array([[0.5, 1.0]])}
    few = {"user": np.array([0, 2]), "item": np.array([6, 4]), "user.age": rng.normal(size=(2, 2))}
    rows = rng.integers(0, 2, 4000)
    many = {name: column[rows] for name, column in few.items()}
    predict = crossed(np.array([1.0, -0.5]))
    exact = dict.fromkeys(one, 0.0)
    for order, row in itertools.product(itertools.permutations(one), range(2)):
        here = {name: column[[row]] for name, column in few.items()}
        for name in order:
            before = rated(predict, here)[0]
            here = {**here, name: one[name]}
            exact[name] += (rated(predict, here)[0] - before) / 12
    _, found = swapped(predict, one, many, np.random.default_rng(2))
    for name, (part, error) in found.items():
        assert 0 < error < 0.1
        assert abs(part - exact[name]) < 4 * error


def test_a_constant_input_is_left_out_and_an_ignored_one_gets_zero() -> None:
    one = {"user": np.array([1]), "item": np.array([2]), "time.hour": np.array([5])}
    many = {
        "user": np.array([0, 1, 2]),
        "item": np.array([0, 0, 1]),
        "time.hour": np.array([5, 5, 5]),
    }
    base, found = swapped(lambda batch: batch.item * 1.0, one, many, np.random.default_rng(0))
    assert base == pytest.approx(1 / 3)
    assert list(found) == ["user", "item"]
    assert found["user"] == (0.0, 0.0)
    same = swapped(lambda batch: batch.item * 1.0, one, {**one}, np.random.default_rng(0))
    assert same == (2.0, {})


def test_sets_of_different_widths_are_filled_up() -> None:
    """The rating is the sum of the codes of a set."""
    one = {"user": np.array([0]), "item": np.array([0]), "context.tags": np.array([[7]])}
    many = {
        "user": np.array([0, 0]),
        "item": np.array([0, 0]),
        "context.tags": np.array([[1, 2, 3], [4, 0, 0]]),
    }
    for here, there, total in ((one, many, 7), (many, one, 6)):
        here = {name: column[:1] for name, column in here.items()}
        rating = swapped(
            lambda batch: batch.context["context.tags"].sum(axis=1) * 1.0,
            here,
            there,
            np.random.default_rng(0),
        )
        assert rating[0] + rating[1]["context.tags"][0] == pytest.approx(total)


# In words

YEAR = Feature(
    "item.year",
    "item",
    "number",
    (),
    1990.0,
    5.0,
    True,
    np.array([[1, 0], [0.1, 0], [0, 1]], np.float32),
)
GENRES = Feature(
    "item.genres", "item", "set", ("Crime", "War"), table=np.array([[1, 2], [0, 0], [2, 0]])
)
JOB = Feature("user.job", "user", "category", ("nurse", "poet"), table=np.array([2, 0]))
DAY = Feature("time.day-of-week", "context", "category", tuple(map(str, range(7))))


def test_features_are_gathered_by_the_codes_of_their_side() -> None:
    batch = Batch(np.array([1, 0, 0]), np.array([2, 2, 0]), {DAY.name: np.array([7, 0, 1])})
    found = inputs(batch, Features((YEAR, GENRES, JOB, DAY)))
    assert list(found) == [
        "user",
        "item",
        "item.year",
        "item.genres",
        "user.job",
        "time.day-of-week",
    ]
    assert found["user.job"].tolist() == [0, 2, 2]
    assert found["item.genres"].tolist() == [[2, 0], [2, 0], [1, 2]]
    assert found["time.day-of-week"].tolist() == [7, 0, 1]


@pytest.mark.parametrize(
    ("feature", "cells", "words"),
    [
        (YEAR, YEAR.table, ["1995", "1990.50", "not known"]),
        (GENRES, GENRES.table, ["Crime, War", "none", "War"]),
        (JOB, JOB.table, ["poet", "not known"]),
        (DAY, np.array([1, 7, 0]), ["Monday", "Sunday", "not known"]),
    ],
    ids=lambda each: getattr(each, "name", ""),
)
def test_a_value_is_shown_in_words(feature: Feature, cells: np.ndarray, words: list[str]) -> None:
    assert [in_words(feature, cell) for cell in cells] == words
