"""Wrap torch's optimizers for fastai, and choose which weights decay."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from attrs import field, frozen
from fastai.optimizer import OptimWrapper, pytorch_hp_map
from fastai.torch_core import norm_types
from torch import Tensor, nn

from cfplug.recipe.settings import TrainSettings

NORMS = (*norm_types, nn.SyncBatchNorm, nn.GroupNorm, nn.RMSNorm)

_OWN = "own_decay"
"""The weight decay of a group that this module decays; torch's `weight_decay` is 0 there."""


def optimizer_of(
    scored: nn.Module, settings: TrainSettings, device: str
) -> Callable[..., OptimWrapper]:
    """Return the maker of the optimizer of `settings`, for the groups of `parameter_groups`.

    Each step with gradient g and learning rate `rate` is, for a weight that decays by d =
    weight_decay * share,

        coupled (L2):  g += d * value, then the optimizer's step
        decoupled (Loshchilov and Hutter, ICLR 2019):  value -= rate * d * value, then the
            optimizer's step

    adam's step is value -= rate * m / (sqrt(v) + epsilon) with the bias-corrected moments m
    (momentum) and v (beta2) of g; sgd's is velocity = momentum * velocity + g, value -= rate *
    velocity.

    `share` is 1, but with decay_rows `occurring` it is c_r * R / n for row r of an embedding of R
    rows that the step's batch looks up n times, c_r of them for r. So the mean of the shares over
    the rows is 1, and a row that a step does not look up does not decay in it. This holds for every
    nn.Embedding and nn.EmbeddingBag, of metadata too.
    """
    coupled = settings.decay == "coupled"
    plain: Callable[..., torch.optim.Optimizer]
    if settings.optimizer == "sgd":
        plain = partial(torch.optim.SGD, momentum=settings.momentum)
    else:
        kind = torch.optim.Adam if coupled else torch.optim.AdamW
        betas = (settings.momentum, settings.beta2)
        plain = partial(kind, betas=betas, eps=settings.epsilon, fused=device != "mps")
    if settings.decay_rows == "all" and (coupled or settings.optimizer == "adam"):
        return partial(OptimWrapper, opt=plain)
    lookups = Lookups.of(scored) if settings.decay_rows == "occurring" else Lookups()
    decaying = partial(_decaying, plain, _Decay(coupled, lookups))
    names = {name: short for name, short in pytorch_hp_map.items() if short != "wd"}
    return partial(OptimWrapper, opt=decaying, hp_map={**names, _OWN: "wd"})


def parameter_groups(scored: nn.Module) -> list[list[nn.Parameter]]:
    """Return the trained parameters that decay, and those that never do, but no empty group.

    What never decays: the part `head`, which is the loss's, the layers of normalisation, and the
    `bias` of a layer that also has a `weight`, such as nn.Linear. An embedding of biases decays.
    """
    exempt = _exempt(scored)
    groups: tuple[list[nn.Parameter], ...] = ([], [])
    for parameter in scored.parameters():
        if parameter.requires_grad:
            groups[parameter in exempt].append(parameter)
    return [group for group in groups if group] or [[]]


def decays(scored: nn.Module, weight_decay: float) -> list[float]:
    """Return the weight decay of each group of `parameter_groups`."""
    exempt = _exempt(scored)
    groups = parameter_groups(scored)
    return [0.0 if group and group[0] in exempt else weight_decay for group in groups]


def _exempt(scored: nn.Module) -> set[Tensor]:
    """Return the parameters that never decay."""
    found: set[Tensor] = set(scored.get_submodule("head").parameters())
    for module in scored.modules():
        own = dict(module.named_parameters(recurse=False))
        if isinstance(module, NORMS):
            found.update(own.values())
        elif {"weight", "bias"} <= set(own):
            found.add(own["bias"])
    return found


def _decaying(
    plain: Callable[..., torch.optim.Optimizer], decay: _Decay, groups: Any, **more: Any
) -> Any:
    """Return torch's optimizer, with `decay` before each of its steps in place of its own."""
    optimizer = plain(groups, weight_decay=0.0, **more)
    for group in optimizer.param_groups:
        group[_OWN] = 0.0  # the Learner sets it, under fastai's name wd
    optimizer.register_step_pre_hook(decay)
    return optimizer


@frozen(eq=False)
class Lookups:
    """The codes that were looked up in each embedding since the last step, by its weight."""

    codes: dict[Tensor, list[Tensor]] = field(factory=dict)

    @classmethod
    def of(cls, module: nn.Module) -> Lookups:
        """Note, from now on, what every embedding inside `module` is asked for in training."""
        lookups = cls()
        for part in module.modules():
            if isinstance(part, nn.Embedding | nn.EmbeddingBag):
                lookups.codes[part.weight] = []
                part.register_forward_hook(lookups._note, with_kwargs=True)
        return lookups

    def _note(
        self, embedding: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any], _output: object
    ) -> None:
        if embedding.training and torch.is_grad_enabled():
            codes = inputs[0] if inputs else named["input"]
            self.codes[embedding.weight].append(codes.detach().flatten())  # type: ignore[index]

    def share(self, weight: Tensor) -> Tensor | None:
        """Return c_r * R / n of each row, shape (R, 1); None where all decay alike."""
        if weight not in self.codes:
            return None
        rows, noted = len(weight), self.codes[weight]
        if not noted:
            return torch.zeros(rows, 1, device=weight.device)
        codes = torch.cat(noted)
        share = torch.bincount(codes, minlength=rows) * (rows / len(codes))
        return share.to(weight.dtype).unsqueeze(1)

    def forget(self) -> None:
        for noted in self.codes.values():
            noted.clear()


@frozen(eq=False)
class _Decay:
    """The decay of every group before a step, by the equations of `optimizer_of`."""

    coupled: bool
    lookups: Lookups

    @torch.no_grad()
    def __call__(self, optimizer: torch.optim.Optimizer, _args: object, _more: object) -> None:
        for group in optimizer.param_groups:
            for value in group["params"]:
                if group[_OWN] and value.grad is not None:
                    self._decay(value, group[_OWN], group["lr"])
        self.lookups.forget()

    def _decay(self, value: nn.Parameter, decay: float, rate: float) -> None:
        share = self.lookups.share(value)
        amount: Any = decay if share is None else decay * share
        if self.coupled:
            value.grad += amount * value
        else:
            value.mul_(1 - rate * amount)
