"""Answer for ids that training never saw, by the recipe's cold-start strategy."""

from __future__ import annotations

import tempfile
from pathlib import Path

import attrs
import numpy as np

from cfplug.plugin.components import ColdStart, Context
from cfplug.prediction.fitted_model import FittedModel, Policy
from cfplug.prediction.newcomers import Newcomers
from cfplug.prediction.predictions import PairPredictor
from cfplug.random import seed_for
from cfplug.recipe.recipe import Recipe, Use


def policy_of(recipe: Recipe, context: Context) -> Policy | None:
    """The recipe's policy for ids that training never saw, ready to adapt a model; None for `error`."""
    return None if recipe.unknown is None else policy(recipe.unknown, context)


def policy(use: Use[ColdStart], context: Context) -> Policy:
    """A cold-start strategy, ready to adapt a model."""
    adapt = use.component.function("adapt")
    origin = use.component.origin

    def adapted(fitted: FittedModel, newcomers: Newcomers) -> PairPredictor:
        """With a generator that starts anew each time, so that an answer does not depend on those before it."""
        rng = np.random.default_rng(seed_for(context.seed, f"unknown {use.name}"))
        predictor: PairPredictor = adapt(
            use.params, fitted, newcomers, attrs.evolve(context, rng=rng)
        )
        return predictor

    return Policy(use.name, origin, adapted, f"{use.full_name} of plugin {use.title}, {use.place}")


def quiet_context(seed: int) -> Context:
    """The context of a step that answers questions after the run: nobody watches it."""
    scratch = Path(tempfile.gettempdir())
    return Context(
        seed,
        np.random.default_rng(seed),
        "cpu",
        scratch,
        lambda done, message: None,
        lambda text: None,
    )
