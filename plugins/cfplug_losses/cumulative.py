"""The head of `ordinal`: one output against cut points that are ordered whatever is learned."""

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
"""The least distance of two cut points: no level becomes impossible, and single precision keeps them apart."""


def ordinal(params: Ordinal, scale: Scale) -> Cumulative:
    """The head; DataError if the ratings are continuous, or the class weights are not one a level."""
    return Cumulative(Levels(params, scale, "ordinal"), per_user=params.cut_points == "per-user")


class Cumulative(nn.Module):
    """P(rating <= v_k) = sigmoid(c_k - x) for an output x and cut points c_1 < ... < c_(K-1) (McCullagh, 1980).

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
        self.levels, self.per_user = levels, len(levels) - 1 if per_user else 0
        cuts = torch.logit(torch.arange(1, len(levels), dtype=torch.float64) / len(levels)).float()
        self.first = nn.Parameter(cuts[:1].clone())
        self.spread = nn.Parameter(torch.log(torch.expm1(cuts.diff() - LEAST_GAP)))

    def cut_points(self, personal: Tensor | None = None) -> Tensor:
        """The cut points of m users with the numbers `personal`, shape (m, K - 1); the shared ones, shape (1, K - 1).

        They never fall from left to right, and rise where single precision can tell two from each
        other."""
        return self._cuts(personal)[0]

    def _cuts(self, personal: Tensor | None) -> tuple[Tensor, Tensor]:
        """The cut points, shape (m, K - 1), and the gaps between them, shape (m, K - 2)."""
        own = self.first.new_zeros(1, len(self.levels) - 1) if personal is None else personal
        first, gaps = self.first + own[:, :1], LEAST_GAP + softplus(self.spread + own[:, 1:])
        return torch.cat([first, first + gaps.cumsum(dim=1)], dim=1), gaps

    def log_probability(self, outputs: Tensor) -> Tensor:
        """The logarithm of each level's probability, shape (n, K); finite for any finite outputs.

        For a gap g from a to b: sigmoid(b) - sigmoid(a) = sigmoid(b) sigmoid(-a) (1 - exp(-g)), in
        which nothing cancels, so its logarithm is finite where the difference itself would round to
        zero."""
        cuts, gaps = self._cuts(outputs[:, 1:] if self.per_user else None)
        above = cuts - outputs[:, :1]
        within = torch.log(-torch.expm1(-gaps)).expand(len(outputs), -1)
        return (
            pad(logsigmoid(above), (0, 1)) + pad(logsigmoid(-above), (1, 0)) + pad(within, (1, 1))
        )

    def loss(self, outputs: Tensor, rating: Tensor) -> Tensor:
        """The mean over n rows, shape (); `rating` has the shape (n,)."""
        return self.levels.loss(self.log_probability(outputs), rating)

    def distribution(self, outputs: Tensor) -> Tensor:
        """The probability of each level, shape (n, K)."""
        return torch.softmax(
            self.log_probability(outputs), dim=1
        )  # they sum to one but for rounding, which this mends

    def decode(self, outputs: Tensor) -> Tensor:
        """The expectation of the rating, shape (n,), within the scale."""
        return self.levels.expectation(self.distribution(outputs))
