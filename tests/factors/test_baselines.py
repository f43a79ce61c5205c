"""`mean` and `bias` against the alternation written out, and the minimum that it goes to."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from cfplug_factors import Bias, cfplug_models
from cfplug_factors.baselines import Offsets, fit_bias, fit_mean, restore_bias, restore_mean
from hypothesis import given, settings
from hypothesis import strategies as st

from cfplug import Batch, Context, Interactions
from cfplug.params import NoParams

quick = settings(max_examples=20, deadline=None)

QUIET = Context(
    0, np.random.default_rng(0), "cpu", Path(), lambda done, message: None, lambda line: None
)

Rows = list[tuple[int, int, float]]


@st.composite
def rated(draw: st.DrawFn) -> tuple[int, int, Rows]:
    """Sizes of a catalogue, never square, and ratings of some of its pairs."""
    n_users = draw(st.integers(1, 5))
    n_items = n_users + draw(st.integers(1, 4))
    row = st.tuples(
        st.integers(0, n_users - 1), st.integers(0, n_items - 1), st.integers(1, 5).map(float)
    )
    return (
        n_users,
        n_items,
        draw(st.lists(row, min_size=1, max_size=20, unique_by=lambda each: each[:2])),
    )


def train_of(drawn: tuple[int, int, Rows]) -> Interactions:
    n_users, n_items, rows = drawn
    user, item, rating = (np.array(column) for column in zip(*rows, strict=True))
    return Interactions(Batch(user, item), rating, n_users, n_items)


def everything(train: Interactions) -> Batch:
    """Every pair of the catalogue."""
    user, item = np.divmod(np.arange(train.n_users * train.n_items), train.n_items)
    return Batch(user, item)


def alternated(
    drawn: tuple[int, int, Rows], params: Bias
) -> tuple[float, list[float], list[float]]:
    """The mean and the offsets, one id and one rating at a time."""
    n_users, n_items, rows = drawn
    mean = sum(rating for _, _, rating in rows) / len(rows)
    user, item = [0.0] * n_users, [0.0] * n_items
    for _ in range(params.rounds):
        for code in range(n_items):
            rest = [rating - mean - user[u] for u, i, rating in rows if i == code]
            item[code] = sum(rest) / (len(rest) + params.item_damping) if rest else 0.0
        for code in range(n_users):
            rest = [rating - mean - item[i] for u, i, rating in rows if u == code]
            user[code] = sum(rest) / (len(rest) + params.user_damping) if rest else 0.0
    return mean, user, item


dampings = st.sampled_from([0.0, 0.5, 5.0, 25.0])
chosen = st.builds(Bias, user_damping=dampings, item_damping=dampings, rounds=st.integers(1, 6))


@quick
@given(drawn=rated(), params=chosen)
def test_bias_is_the_alternation_written_out(drawn: tuple[int, int, Rows], params: Bias) -> None:
    train = train_of(drawn)
    fitted = fit_bias(params, train, QUIET)
    mean, user, item = alternated(drawn, params)
    assert fitted.mean == pytest.approx(mean)
    assert fitted.biases("user") == pytest.approx(np.array(user))
    assert fitted.biases("item") == pytest.approx(np.array(item))
    asked = everything(train)
    naive = [mean + user[u] + item[i] for u, i in zip(asked.user, asked.item, strict=True)]
    assert fitted.predict(asked) == pytest.approx(np.array(naive))


@quick
@given(drawn=rated(), user_damping=st.floats(0.5, 20), item_damping=st.floats(0.5, 20))
def test_many_rounds_end_where_the_damped_objective_is_flat(
    drawn: tuple[int, int, Rows], user_damping: float, item_damping: float
) -> None:
    fitted = fit_bias(Bias(user_damping, item_damping, rounds=400), train_of(drawn), QUIET)
    mean, (user, item) = fitted.mean, (fitted.user, fitted.item)
    slopes = [2 * user_damping * user, 2 * item_damping * item]
    for u, i, rating in drawn[2]:
        error = rating - mean - user[u] - item[i]
        slopes[0][u] -= 2 * error
        slopes[1][i] -= 2 * error
    for slope in slopes:
        assert slope == pytest.approx(np.zeros(len(slope)), abs=1e-8)


@quick
@given(drawn=rated(), params=chosen, nudge=st.floats(-1, 1), data=st.data())
def test_no_other_offset_is_better(
    drawn: tuple[int, int, Rows], params: Bias, nudge: float, data: Any
) -> None:
    params = evolve(
        params,
        rounds=400,
        user_damping=params.user_damping + 1,
        item_damping=params.item_damping + 1,
    )
    fitted = fit_bias(params, train_of(drawn), QUIET)
    moved = evolve(fitted, user=fitted.user.copy(), item=fitted.item.copy())
    side = data.draw(st.sampled_from(["user", "item"]))
    moved.biases(side)[data.draw(st.integers(0, len(moved.biases(side)) - 1))] += nudge
    assert objective(moved, drawn[2], params) >= objective(fitted, drawn[2], params) - 1e-9


def objective(offsets: Offsets, rows: Rows, params: Bias) -> float:
    errors = sum(
        (rating - offsets.mean - offsets.user[u] - offsets.item[i]) ** 2 for u, i, rating in rows
    )
    pull = (
        params.user_damping * (offsets.user**2).sum()
        + params.item_damping * (offsets.item**2).sum()
    )
    return float(errors + pull)


@quick
@given(drawn=rated())
def test_mean_is_the_mean_of_the_training_ratings_for_every_pair(
    drawn: tuple[int, int, Rows],
) -> None:
    train = train_of(drawn)
    fitted = fit_mean(NoParams(), train, QUIET)
    mean = sum(rating for _, _, rating in drawn[2]) / len(drawn[2])
    assert fitted.predict(everything(train)) == pytest.approx(
        np.full(train.n_users * train.n_items, mean)
    )


@quick
@given(drawn=rated(), params=chosen)
def test_restored_models_give_the_same_predictions_to_the_last_bit(
    drawn: tuple[int, int, Rows], params: Bias
) -> None:
    train = train_of(drawn)
    pairs = everything(train)
    for fitted, restore, chosen_params in (
        (fit_bias(params, train, QUIET), restore_bias, params),
        (fit_mean(NoParams(), train, QUIET), restore_mean, NoParams()),
    ):
        state = {
            name: np.frombuffer(array.tobytes(), dtype=array.dtype)
            for name, array in fitted.state().items()
        }
        again = restore(chosen_params, state)
        assert again.predict(pairs).tolist() == fitted.predict(pairs).tolist()
        assert {side: again.biases(side).tolist() for side in ("user", "item")} == {
            side: fitted.biases(side).tolist() for side in ("user", "item")
        }


def test_an_id_without_ratings_has_no_offset() -> None:
    train = Interactions(Batch(np.array([0, 0]), np.array([2, 0])), np.array([5.0, 2.0]), 2, 4)
    for damping in (0.0, 5.0):
        fitted = fit_bias(Bias(damping, damping), train, QUIET)
        assert fitted.biases("user")[1] == 0.0
        assert fitted.biases("item")[[1, 3]].tolist() == [0.0, 0.0]


def test_fitting_reports_every_round_and_changes_no_rating() -> None:
    reported: list[tuple[float | None, str]] = []
    context = evolve(QUIET, progress=lambda done, message: reported.append((done, message)))
    train = Interactions(
        Batch(np.array([0, 1, 1]), np.array([2, 0, 1])), np.array([5.0, 2.0, 4.0]), 2, 3
    )
    fit_bias(Bias(rounds=4), train, context)
    assert reported == [
        (0.25, "round 1 of 4"),
        (0.5, "round 2 of 4"),
        (0.75, "round 3 of 4"),
        (1.0, "round 4 of 4"),
    ]
    assert train.rating.tolist() == [5.0, 2.0, 4.0]


def test_the_baselines_declare_what_they_give() -> None:
    declared = {model.name: model for model in cfplug_models()}
    assert list(declared) == ["dot-product", "pmf", "mean", "bias", "rlfm"]
    assert [declared[name].learns_by_gradient for name in declared] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert [declared[name].provides for name in ("mean", "bias")] == [
        ("terms",),
        ("biases", "terms", "vectors"),
    ]
    for name, functions in (("mean", (fit_mean, restore_mean)), ("bias", (fit_bias, restore_bias))):
        assert (declared[name].function("fit"), declared[name].function("restore")) == functions


@pytest.mark.parametrize(
    ("values", "reported"),
    [
        ({"user_damping": -0.5}, "user_damping: must be at least 0; is -0.5"),
        ({"item_damping": float("inf")}, "item_damping: must be a finite number; is inf"),
        ({"rounds": 0}, "rounds: must be at least 1; is 0"),
    ],
)
def test_a_parameter_out_of_bounds_is_refused(values: dict[str, Any], reported: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(reported)}$"):
        Bias(**values)


@quick
@given(drawn=rated(), params=chosen)
def test_the_terms_sum_to_the_rating(drawn: tuple[int, int, Rows], params: Bias) -> None:
    train = train_of(drawn)
    for offsets in (fit_bias(params, train, QUIET), fit_mean(NoParams(), train, QUIET)):
        batch, terms = everything(train), offsets.terms(everything(train))
        assert list(terms) == ["mean", "user bias", "item bias"]
        np.testing.assert_allclose(sum(terms.values()), offsets.predict(batch))
        assert set(terms["mean"]) == {offsets.mean}
        assert terms["item bias"].tolist() == offsets.biases("item")[batch.item].tolist()
