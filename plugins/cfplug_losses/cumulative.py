"""The loss `ordinal`: one output against cut points that stay in order during training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid, pad, softplus

from cfplug_losses.levels import Levels

if TYPE_CHECKING:
    from cfplug import Scale
    from cfplug_losses import Ordinal

LEAST_GAP = 1e-4
"""The least distance of two cut points: every level stays possible, in single precision too."""


def ordinal(params: Ordinal, scale: Scale) -> Cumulative:
    """Return the loss.

    Raises:
        DataError: if the ratings are continuous, or there is not one class weight for each level.
    """
    return Cumulative(Levels(params, scale, "ordinal"), per_user=params.cut_points == "per-user")


class Cumulative(nn.Module):
    """Predict P(rating <= v_k) = sigmoid(c_k - x) for an output x and cut points c_k.

    The cut points c_1 < ... < c_(K-1) are learned (McCullagh, 1980):
    c_1 = first and c_(k+1) = c_k + g_k, with gaps g_k = LEAST_GAP + softplus(spread_k) above zero.
    With cut points per user, K - 1 numbers t of each user follow the output: first + t_1 and
    spread_k + t_(k+1) take the place of first and spread_k (Koren and Sill, RecSys 2011), so that
    all zeros are the shared cut points. Outputs have the shape (n, 1), or (n, K) per user. The
    rating is sum_k v_k p_k.

    At the start the levels are equally likely where x = 0: c_k = log(k / (K - k)).
    """

    n_outputs = 1

    def __init__(self, levels: Levels, *, per_user: bool) -> None:
        super().__init__()
        self.levels = levels
        self.per_user = len(levels) - 1 if per_user else 0
        cuts = torch.logit(torch.arange(1, len(levels), dtype=torch.float64) / len(levels)).float()
        self.first = nn.Parameter(cuts[:1].clone())
        self.spread = nn.Parameter(torch.log(torch.expm1(cuts.diff() - LEAST_GAP)))

    def cut_points(self, personal: Tensor | None = None) -> Tensor:
        """Return the cut points, which never fall from left to right.

        Args:
            personal: the numbers t of m users, shape (m, K - 1), None for the shared cut points.

        Returns:
            Shape (m, K - 1), or (1, K - 1) for the shared cut points.
        """
        return self._cuts(personal)[0]

    def _cuts(self, personal: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the cut points, shape (m, K - 1), and the gaps between them, shape (m, K - 2)."""
        own = self.first.new_zeros(1, len(self.levels) - 1) if personal is None else personal
        first = self.first + own[:, :1]
        gaps = LEAST_GAP + softplus(self.spread + own[:, 1:])
        return torch.cat([first, first + gaps.cumsum(dim=1)], dim=1), gaps

    def log_probability(self, outputs: Tensor) -> Tensor:
        """Return the logarithm of each level's probability, shape (n, K), always finite.

        For a gap g from a to b: sigmoid(b) - sigmoid(a) = sigmoid(b) sigmoid(-a) (1 - exp(-g)), in
        which nothing cancels, so its logarithm is finite where the difference itself would round to
        zero.
        """
        cuts, gaps = self._cuts(outputs[:, 1:] if self.per_user else None)
        above = cuts - outputs[:, :1]
        within = torch.log(-torch.expm1(-gaps)).expand(len(outputs), -1)
        below_upper = pad(logsigmoid(above), (0, 1))
        above_lower = pad(logsigmoid(-above), (1, 0))
        return below_upper + above_lower + pad(within, (1, 1))

    def loss(self, outputs: Tensor, rating: Tensor) -> Tensor:
        """Return the mean loss over n rows, shape (); `rating` has the shape (n,)."""
        return self.levels.loss(self.log_probability(outputs), rating)

    def distribution(self, outputs: Tensor) -> Tensor:
        """Return the probability of each level, shape (n, K)."""
        # The softmax corrects rounding errors, so that probabilities sum to one
        return torch.softmax(self.log_probability(outputs), dim=1)

    def decode(self, outputs: Tensor) -> Tensor:
        """Return the expectation of the rating, shape (n,), within the scale."""
        return self.levels.expectation(self.distribution(outputs))
