"""Answer for ids that training never saw, by a cold-start strategy."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import numpy as np
from attrs import frozen

from cfplug.errors import CapabilityError
from cfplug.plugin.components import ColdStart, Context
from cfplug.random import seed_for
from cfplug.recipe.recipe import Recipe, Use

if TYPE_CHECKING:
    from cfplug.plugin.registry import Registry
    from cfplug.prediction.fitted_model import FittedModel
    from cfplug.prediction.newcomers import Newcomers
    from cfplug.prediction.predictions import PairPredictor


@frozen(eq=False)
class Policy:
    """What to do about ids that training never saw: a cold-start strategy, ready to adapt a model.

    `origin` labels its predictions; `title` names it in errors.
    """

    name: str
    origin: str
    adapt: Callable[[FittedModel, Newcomers], PairPredictor]
    title: str = ""


def policy_of(recipe: Recipe, context: Context) -> Policy | None:
    """Return the policy that the recipe names; None for `unknown: error`."""
    return None if recipe.unknown is None else policy(recipe.unknown, context)


def policy(use: Use[ColdStart], context: Context) -> Policy:
    """Return the policy of a cold-start strategy.

    Its generator starts anew for each question, so that an answer does not depend on earlier ones.

    Args:
        use: The strategy with its parameters.
        context: Gives the seed, the device and the scratch folder.
    """
    adapt = use.component.function("adapt")
    origin = use.component.origin

    def adapted(fitted: FittedModel, newcomers: Newcomers) -> PairPredictor:
        rng = np.random.default_rng(seed_for(context.seed, f"unknown {use.name}"))
        own_context = attrs.evolve(context, rng=rng)
        predictor: PairPredictor = adapt(use.params, fitted, newcomers, own_context)
        return predictor

    return Policy(use.name, origin, adapted, f"{use.full_name} of plugin {use.title}, {use.place}")


def strategy(
    name: str, params: Mapping[str, object] | None = None, registry: Registry | None = None
) -> Use[ColdStart]:
    """Return the cold-start strategy called `name`, with parameters that JSON can write.

    Raises:
        RecipeError: There is no such strategy, or it has no such parameter; with the nearest name.
    """
    from cfplug.recipe.parser import read_use

    assignments = [f"{key}={json.dumps(value)}" for key, value in (params or {}).items()]
    return read_use("cold-start", name, set=assignments, registry=registry)


def with_strategy(model: FittedModel, use: Use[ColdStart]) -> FittedModel:
    """Return `model` with another policy; CapabilityError if the two do not fit."""
    for requirement in use.component.requires:
        if requirement not in model.provides:
            raise CapabilityError(
                f"{use.name} needs {requirement}, and {model.name} ({model.component}) gives none"
            )
    return attrs.evolve(model, policy=policy(use, quiet_context(model.seed)))


def quiet_context(seed: int) -> Context:
    """Return the context of a step that answers questions after the run and reports nothing."""
    return Context(
        seed,
        np.random.default_rng(seed),
        "cpu",
        Path(tempfile.gettempdir()),
        lambda done, message: None,
        lambda text: None,
    )
