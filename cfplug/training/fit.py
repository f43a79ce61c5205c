"""Fit one model of a recipe; turn it into arrays and JSON, and back."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

import attrs
import numpy as np
import torch
from attrs import frozen
from fastai.learner import Learner
from torch import nn

from cfplug.data.batch import Interactions
from cfplug.data.catalogue import Catalogue, Support
from cfplug.data.dataset import Scale
from cfplug.data.features import Features, Spec, read
from cfplug.data.vocabulary import SIDES
from cfplug.errors import ArtifactError, PluginError
from cfplug.plugin.components import Context
from cfplug.prediction.fitted_model import FittedModel
from cfplug.prediction.network import NetworkPredictor
from cfplug.prediction.policy import Policy
from cfplug.random import seed_for
from cfplug.recipe.recipe import ModelUse, Use
from cfplug.training.checkpoint import Checkpoint, Epoch, Watch, with_prefix
from cfplug.training.learner import train
from cfplug.training.module import Scored, load_weights, weights_of

WEIGHTS, SUPPORT, FEATURES = "weights.", "support.", "features."


@frozen(eq=False)
class Task:
    """One model of one seed and fold, and what it learns from."""

    use: ModelUse
    catalogue: Catalogue
    train: Interactions
    valid: Interactions
    scale: Scale
    policy: Policy | None
    context: Context
    features: Features | None = None
    fold: str = ""

    @property
    def seed(self) -> int:
        return self.context.seed


@frozen(eq=False)
class Fitted:
    """A fitted model, the fastai Learner that trained it (if one did) and what each epoch gave."""

    model: FittedModel
    learner: Learner | None
    history: tuple[Epoch, ...]


def fit(task: Task, watch: Watch, resume: Checkpoint | None = None) -> Fitted:
    """Build and train, or let the model fit itself; it knows its fold and seconds.

    The seconds are those of the epochs, also of epochs before the run was stopped, or of the
    model's own fit.
    """
    use, context = task.use, task.context
    if not use.model.learns_by_gradient:
        started = time.perf_counter()
        predictor = use.model.function("fit")(use.use.params, task.train, context)
        _check_has(predictor, ("predict", "state", *use.model.provides), "fit")
        return Fitted(_model(task, predictor, time.perf_counter() - started), None, ())
    scored = untrained(task)
    assert use.train is not None
    learner, history = train(
        scored,
        (task.train, task.valid),
        use.train,
        name=use.name,
        seed=task.seed,
        device=context.device,
        watch=watch,
        resume=resume,
    )
    learner.dls.name_ids({side: task.catalogue.side(side) for side in SIDES})
    seconds = sum(epoch.seconds for epoch in history)
    model = _model(task, NetworkPredictor(scored, context.device), seconds)
    return Fitted(model, learner, history)


def untrained(task: Task) -> Scored:
    """Return the model of `task`, which learns by gradient, and its head, before training."""
    return _build(task.use, task.catalogue, task.scale, task.seed, task.features)


def _check_has(given: object, verbs: Iterable[str], what: str) -> None:
    """PluginError that names the first of `verbs` that `given` cannot do."""
    for verb in verbs:
        if not callable(getattr(given, verb, None)):
            raise PluginError(f"{what} gave {type(given).__name__}, which has no {verb}")


def _build(
    use: ModelUse, catalogue: Catalogue, scale: Scale, seed: int, features: Features | None
) -> Scored:
    assert use.loss is not None
    torch.manual_seed(seed_for(seed, f"build {use.name}"))
    loss = use.loss.component
    head = _module(use.loss, ("loss", "decode", *loss.provides), scale)
    n_outputs = getattr(head, "n_outputs", None)
    if type(n_outputs) is not int or n_outputs < 1:
        raise PluginError(
            f"{use.loss.full_name}: n_outputs must be a whole number above 0; is {n_outputs!r}"
        )
    each = features.each if features else ()
    spec = Spec(len(catalogue.user), len(catalogue.item), n_outputs, each)
    module = _module(use.use, use.model.provides, spec)
    return Scored(module, head, use.loss.full_name, spec.n_users)


def _module(use: Use[Any], verbs: Iterable[str], argument: Scale | Spec) -> nn.Module:
    """Return the module that a model or loss builds, which must have `verbs`."""
    built = use.component.function("build")(use.params, argument)
    if not isinstance(built, nn.Module):
        given = type(built).__name__
        raise PluginError(f"{use.full_name}: build gave {given}, not a torch.nn.Module")
    _check_has(built, verbs, f"{use.full_name}: build")
    return built


def _model(task: Task, predictor: Any, seconds: float) -> FittedModel:
    support = Support.of(task.train, task.scale.levels)
    return FittedModel(
        task.use.name,
        task.use.use.full_name,
        task.seed,
        _provides(task.use, predictor),
        task.catalogue,
        attrs.evolve(support, rated=task.catalogue.which(task.train.batch)),
        predictor,
        task.policy,
        task.features,
        task.scale.levels,
        task.fold,
        seconds,
        task.scale,
    )


def _provides(use: ModelUse, predictor: Any) -> tuple[str, ...]:
    """Return what model and loss provide; several outputs have no single bias or term."""
    provides = list(use.model.provides)
    if isinstance(predictor, NetworkPredictor) and predictor.n_outputs > 1:
        provides = [each for each in provides if each not in ("biases", "terms")]
    if use.loss is not None:
        provides += getattr(use.loss.component, "provides", ())
    return tuple(provides)


# To the artifact and back


def arrays_of(model: FittedModel) -> dict[str, np.ndarray]:
    """Return everything that the model learned, as named arrays."""
    arrays = {f"{WEIGHTS}{name}": array for name, array in _state(model).items()}
    support = model.support
    for part in ("count", "sum", "levels"):
        for side, array in getattr(support, part).items():
            arrays[f"{SUPPORT}{side}.{part}"] = array
    if support.rated is not None:  # a bit for each of the catalogue's ratings
        arrays[f"{SUPPORT}rated"] = np.packbits(support.rated)
    if model.features is not None:
        arrays |= {f"{FEATURES}{name}": array for name, array in model.features.arrays().items()}
    return arrays


def _state(model: FittedModel) -> Mapping[str, np.ndarray]:
    if isinstance(model.predictor, NetworkPredictor):
        return weights_of(model.predictor.scored)
    state = model.predictor.state()
    expected = f"{model.component}: state() gives arrays of numbers by name"
    if not isinstance(state, Mapping):
        raise PluginError(f"{expected}; it gave a {type(state).__name__}")
    for name, array in state.items():
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "biuf":
            raise PluginError(f"{expected}; {name} is not one")
    return dict(state)


def parameters_of(model: FittedModel) -> int:
    """Return how many numbers the model learned."""
    return sum(array.size for array in _state(model).values())


def words_of(model: FittedModel, scale: Scale) -> dict[str, Any]:
    """Return what a person or program may want to know of the model, as plain data for JSON."""
    sizes = {name: list(array.shape) for name, array in _state(model).items()}
    return {
        "name": model.name,
        "component": model.component,
        "seed": model.seed,
        "fold": model.fold,
        "provides": list(model.provides),
        "scale": {"low": scale.low, "high": scale.high, "levels": list(scale.levels)},
        "parameters": parameters_of(model),
        "shapes": sizes,
        "features": None if model.features is None else model.features.words(),
    }


def restore(
    use: ModelUse,
    catalogue: Catalogue,
    words: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    policy: Policy | None,
) -> FittedModel:
    """Return the model of `arrays_of` and `words_of`; ArtifactError if they do not fit."""
    seed, fold, scale = _facts(use.name, words)
    features = None
    try:
        support = Support(
            {side: arrays[f"{SUPPORT}{side}.count"] for side in SIDES},
            {side: arrays[f"{SUPPORT}{side}.sum"] for side in SIDES},
            {side: arrays[f"{SUPPORT}{side}.levels"] for side in SIDES} if scale.levels else {},
            np.unpackbits(arrays[f"{SUPPORT}rated"], count=len(catalogue.rated_user)).astype(bool),
        )
        if use.features is not None:
            features = read(words["features"], with_prefix(arrays, FEATURES))
        predictor: Any
        if use.model.learns_by_gradient:
            scored = _build(use, catalogue, scale, seed, features)
            load_weights(scored, with_prefix(arrays, WEIGHTS))
            predictor = NetworkPredictor(scored, "cpu")
        else:
            state = with_prefix(arrays, WEIGHTS)
            predictor = use.model.function("restore")(use.use.params, state)
    except (KeyError, TypeError, RuntimeError) as error:
        raise ArtifactError(f"the weights of {use.name} do not fit its recipe: {error}") from error
    return FittedModel(
        use.name,
        use.use.full_name,
        seed,
        _provides(use, predictor),
        catalogue,
        support,
        predictor,
        policy,
        features,
        scale.levels,
        fold,
        scale=scale,
    )


def _facts(name: str, words: Mapping[str, Any]) -> tuple[int, str, Scale]:
    """Return seed, fold and scale, which model.json holds."""
    try:
        scale = words["scale"]
        levels = Scale(scale["low"], scale["high"], tuple(scale["levels"]))
        return int(words["seed"]), str(words["fold"]), levels
    except (KeyError, TypeError, ValueError) as error:
        fault = f"{type(error).__name__}: {error}"
        raise ArtifactError(f"model.json of {name} is damaged: {fault}") from error
