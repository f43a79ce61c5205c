"""The lowest and highest learned biases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cfplug import Section, Table

if TYPE_CHECKING:
    from cfplug import Context, FittedModel
    from cfplug_insight import BiasRanking

WHY = {
    "item": "A bias is what is left of the mean rating when the tastes of those who rated are taken out: an item "
    "with a high bias is liked even by people whose factors speak against it, one with a low bias is "
    "disliked even by people who like its kind. So the order by bias is not the order by mean rating.",
    "user": "A bias is what is left of the mean rating when taste is taken out: a user with a high bias rates "
    "high even what is not to their taste, one with a low bias rates low even what is. So the order by bias "
    "is not the order by mean rating.",
}


def rank(params: BiasRanking, fitted: FittedModel, context: Context) -> Section:
    """Two tables: the lowest and the highest biases of the most rated ids of one side."""
    side = params.side
    count = fitted.support.count[side]
    bias = fitted.biases(side).to_numpy()
    most = np.argsort(-count, kind="stable")[: params.most_rated]
    most = most[count[most] > 0]
    lowest, highest = (most[np.argsort(sign * bias[most], kind="stable")[: params.show]] for sign in (1, -1))
    vocabulary, total = fitted.catalogue.side(side), fitted.support.sum[side]

    def table(title: str, codes: np.ndarray) -> Table:
        rows = [
            (
                vocabulary.label(code),
                round(float(bias[code]), 3),
                round(float(total[code] / count[code]), 2),
                int(count[code]),
            )
            for code in codes
        ]
        return Table(title, (side, "bias", "mean rating", "ratings"), rows)

    return Section(
        f"{side.capitalize()} biases of {fitted.name}",
        (f"Among the {len(most):,} most rated of {len(vocabulary):,} {side}s.", WHY[side]),
        (table("Lowest bias", lowest), table("Highest bias", highest)),
    )
