"""One entry of a recipe's models -> a fitted model; its arrays and words for the artifact, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

import numpy as np
import torch
from attrs import frozen
from fastai.learner import Learner
from torch import nn

from cfplug.components import Context, Loss
from cfplug.dataset import Scale
from cfplug.encoding import SIDES, Catalogue, Interactions, Spec, Support
from cfplug.errors import ArtifactError, PluginError
from cfplug.plan import ModelUse, Use
from cfplug.prediction import FittedModel, NetworkPredictor, Policy
from cfplug.training import (
    Checkpoint,
    Epoch,
    Scored,
    Watch,
    load_weights,
    seed_for,
    train,
    weights_of,
)

WEIGHTS, SUPPORT = "weights.", "support."


@frozen(eq=False)
class Task:
    """One model of one seed, and what it learns from."""

    use: ModelUse
    catalogue: Catalogue
    train: Interactions
    valid: Interactions
    scale: Scale
    policy: Policy | None
    context: Context

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
    """Build and train, or let the model fit itself."""
    support = Support.of(task.train)
    if not task.use.model.learns_by_gradient:
        predictor = task.use.model.function("fit")(task.use.use.params, task.train, task.context)
        _check_has(predictor, ("predict", "state", *task.use.model.gives), "fit")
        return Fitted(_model(task, support, predictor), None, ())
    scored = _build(task.use, task.catalogue, task.scale, task.seed)
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
    return Fitted(_model(task, support, _predictor(scored, task.context.device)), learner, history)


def _check_has(given: object, verbs: Iterable[str], what: str) -> None:
    """PluginError that names the first of `verbs` that `given` cannot do."""
    for verb in verbs:
        if not callable(getattr(given, verb, None)):
            raise PluginError(f"{what} gave {type(given).__name__}, which has no {verb}")


def _predictor(scored: Scored, device: str) -> NetworkPredictor:
    return NetworkPredictor(scored.module, scored.head, device)


def _build(use: ModelUse, catalogue: Catalogue, scale: Scale, seed: int) -> Scored:
    assert use.loss is not None
    torch.manual_seed(seed_for(seed, f"build {use.name}"))
    loss = cast(Loss, use.loss.component)
    head = _module(use.loss, loss.function("build")(use.loss.params, scale), ("loss", "decode", *loss.gives))
    n_outputs = getattr(head, "n_outputs", None)
    if type(n_outputs) is not int or n_outputs < 1:
        raise PluginError(f"{use.loss.full_name}: n_outputs must be a whole number above 0; is {n_outputs!r}")
    spec = Spec(len(catalogue.user), len(catalogue.item), n_outputs)
    module = _module(use.use, use.model.function("build")(use.use.params, spec), use.model.gives)
    return Scored(module, head, use.loss.full_name)


def _module(use: Use, built: object, verbs: Iterable[str]) -> nn.Module:
    if not isinstance(built, nn.Module):
        raise PluginError(f"{use.full_name}: build gave {type(built).__name__}, not a torch.nn.Module")
    _check_has(built, verbs, f"{use.full_name}: build")
    return built


def _model(task: Task, support: Support, predictor: Any) -> FittedModel:
    gives = _gives(task.use)
    return FittedModel(
        task.use.name,
        task.use.use.full_name,
        task.seed,
        gives,
        task.catalogue,
        support,
        predictor,
        task.policy,
    )


def _gives(use: ModelUse) -> tuple[str, ...]:
    loss = getattr(use.loss.component, "gives", ()) if use.loss else ()
    return (*use.model.gives, *loss)


# To the artifact and back


def arrays_of(model: FittedModel) -> dict[str, np.ndarray]:
    """Everything that the model learned, as named arrays."""
    arrays = {f"{WEIGHTS}{name}": array for name, array in _state(model).items()}
    for side in SIDES:
        arrays[f"{SUPPORT}{side}.count"] = model.support.count[side]
        arrays[f"{SUPPORT}{side}.sum"] = model.support.sum[side]
    return arrays


def _state(model: FittedModel) -> Mapping[str, np.ndarray]:
    if isinstance(model.predictor, NetworkPredictor):
        return weights_of(Scored(model.predictor.module, model.predictor.head))
    state = model.predictor.state()
    if not isinstance(state, Mapping):
        given = type(state).__name__
        raise PluginError(f"{model.component}: state() gives arrays of numbers by name; it gave a {given}")
    wrong = [
        name for name, array in state.items() if not isinstance(array, np.ndarray) or array.dtype.kind not in "biuf"
    ]
    if wrong:
        raise PluginError(f"{model.component}: state() gives arrays of numbers by name; {wrong[0]} is none")
    return dict(state)


def words_of(model: FittedModel, scale: Scale) -> dict[str, Any]:
    """What a person or program may want to know of the model, as JSON holds it."""
    sizes = {name: list(array.shape) for name, array in _state(model).items()}
    return {
        "name": model.name,
        "component": model.component,
        "seed": model.seed,
        "gives": list(model.gives),
        "scale": {"low": scale.low, "high": scale.high, "levels": list(scale.levels)},
        "parameters": int(sum(np.prod(shape) for shape in sizes.values())),
        "shapes": sizes,
    }


def restore(
    use: ModelUse,
    catalogue: Catalogue,
    words: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    policy: Policy | None,
) -> FittedModel:
    """The model that `arrays_of` and `words_of` describe; ArtifactError if they do not fit together."""
    state = {name.removeprefix(WEIGHTS): array for name, array in arrays.items() if name.startswith(WEIGHTS)}
    seed, scale = _facts(use.name, words)
    try:
        support = Support(
            {side: arrays[f"{SUPPORT}{side}.count"] for side in SIDES},
            {side: arrays[f"{SUPPORT}{side}.sum"] for side in SIDES},
        )
        predictor = _restored(use, catalogue, scale, seed, state)
    except (KeyError, RuntimeError) as error:
        raise ArtifactError(f"the weights of {use.name} do not fit its recipe: {error}") from error
    return FittedModel(use.name, use.use.full_name, seed, _gives(use), catalogue, support, predictor, policy)


def _facts(name: str, words: Mapping[str, Any]) -> tuple[int, Scale]:
    try:
        scale = words["scale"]
        return int(words["seed"]), Scale(scale["low"], scale["high"], tuple(scale["levels"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactError(f"model.json of {name} is damaged: {type(error).__name__}: {error}") from error


def _restored(use: ModelUse, catalogue: Catalogue, scale: Scale, seed: int, state: Mapping[str, np.ndarray]) -> Any:
    if not use.model.learns_by_gradient:
        return use.model.function("restore")(use.use.params, state)
    scored = _build(use, catalogue, scale, seed)
    load_weights(scored, state)
    return _predictor(scored, "cpu")
