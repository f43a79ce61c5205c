"""Check fold-in: what it uses of ratings and metadata, its deviations, and results on real data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pandas as pd
import pytest
import torch
from cfplug_coldstart import FoldIn
from cfplug_coldstart.fold_in import fold_in
from cfplug_factors import Pmf
from cfplug_factors.modules import pmf
from cfplug_losses import Mse, Ordinal
from cfplug_losses.cumulative import ordinal
from cfplug_losses.errors import squared
from cfplug_networks import Layers
from cfplug_networks.tabular import tabular

import cfplug
from cfplug import Context, DataError, FittedModel
from cfplug.data.dataset import Scale
from cfplug.data.features import Spec
from cfplug.prediction.memo import Memo
from cfplug.prediction.network import NetworkPredictor
from cfplug.recipe.settings import FeatureChoice
from cfplug.training.features import learn
from cfplug.training.module import Scored

REAL = Path(__file__).parents[2].parent / "shared" / "data" / "ml-100k.zip"

either = pytest.mark.parametrize("new", [("user",), ("item",), ("user", "item")], ids="-".join)
sides = pytest.mark.parametrize("side", ["user", "item"])
MEAN = FoldIn(prior="mean", raters=False)


def revealed(here: Any, side: str, n: int) -> pd.DataFrame:
    """The first `n` ratings of each newcomer of `side` of, or by, somebody warm."""
    ratings, other = here.dataset.ratings, "item" if side == "user" else "user"
    own = ratings[ratings[side].isin(here.cold[side]) & ~ratings[other].isin(here.cold[other])]
    return own[own.groupby(side).cumcount() < n].reset_index(drop=True)


def rmse(found: np.ndarray, truth: np.ndarray) -> float:
    return float(np.sqrt(((found - truth) ** 2).mean()))


@sides
def test_without_ratings_or_metadata_everybody_has_the_mean_vector(
    town: Callable[..., Any], quiet: Context, side: str
) -> None:
    here = town()
    pairs = here.pairs(side)
    found = fold_in(MEAN, here.model, here.newcomers(pairs), quiet)
    rating = pd.Series(found.predict(pairs))
    assert rating.groupby(pairs["item" if side == "user" else "user"]).agg(
        np.ptp
    ).max() == pytest.approx(0, abs=1e-9)
    assert set(found.origins(pairs)) == {"mean"}


@sides
def test_ratings_bring_predictions_nearer_to_the_truth(
    town: Callable[..., Any], quiet: Context, side: str
) -> None:
    here = town(matters=0.5)
    pairs = here.pairs(side)
    errors, spreads = [], []
    for n in (0, 2, 20):
        found = fold_in(FoldIn(), here.model, here.newcomers(pairs, revealed(here, side, n)), quiet)
        errors.append(rmse(found.predict(pairs), here.truth(pairs)))
        spreads.append(found.deviation(pairs).mean())
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.25
    assert spreads[0] > spreads[1] > spreads[2] > 0.28  # the noise of a rating is 0.3


def test_origins_name_the_source_of_each_prediction(
    town: Callable[..., Any], quiet: Context
) -> None:
    here = town()
    pairs = here.pairs("user")
    ratings = revealed(here, "user", 2)
    rater = ratings["user"].iloc[0]
    ratings = ratings[ratings["user"] == rater].reset_index(drop=True)
    newcomers = here.newcomers(pairs, ratings)
    silent = newcomers.users["user"].iloc[-2]
    unknown = newcomers.users["user"] == silent
    users = newcomers.users.assign(
        group=newcomers.users["group"].mask(unknown), age=newcomers.users["age"].mask(unknown)
    )
    found = fold_in(FoldIn(), here.model, attrs.evolve(newcomers, users=users), quiet).origins(
        pairs
    )
    by_user = dict(zip(pairs["user"], found, strict=True))
    assert by_user.pop(rater) == "folded-in"
    assert by_user.pop(silent) == "mean"
    assert set(by_user.values()) == {"metadata"}


@sides
def test_not_seen_and_ratings_of_new_items_are_ignored(
    town: Callable[..., Any], quiet: Context, side: str
) -> None:
    here = town()
    pairs = here.pairs(side)
    ratings, other = revealed(here, side, 3), "item" if side == "user" else "user"
    unseen = ratings.assign(rating=np.nan)
    strangers = ratings.assign(**{other: here.cold[other][0]}).drop_duplicates([side])
    silent, *found = (
        fold_in(FoldIn(), here.model, here.newcomers(pairs, each), quiet)
        for each in (None, unseen, strangers.astype({other: object}))
    )
    for each in found:
        assert each.predict(pairs) == pytest.approx(silent.predict(pairs))
        assert "folded-in" not in set(each.origins(pairs))


@either
def test_permuting_ids_permutes_answers(
    town: Callable[..., Any], quiet: Context, new: tuple[str, ...]
) -> None:
    answers = []
    for here in (town(matters=0.5), town(matters=0.5, shuffle=1)):
        pairs, ratings = town(matters=0.5).pairs(*new), revealed(town(matters=0.5), new[0], 3)
        found = fold_in(FoldIn(), here.model, here.newcomers(pairs, ratings), quiet)
        answers.append((found.predict(pairs), found.deviation(pairs), found.origins(pairs)))
    assert answers[0][0] == pytest.approx(answers[1][0], abs=1e-5)
    assert answers[0][1] == pytest.approx(answers[1][1], abs=1e-5)
    assert (answers[0][2] == answers[1][2]).all()


@either
def test_nothing_is_learned_of_ratings_that_were_not_revealed(
    town: Callable[..., Any], quiet: Context, new: tuple[str, ...]
) -> None:
    answers = []
    for here in (town(matters=0.5), town(matters=0.5, cold_rating=99.0)):
        pairs, ratings = here.pairs(*new), revealed(town(matters=0.5), new[0], 2)
        found = fold_in(FoldIn(), here.model, here.newcomers(pairs, ratings), quiet)
        answers.append((found.predict(pairs), found.deviation(pairs)))
    assert (answers[0][0] == answers[1][0]).all()
    assert (answers[0][1] == answers[1][1]).all()


@pytest.mark.parametrize("seed", [1, 2, 3])
@either
def test_metadata_that_matters_pays_and_noise_costs_next_to_nothing(
    town: Callable[..., Any], quiet: Context, new: tuple[str, ...], seed: int
) -> None:
    for matters in (0.8, 0.0):
        here = town(matters=matters, seed=seed)
        pairs = here.pairs(*new)
        by, without = (
            rmse(
                fold_in(params, here.model, here.newcomers(pairs), quiet).predict(pairs),
                here.truth(pairs),
            )
            for params in (FoldIn(raters=False), MEAN)
        )
        assert by < (0.8 * without if matters else without + 0.005)


def test_unknown_column_names_the_nearest_one(town: Callable[..., Any], quiet: Context) -> None:
    here = town()
    with pytest.raises(
        DataError,
        match="columns: nothing called gruop is known of users or items; did you mean group",
    ):
        fold_in(FoldIn(columns=("gruop",)), here.model, here.newcomers(here.pairs("user")), quiet)


def network(here: Any, kind: str) -> FittedModel:
    """A module that was not trained, with metadata of its own or cut points for every user."""
    torch.manual_seed(3)
    n = [len(here.model.catalogue.side(side)) for side in ("user", "item")]
    features = None
    scale = Scale(1.0, 5.0, (1.0, 2.0, 3.0, 4.0, 5.0))
    head: Any = (
        ordinal(Ordinal(cut_points="per-user"), scale)
        if kind == "ordinal"
        else squared(Mse((0.0, 5.5)), scale)
    )
    if kind == "tabular":
        chosen = FeatureChoice(user=("age", "group"), item=("genres",))
        features, _ = learn(chosen, here.dataset, np.arange(len(here.dataset.ratings)))
        spec = Spec(*n, 1, tuple(features))
        module: Any = tabular(
            Layers(3, 4, (6,), embedding_dropout=0.0, dropout=0.0, batch_norm=False), spec
        )
    else:
        module = pmf(Pmf(3, 0.5), Spec(*n, 1))
    return attrs.evolve(
        here.model,
        predictor=NetworkPredictor(Scored(module, head, n_users=n[0]), "cpu"),
        provides=("vectors", "distribution") if kind == "ordinal" else ("vectors",),
        features=features,
        memo=Memo(),
    )


@either
@pytest.mark.parametrize("kind", ["pmf", "tabular", "ordinal"])
def test_every_model_with_vectors_can_be_folded_into(
    town: Callable[..., Any], quiet: Context, kind: str, new: tuple[str, ...]
) -> None:
    here = town()
    model, pairs = network(here, kind), here.pairs(*new)
    found = fold_in(FoldIn(), model, here.newcomers(pairs, revealed(here, new[0], 4)), quiet)
    rating, deviation = found.predict(pairs), found.deviation(pairs)
    assert rating.shape == deviation.shape == (len(pairs),)
    assert ((rating > 0) & (rating < 5.5) & (deviation > 0)).all()
    share = found.distribution(pairs)
    if kind == "ordinal":
        assert share is not None
        assert share @ np.arange(1.0, 6.0) == pytest.approx(rating, abs=1e-4)
    else:
        assert share is None


RECIPE = """\
data: {{use: movielens-100k, path: {data}}}
split: {{use: cold-users, folds: 2, support: 10}}
models:
  - {{use: pmf, factors: 4}}
loss: {{use: mse, range: [0, 5.5]}}
train:
  {{epochs: 5, learning_rate: 0.022, weight_decay: 0.1, batch_size: 1536,
   beta2: 0.9, epsilon: 2e-4}}
cold_starts: [mean-embedding, fold-in]
reveal: [0, 10]
seeds: [100]
analyzers: []
"""


def test_on_real_ratings_ninety_percent_intervals_hold_ninety_percent(tmp_path: Path) -> None:
    if not REAL.parent.is_dir():
        pytest.skip(f"there is no real data here: {REAL.parent} does not exist")
    (tmp_path / "recipe.yaml").write_text(RECIPE.format(data=REAL))
    found = cfplug.run(tmp_path / "recipe.yaml", out=tmp_path / "out").cold_start_results
    rows = found.set_index(["cold_start", "revealed"])
    assert rows.loc["fold-in", "coverage"].between(0.88, 0.92).all()
    best = rows.loc["fold-in", "rmse"]
    assert best[0] < rows.loc[("mean-embedding", 0), "rmse"] + 0.001
    assert best[10] < 0.98
