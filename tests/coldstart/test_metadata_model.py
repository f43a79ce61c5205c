"""Check the metadata model: better where metadata matters, else shrunk to the mean."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from cfplug_coldstart import MetadataModel
from cfplug_coldstart.answer_encoder import AnswerEncoder
from cfplug_coldstart.centroids import mean_embedding
from cfplug_coldstart.metadata_model import metadata_model
from hypothesis import given, settings
from hypothesis import strategies as st

import cfplug
from cfplug import Context, DataError
from cfplug.params import NoParams

either = pytest.mark.parametrize("new", [("user",), ("item",), ("user", "item")], ids="-".join)
quick = settings(max_examples=15, deadline=None)

SMALL = {"damping": 1.0, "epochs": 15, "layers": (32,), "dropout": 0.1}


def answers(
    here: Any,
    quiet: Context,
    pairs: pd.DataFrame,
    ratings: pd.DataFrame | None = None,
    **params: Any,
) -> Any:
    return metadata_model(
        MetadataModel(**{**SMALL, **params}), here.model, here.newcomers(pairs, ratings), quiet
    )


def rmse(found: np.ndarray, truth: np.ndarray) -> float:
    return float(np.sqrt(((found - truth) ** 2).mean()))


def of_mean(here: Any, quiet: Context, pairs: pd.DataFrame) -> np.ndarray:
    return mean_embedding(NoParams(), here.model, here.newcomers(pairs), quiet).predict(pairs)


@either
@pytest.mark.parametrize("refold", [(), ("user", "item")], ids="-".join)
def test_metadata_that_matters_pays(
    town: Callable[..., Any], quiet: Context, new: tuple[str, ...], refold: tuple[str, ...]
) -> None:
    here = town(users=200, items=150)
    pairs = here.pairs(*new)
    adapted = answers(here, quiet, pairs, refold=refold)
    truth = here.truth(pairs)
    assert rmse(adapted.predict(pairs), truth) < 0.7 * rmse(of_mean(here, quiet, pairs), truth)
    assert set(adapted.origins(pairs)) == {"metadata"}


@pytest.mark.parametrize("seed", range(1))
@either
def test_metadata_that_says_nothing_costs_next_to_nothing(
    town: Callable[..., Any], quiet: Context, new: tuple[str, ...], seed: int
) -> None:
    here = town(matters=0.0, seed=seed, users=400, items=300)
    pairs = here.pairs(*new)
    truth = here.truth(pairs) + 0.3 * np.random.default_rng(0).normal(size=len(pairs))
    found = answers(here, quiet, pairs, epochs=5).predict(pairs)
    assert rmse(found, truth) < rmse(of_mean(here, quiet, pairs), truth) + 0.005


def test_a_newcomer_without_metadata_gets_the_mean(
    town: Callable[..., Any], quiet: Context
) -> None:
    here = town(users=200, items=150)
    pairs = here.pairs("user").assign(user="nobody knows him")
    adapted = answers(here, quiet, pairs)
    count = here.model.support.count["user"]
    mean = np.average(here.model.vectors("user"), axis=0, weights=count / (count + 1))
    assert adapted.by.vectors["user"][0] == pytest.approx(mean)
    assert set(adapted.origins(pairs)) == {"mean"}


def test_too_few_to_learn_from_are_answered_by_their_mean(
    town: Callable[..., Any], quiet: Context
) -> None:
    here = town(users=19, items=12)
    pairs = here.pairs("user", "item")
    adapted = answers(here, quiet, pairs)
    assert np.isfinite(adapted.predict(pairs)).all()
    assert set(adapted.origins(pairs)) == {"mean"}


@either
def test_permuting_ids_permutes_answers(
    town: Callable[..., Any], quiet: Context, new: tuple[str, ...]
) -> None:
    pairs = town().pairs(*new)
    one, two = (
        answers(here, quiet, pairs, epochs=3).predict(pairs) for here in (town(), town(shuffle=1))
    )
    assert one == pytest.approx(two, abs=1e-3)


@either
def test_nothing_depends_on_ratings_that_are_held_out(
    town: Callable[..., Any], quiet: Context, new: tuple[str, ...]
) -> None:
    pairs = town().pairs(*new)
    one, two = (
        answers(here, quiet, pairs, epochs=3, questions=4).predict(pairs)
        for here in (town(), town(cold_rating=99.0))
    )
    assert (one == two).all()


def test_the_same_seed_gives_the_same_bits_and_leaves_torch_as_it_was(
    town: Callable[..., Any], quiet: Context
) -> None:
    here = town()
    pairs = here.pairs("user")
    found = []
    for state in (3, 4):
        torch.manual_seed(state)
        here.model.memo.clear()
        found.append(answers(here, quiet, pairs, epochs=3).predict(pairs))
        drawn = torch.rand(1)
        torch.manual_seed(state)
        assert drawn == torch.rand(1)
    assert (found[0] == found[1]).all()


def test_answers_to_questions_pay_where_metadata_says_nothing(
    town: Callable[..., Any], quiet: Context
) -> None:
    here = town(matters=0.0, users=400, items=60)
    pairs = here.pairs("user")
    questions = AnswerEncoder.of(here.model, 10)
    asked = here.model.catalogue.item.decode(questions.codes)
    ratings = pairs[pairs["item"].isin(asked)].reset_index(drop=True)
    ratings = ratings.assign(rating=here.truth(ratings))
    adapted = answers(here, quiet, pairs, ratings, questions=10)
    silent = answers(here, quiet, pairs, questions=10)
    truth = here.truth(pairs)
    assert rmse(adapted.predict(pairs), truth) < 0.8 * rmse(silent.predict(pairs), truth)
    assert rmse(silent.predict(pairs), truth) < rmse(of_mean(here, quiet, pairs), truth) + 0.02
    assert set(adapted.origins(pairs)) == {"metadata"}


def test_the_questions_are_the_items_with_the_most_ratings(town: Callable[..., Any]) -> None:
    here = town()
    train = here.model.train
    count = pd.Series(train.batch.item).value_counts()
    found = AnswerEncoder.of(here.model, 5)
    assert sorted(count[found.codes]) == sorted(count.nlargest(5))
    for code, mean in zip(found.codes, found.means, strict=True):
        assert mean == pytest.approx(train.rating[train.batch.item == code].mean())


answered = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 9), st.sampled_from([np.nan, 1.0, 4.5])),
    max_size=15,
    unique_by=lambda each: each[:2],
)


@quick
@given(given_=answered, codes=st.lists(st.integers(0, 9), min_size=1, max_size=5, unique=True))
def test_an_answer_is_a_rating_or_that_it_was_not_seen_and_both_are_zero_for_what_was_not_asked(
    given_: list[tuple[int, int, float]], codes: list[int]
) -> None:
    questions = AnswerEncoder(np.array(codes), np.arange(len(codes)) / 2)
    users, items, ratings = (
        (np.array(each) for each in zip(*given_, strict=True)) if given_ else [np.zeros(0, int)] * 3
    )
    found = questions.answers(4, users, items, ratings.astype(float))
    revealed = {(user, item): rating for user, item, rating in given_}
    for user in range(4):
        for place, code in enumerate(codes):
            rating = revealed.get((user, code))
            missing = rating is not None and np.isnan(rating)
            expected = [0.0 if rating is None or missing else rating - place / 2, float(missing)]
            assert found[user, place].tolist() == expected


def test_what_a_known_user_did_not_rate_he_had_not_seen(town: Callable[..., Any]) -> None:
    here = town()
    questions = AnswerEncoder.of(here.model, 3)
    found, train = questions.of_known(here.model), here.model.train
    for user in (0, 4, 7):
        rated = train.batch.item[train.batch.user == user]
        assert (found[user, :, 1] == ~np.isin(questions.codes, rated)).all()


def test_an_unknown_column_is_refused(town: Callable[..., Any], quiet: Context) -> None:
    here = town()
    message = "columns: nothing called gneres is known of users or items; did you mean genres? " \
        "(known are: group, age, year, genres)"  # fmt: skip
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        answers(here, quiet, here.pairs("item"), columns=("gneres",))


def test_an_invalid_side_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"^refold: must be one of user, item; is 'items'; did you mean item\?$"
    ):
        MetadataModel(refold=("items",))


RECIPE = """
data: {use: synthetic, users: 50, items: 33, ratings: 900, step: 1}
split: {use: cold-both, folds: 2}
features: {user: [age], item: [genres]}
train: {epochs: 1, learning_rate: 1e-2, batch_size: 128}
loss: {use: mse, range: [0, 5.5]}
models:
  - bias
  - {use: pmf, factors: 3}
  - {use: pmf, name: classes, factors: 3, loss: cross-entropy}
  - {use: dot-product, factors: 3, loss: {use: ordinal, cut_points: per-user}}
  - {use: embedding-nn, layers: [8]}
  - {use: tabular, layers: [8]}
  - {use: tabular, name: timed, layers: [8], features: {user: [age], time: [elapsed]}}
  - mini-net
cold_starts:
  - mean-embedding
  - {use: representative, group: group}
  - nearest-metadata
  - {use: metadata-model, epochs: 1, questions: 3}
reveal: [0, 2]
"""


def test_every_model_that_gives_vectors_answers_for_newcomers_within_its_range(
    tmp_path: Path,
) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    run = cfplug.run(tmp_path / "recipe.yaml", out=tmp_path / "out")
    assert len(run.cold_start_results) == 8 * 4 * 2
    assert np.isfinite(run.cold_start_results["rmse"]).all()
    predictions = run.predictions()
    assert set(predictions["origin"]) <= {"mean", "metadata"}
    assert predictions.loc[predictions["model"] != "bias", "prediction"].between(0, 5.5).all()
