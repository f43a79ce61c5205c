"""The rating levels of the data, for losses that predict a distribution over them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from cfplug import DataError

if TYPE_CHECKING:
    from cfplug import Scale
    from cfplug_losses import CrossEntropy, Ordinal


class Levels(nn.Module):
    """K rating levels v_1 < ... < v_K, and the weights of a rating of each level.

    `weights` has the shape (K, K). With s = label_smoothing and w = class_weights (ones if null),
    weights[y, k] = w_k ((1 - s) [k = y] + s q_yk), where q_y is even over all K levels (Szegedy et
    al., CVPR 2016), or over those next to y. The matrices are rebuilt from the scale, so they are
    buffers that are not saved.
    """

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
        """Return the position of each rating among the levels, shape (n,).

        Raises:
            DataError: if a rating is further from its nearest level than a thousandth of the least
                distance of two levels.
        """
        rating = rating.to(self.values.dtype)
        codes = torch.bucketize(rating, self.middles)
        off = (rating - self.values[codes]).abs() > 1e-3 * self.values.diff().min()
        if off.any():
            raise DataError(
                f"rating: expected one of the levels {_listed(self.values)}, "
                f"got {rating[off][0].item():g}"
            )
        return codes

    def loss(self, log_probability: Tensor, rating: Tensor) -> Tensor:
        """Return the mean over n rows of -sum_k weights[y, k] log p_k, shape ().

        It is divided by n and not by the sum of the weights, so that a row counts the same in
        every batch.

        Args:
            log_probability: of each level, shape (n, K).
            rating: shape (n,).
        """
        return -(self.weights[self.codes(rating)] * log_probability).sum(dim=1).mean()

    def expectation(self, probability: Tensor) -> Tensor:
        """Return sum_k v_k p_k, shape (n,); `probability` has the shape (n, K)."""
        rating = probability @ self.values.to(probability.dtype)
        # A sum of rounded terms may be outside the scale
        return rating.clamp(self.values[0], self.values[-1])


def _check(params: CrossEntropy | Ordinal, scale: Scale, loss: str) -> None:
    if not scale.levels:
        raise DataError(
            f"{loss}: expected rating levels, got continuous ratings from {scale.low:g} to "
            f"{scale.high:g}; use mse, mae or huber"
        )
    if len(scale.levels) == 1:
        raise DataError(f"{loss}: expected two rating levels or more, got only {scale.low:g}")
    levels = torch.tensor(scale.levels, dtype=torch.float32)
    if not (levels.diff() > 0).all():
        raise DataError(
            f"{loss}: expected rating levels that rise in single precision, got {_listed(levels)}"
        )
    if params.class_weights is not None and len(params.class_weights) != len(levels):
        raise DataError(
            f"{loss}: class_weights: expected {len(levels)} numbers, one for each of the rating "
            f"levels {_listed(levels)}, got {len(params.class_weights)}"
        )


def _listed(levels: Tensor) -> str:
    texts = [f"{level:g}" for level in levels.tolist()]
    if len(texts) > 10:
        texts = [*texts[:4], "...", texts[-1]]
    return ", ".join(texts)


def _weights(params: CrossEntropy | Ordinal, n_levels: int) -> Tensor:
    own = torch.eye(n_levels)
    step = torch.ones(n_levels - 1)
    others = torch.ones_like(own) if params.smooth_over == "all" else step.diag(1) + step.diag(-1)
    share = others / others.sum(dim=1, keepdim=True)
    smoothed = (1 - params.label_smoothing) * own + params.label_smoothing * share
    if params.class_weights is None:
        return smoothed
    return smoothed * torch.tensor(params.class_weights)
