"""How metadata helps `tabular` on ratings that follow the metadata to a known extent."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from cfplug import Context, Interactions
from cfplug.data.catalogue import Catalogue
from cfplug.recipe.parser import parse_recipe
from cfplug.recipe.recipe import Recipe
from cfplug.training.checkpoint import Watch
from cfplug.training.features import learn
from cfplug.training.fit import Task, fit

SEEDS = (0, 1, 2, 3)

RECIPE = """\
data: {{use: synthetic, users: 90, items: 130, ratings: 7000, metadata: {share}}}
models: [{{use: embedding-nn, {sizes}}}, {{use: tabular, {sizes}}}]
features: {{user: [age, group], item: [year, genres]}}
loss: {{use: mse, range: [0.5, 5.5]}}
train: {{epochs: 8, learning_rate: 0.02, weight_decay: 0.2, batch_size: 256}}
"""
SIZES = (
    "layers: [60], user_factors: 8, item_factors: 8, embedding_dropout: 0.1, init_deviation: 0.03"
)


@functools.cache
def errors(share: float) -> np.ndarray:
    """Return the held-out MSE of `embedding-nn` and `tabular`, if metadata explains `share`."""
    recipe = parse_recipe(RECIPE.format(share=share, sizes=SIZES), "metadata.yaml")
    return np.array([one_seed(recipe, seed) for seed in SEEDS]).T


def one_seed(recipe: Recipe, seed: int) -> list[float]:
    """The error of each model on one draw of the data."""
    rng = np.random.default_rng(seed)
    context = Context(seed, rng, "cpu", Path(), lambda done, message: None, lambda text: None)
    dataset = recipe.data.component.function("read")(recipe.data.params, context)
    catalogue, order = Catalogue.of(dataset), rng.permutation(len(dataset.ratings))
    found = []
    for use in recipe.models:
        features = (
            learn(use.features, dataset, order[1400:])[0] if use.features is not None else None
        )

        def seen(rows: np.ndarray, features: object = features) -> Interactions:
            part = catalogue.interactions(dataset.ratings, rows)
            return part if features is None else features.attached(part, dataset.ratings, rows)  # type: ignore[attr-defined]

        train, valid = seen(order[1400:]), seen(order[:1400])
        fitted = fit(
            Task(use, catalogue, train, valid, dataset.scale, None, context, features), Watch()
        )
        error = fitted.model.predictor.predict(valid.batch) - valid.rating
        found.append(float((error**2).mean()))
    return found


def test_metadata_that_is_pure_noise_costs_no_more_than_a_hundredth() -> None:
    """Useless metadata does no harm at the default number_scale; at 1 noise is learned first."""
    alone, informed = errors(0.0).mean(axis=1)
    assert informed < alone + 0.01


def test_metadata_that_carries_signal_helps() -> None:
    alone, informed = errors(0.9)
    assert informed.mean() < alone.mean() - 0.01
    assert (informed < alone).all()
