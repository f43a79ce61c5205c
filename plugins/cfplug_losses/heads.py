"""The heads as torch modules. Outputs have the shape (n, n_outputs), ratings the shape (n,)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from cfplug import Scale
    from cfplug_losses import Mse


def squared_error(params: Mse, scale: Scale) -> SquaredError:
    """The head of `mse`."""
    return SquaredError(params.range)


class SquaredError(nn.Module):
    """rating = low + (high - low) sigmoid(output), or the output itself; loss = mean((rating - truth)^2)."""

    n_outputs = 1

    def __init__(self, span: tuple[float, float] | None) -> None:
        super().__init__()
        self.span = span

    def decode(self, outputs: Tensor) -> Tensor:
        rating = outputs.squeeze(-1)
        if self.span is None:
            return rating
        low, high = self.span
        return torch.sigmoid(rating) * (high - low) + low

    def loss(self, outputs: Tensor, rating: Tensor) -> Tensor:
        return nn.functional.mse_loss(self.decode(outputs), rating)
