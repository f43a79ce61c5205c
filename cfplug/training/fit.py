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
from cfplug.plugin.components import Component, Context
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
    started = time.perf_counter()
    fitted = _fitted(task, watch, resume)
    wall = time.perf_counter() - started
    seconds = sum(epoch.seconds for epoch in fitted.history) if fitted.history else wall
    return attrs.evolve(fitted, model=attrs.evolve(fitted.model, fold=task.fold, seconds=seconds))


def _fitted(task: Task, watch: Watch, resume: Checkpoint | None) -> Fitted:
    support = attrs.evolve(
        Support.of(task.train, task.scale.levels), rated=task.catalogue.which(task.train.batch)
    )
    if not task.use.model.learns_by_gradient:
        predictor = task.use.model.function("fit")(task.use.use.params, task.train, task.context)
        _check_has(predictor, ("predict", "state", *task.use.model.provides), "fit")
        return Fitted(_model(task, support, predictor), None, ())
    scored = untrained(task)
    assert task.use.train is not None
    learner, history = train(
        scored,
        (task.train, task.valid),
        task.use.train,
        name=task.use.name,
        seed=task.seed,
        device=task.context.device,
        watch=watch,
        resume=resume,
    )
    learner.dls.name_ids({side: task.catalogue.side(side) for side in SIDES})
    return Fitted(
        _model(task, support, NetworkPredictor(scored, task.context.device)), learner, history
    )


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
    head = _module(
        use.loss, loss.function("build")(use.loss.params, scale), ("loss", "decode", *loss.provides)
    )
    n_outputs = getattr(head, "n_outputs", None)
    if type(n_outputs) is not int or n_outputs < 1:
        raise PluginError(
            f"{use.loss.full_name}: n_outputs must be a whole number above 0; is {n_outputs!r}"
        )
    spec = Spec(
        len(catalogue.user), len(catalogue.item), n_outputs, features.each if features else ()
    )
    module = _module(use.use, use.model.function("build")(use.use.params, spec), use.model.provides)
    return Scored(module, head, use.loss.full_name, spec.n_users)


def _module(use: Use[Component], built: object, verbs: Iterable[str]) -> nn.Module:
    if not isinstance(built, nn.Module):
        raise PluginError(
            f"{use.full_name}: build gave {type(built).__name__}, not a torch.nn.Module"
        )
    _check_has(built, verbs, f"{use.full_name}: build")
    return built


def _model(task: Task, support: Support, predictor: Any) -> FittedModel:
    return FittedModel(
        task.use.name,
        task.use.use.full_name,
        task.seed,
        _gives(task.use, predictor),
        task.catalogue,
        support,
        predictor,
        task.policy,
        task.features,
        task.scale.levels,
        scale=task.scale,
    )


def _gives(use: ModelUse, predictor: Any) -> tuple[str, ...]:
    """Return what model and loss provide; several outputs have no single bias or term."""
    loss = getattr(use.loss.component, "provides", ()) if use.loss else ()
    several = isinstance(predictor, NetworkPredictor) and predictor.n_outputs > 1
    return (
        *(each for each in use.model.provides if not (several and each in ("biases", "terms"))),
        *loss,
    )


# To the artifact and back


def arrays_of(model: FittedModel) -> dict[str, np.ndarray]:
    """Everything that the model learned, as named arrays."""
    arrays = {f"{WEIGHTS}{name}": array for name, array in _state(model).items()}
    for side in SIDES:
        arrays[f"{SUPPORT}{side}.count"] = model.support.count[side]
        arrays[f"{SUPPORT}{side}.sum"] = model.support.sum[side]
        if side in model.support.levels:
            arrays[f"{SUPPORT}{side}.levels"] = model.support.levels[side]
    if model.support.rated is not None:
        arrays[f"{SUPPORT}rated"] = np.packbits(
            model.support.rated
        )  # a bit for each of the catalogue's ratings
    if model.features is not None:
        arrays |= {f"{FEATURES}{name}": array for name, array in model.features.arrays().items()}
    return arrays


def _state(model: FittedModel) -> Mapping[str, np.ndarray]:
    if isinstance(model.predictor, NetworkPredictor):
        return weights_of(model.predictor.scored)
    state = model.predictor.state()
    if not isinstance(state, Mapping):
        given = type(state).__name__
        raise PluginError(
            f"{model.component}: state() gives arrays of numbers by name; it gave a {given}"
        )
    wrong = [
        name
        for name, array in state.items()
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "biuf"
    ]
    if wrong:
        raise PluginError(
            f"{model.component}: state() gives arrays of numbers by name; {wrong[0]} is none"
        )
    return dict(state)


def parameters_of(model: FittedModel) -> int:
    """How many numbers the model learned."""
    return sum(array.size for array in _state(model).values())


def words_of(model: FittedModel, scale: Scale) -> dict[str, Any]:
    """What a person or program may want to know of the model, as JSON holds it."""
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
    state = with_prefix(arrays, WEIGHTS)
    seed, fold, scale = _facts(use.name, words)
    try:
        support = Support(
            {side: arrays[f"{SUPPORT}{side}.count"] for side in SIDES},
            {side: arrays[f"{SUPPORT}{side}.sum"] for side in SIDES},
            {side: arrays[f"{SUPPORT}{side}.levels"] for side in SIDES} if scale.levels else {},
            np.unpackbits(arrays[f"{SUPPORT}rated"], count=len(catalogue.rated_user)).astype(bool),
        )
        features = (
            read(words["features"], with_prefix(arrays, FEATURES))
            if use.features is not None
            else None
        )
        predictor = _restored(use, catalogue, scale, seed, state, features)
    except (KeyError, TypeError, RuntimeError) as error:
        raise ArtifactError(f"the weights of {use.name} do not fit its recipe: {error}") from error
    return FittedModel(
        use.name,
        use.use.full_name,
        seed,
        _gives(use, predictor),
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
    try:
        scale = words["scale"]
        levels = Scale(scale["low"], scale["high"], tuple(scale["levels"]))
        return int(words["seed"]), str(words["fold"]), levels
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactError(
            f"model.json of {name} is damaged: {type(error).__name__}: {error}"
        ) from error


def _restored(
    use: ModelUse,
    catalogue: Catalogue,
    scale: Scale,
    seed: int,
    state: Mapping[str, np.ndarray],
    features: Features | None,
) -> Any:
    if not use.model.learns_by_gradient:
        return use.model.function("restore")(use.use.params, state)
    scored = _build(use, catalogue, scale, seed, features)
    load_weights(scored, state)
    return NetworkPredictor(scored, "cpu")
