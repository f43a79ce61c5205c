"""The rating levels of the data, as the heads that predict a distribution over them need them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from cfplug import DataError

if TYPE_CHECKING:
    from cfplug import Scale
    from cfplug_losses import CrossEntropy, Ordinal


class Levels(nn.Module):
    """K rising rating levels v_1 < ... < v_K, and how much a rating of each counts for every level.

    `weights` has the shape (K, K). With s = label_smoothing and w = class_weights (ones if null),
    weights[y, k] = w_k ((1 - s) [k = y] + s q_yk), where q_y is even over all K levels (Szegedy et
    al., CVPR 2016), or over those next to y. The matrices are rebuilt from the scale, so they are
    buffers that no file keeps."""

    values: Tensor
    middles: Tensor
    weights: Tensor

    def __init__(self, params: CrossEntropy | Ordinal, scale: Scale, loss: str) -> None:
        super().__init__()
        _check(params, scale, loss)
        values = torch.tensor(scale.levels, dtype=torch.float32)
        self.register_buffer("values", values, persistent=False)
        self.register_buffer("middles", (values[1:] + values[:-1]) / 2, persistent=False)
        self.register_buffer("weights", _weights(params, len(values)), persistent=False)

    def __len__(self) -> int:
        return len(self.values)

    def codes(self, rating: Tensor) -> Tensor:
        """The position of each rating among the levels, shape (n,); DataError if a rating is no level.

        A rating is the level that it is nearest to, and may be off by a thousandth of the distance
        of two levels."""
        rating = rating.to(self.values.dtype)
        codes = torch.bucketize(rating, self.middles)
        off = (rating - self.values[codes]).abs() > 1e-3 * self.values.diff().min()
        if off.any():
            raise DataError(
                f"a rating of {rating[off][0].item():g} is no level of the scale: {_listed(self.values)}"
            )
        return codes

    def loss(self, log_probability: Tensor, rating: Tensor) -> Tensor:
        """The mean over n rows of -sum_k weights[y, k] log p_k, shape (); `log_probability` has the shape (n, K).

        Divided by n and not by the sum of the weights, so that a row counts the same in every
        batch."""
        return -(self.weights[self.codes(rating)] * log_probability).sum(dim=1).mean()

    def expectation(self, probability: Tensor) -> Tensor:
        """sum_k v_k p_k, shape (n,); `probability` has the shape (n, K)."""
        rating = probability @ self.values.to(probability.dtype)
        return rating.clamp(
            self.values[0], self.values[-1]
        )  # a sum of rounded terms may pass the ends


def _check(params: CrossEntropy | Ordinal, scale: Scale, loss: str) -> None:
    if not scale.levels:
        raise DataError(
            f"{loss} needs rating levels, and these ratings are continuous, from {scale.low:g} to {scale.high:g}; "
            "mse, mae and huber need none"
        )
    if len(scale.levels) == 1:
        raise DataError(f"{loss} needs at least two rating levels; every rating is {scale.low:g}")
    levels = torch.tensor(scale.levels, dtype=torch.float32)
    if not (levels.diff() > 0).all():
        raise DataError(
            f"{loss} needs rating levels that rise, in single precision too; they are {_listed(levels)}"
        )
    if params.class_weights is not None and len(params.class_weights) != len(levels):
        raise DataError(
            f"{loss}: class_weights: needs one number for each of the {len(levels)} rating levels {_listed(levels)}; "
            f"has {len(params.class_weights)}"
        )


def _listed(levels: Tensor) -> str:
    words = [f"{level:g}" for level in levels.tolist()]
    return ", ".join(words if len(words) <= 10 else [*words[:4], "...", words[-1]])


def _weights(params: CrossEntropy | Ordinal, n_levels: int) -> Tensor:
    own = torch.eye(n_levels)
    step = torch.ones(n_levels - 1)
    others = torch.ones_like(own) if params.smooth_over == "all" else step.diag(1) + step.diag(-1)
    share = others / others.sum(dim=1, keepdim=True)
    smoothed = (1 - params.label_smoothing) * own + params.label_smoothing * share
    return (
        smoothed if params.class_weights is None else smoothed * torch.tensor(params.class_weights)
    )
