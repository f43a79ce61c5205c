"""The head of `cross-entropy`: a probability for each rating level, with no order among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from cfplug_losses.levels import Levels

if TYPE_CHECKING:
    from cfplug import Scale
    from cfplug_losses import CrossEntropy


def cross_entropy(params: CrossEntropy, scale: Scale) -> Categories:
    """The head; DataError if the ratings are continuous, or the class weights are not one a level."""
    return Categories(Levels(params, scale, "cross-entropy"))


class Categories(nn.Module):
    """p = softmax(outputs), with outputs of shape (n, K) for K levels; rating = sum_k v_k p_k.

    All that is learned is the model's, which starts from levels that are equally likely.
    """

    def __init__(self, levels: Levels) -> None:
        super().__init__()
        self.levels, self.n_outputs = levels, len(levels)

    def loss(self, outputs: Tensor, rating: Tensor) -> Tensor:
        """The mean over n rows, shape (); `rating` has the shape (n,)."""
        return self.levels.loss(torch.log_softmax(outputs, dim=1), rating)

    def distribution(self, outputs: Tensor) -> Tensor:
        """The probability of each level, shape (n, K)."""
        return torch.softmax(outputs, dim=1)

    def decode(self, outputs: Tensor) -> Tensor:
        """The expectation of the rating, shape (n,), within the scale."""
        return self.levels.expectation(self.distribution(outputs))
