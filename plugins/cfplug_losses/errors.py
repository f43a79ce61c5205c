"""The losses `mse`, `mae` and `huber`: one output, which is the rating."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from cfplug import Scale
    from cfplug_losses import Huber, Mae, Mse


def squared(params: Mse, scale: Scale) -> RatingError:
    """Return the loss mean((rating - truth)^2)."""
    return RatingError(nn.functional.mse_loss, params.range)


def absolute(params: Mae, scale: Scale) -> RatingError:
    """Return the loss mean(|rating - truth|)."""
    return RatingError(nn.functional.l1_loss, params.range)


def huber(params: Huber, scale: Scale) -> RatingError:
    """Return the loss mean(h(rating - truth)).

    h(e) = e^2 / 2 where |e| <= delta, and delta (|e| - delta / 2) elsewhere.
    """
    return RatingError(partial(nn.functional.huber_loss, delta=params.delta), params.range)


class RatingError(nn.Module):
    """Predict rating = low + (high - low) sigmoid(output), or the output itself without a range.

    Outputs have the shape (n, 1), ratings the shape (n,).
    """

    n_outputs = 1

    def __init__(
        self, error: Callable[[Tensor, Tensor], Tensor], span: tuple[float, float] | None
    ) -> None:
        super().__init__()
        self.error = error
        self.span = span

    def decode(self, outputs: Tensor) -> Tensor:
        """Return ratings of shape (n,)."""
        rating = outputs.squeeze(-1)
        if self.span is None:
            return rating
        low, high = self.span
        return torch.sigmoid(rating) * (high - low) + low

    def loss(self, outputs: Tensor, rating: Tensor) -> Tensor:
        """Return the mean loss over n rows, shape ()."""
        return self.error(self.decode(outputs), rating)
