"""The loss `cross-entropy`: a probability for each rating level, without using their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from cfplug_losses.levels import Levels

if TYPE_CHECKING:
    from cfplug import Scale
    from cfplug_losses import CrossEntropy


def cross_entropy(params: CrossEntropy, scale: Scale) -> Categories:
    """Return the loss.

    Raises:
        DataError: if the ratings are continuous, or there is not one class weight for each level.
    """
    return Categories(Levels(params, scale, "cross-entropy"))


class Categories(nn.Module):
    """Predict p = softmax(outputs) over K levels v_k, and the rating sum_k v_k p_k.

    Outputs have the shape (n, K). The loss itself learns nothing.
    """

    def __init__(self, levels: Levels) -> None:
        super().__init__()
        self.levels, self.n_outputs = levels, len(levels)

    def loss(self, outputs: Tensor, rating: Tensor) -> Tensor:
        """Return the mean loss over n rows, shape (); `rating` has the shape (n,)."""
        return self.levels.loss(torch.log_softmax(outputs, dim=1), rating)

    def distribution(self, outputs: Tensor) -> Tensor:
        """Return the probability of each level, shape (n, K)."""
        return torch.softmax(outputs, dim=1)

    def decode(self, outputs: Tensor) -> Tensor:
        """Return the expectation of the rating, shape (n,), within the scale."""
        return self.levels.expectation(self.distribution(outputs))
