"""Principal components of the factors of the most rated ids: a map, and the ids at its ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen

from cfplug import Chart, DataError, Section, Table
from cfplug_insight.colors import MEAN, Color, color_by, name_of

if TYPE_CHECKING:
    from cfplug import Context, FittedModel
    from cfplug_insight import EmbeddingMap

ENDS, BARS = 3, 10
"""How many components have a table of their ends, and how many are in the chart of shares."""

POINTS = 2000
"""How many points the map draws at most; the components come from all ids."""

NEAR = {
    "item": "Items that are close together on the map were liked and disliked by the same users.",
    "user": "Users that are close together on the map like and dislike the same items.",
}


@frozen(eq=False)
class Components:
    """The positions of n ids on k components of their factors.

    `codes` are the ids' codes, shape (n,), `place` their positions, shape (n, k), `share` the share
    of the variance of each component, shape (k,), and `width` how many factors there are.
    """

    codes: np.ndarray
    place: np.ndarray
    share: np.ndarray
    width: int


def embedding_map(params: EmbeddingMap, fitted: FittedModel, context: Context) -> Section:
    """Return the map of two components, the ids at both ends of the first three, and shares.

    Args:
        params: The side, the components, the color and the labels.
        fitted: A model that provides embeddings.
        context: Not used.

    Raises:
        DataError: The components are the same, or the color is not a usable column.
    """
    first, second = params.components
    if first == second:
        raise DataError(
            f"embedding-map: components: a map needs two different ones; is [{first}, {second}]"
        )
    chosen = color_by(fitted, params.side, params.color)
    found = principal(fitted, params.side, params.most_rated)
    title = f"Map of the {params.side}s by what {fitted.name} learned"
    if max(params.components) > len(found.share):
        return Section(title, _too_few(params, found))
    tables = [_ends(params, fitted, found, number) for number in range(min(ENDS, len(found.share)))]
    return Section(
        title, _text(params, found), tables, [_map(params, fitted, found, chosen), _shares(found)]
    )


def principal(fitted: FittedModel, side: str, most_rated: int) -> Components:
    """Return the components of the centred factors of the most rated ids, the widest first.

    The sign of a component is arbitrary. It is set so that the largest of its
    loadings is above zero: so the map does not flip when the rows of the data, or the ids, come in
    another order.
    """
    from sklearn.decomposition import PCA

    count = fitted.support.count[side]
    codes = np.argsort(-count, kind="stable")[:most_rated]
    codes = codes[count[codes] > 0]
    factors = fitted.embeddings(side).to_numpy()[codes]
    k = min(factors.shape[1], len(codes) - 1)
    if k < 1 or np.ptp(factors, axis=0).max() == 0:
        return Components(codes, np.zeros((len(codes), 0)), np.zeros(0), factors.shape[1])
    pca = PCA(k, svd_solver="full").fit(factors)
    largest = np.abs(pca.components_).argmax(axis=1)
    sign = np.sign(pca.components_[np.arange(k), largest])
    return Components(
        codes, pca.transform(factors) * sign, pca.explained_variance_ratio_, factors.shape[1]
    )


def _too_few(params: EmbeddingMap, found: Components) -> str:
    return (
        f"There is no map: it was to show component {max(params.components)} of the factors, and "
        "as many as they have "
        f"are {len(found.share)} ({params.side}s: {len(found.codes):,}, factors of each: "
        f"{found.width})."
    )


def _text(params: EmbeddingMap, found: Components) -> list[str]:
    side, shares = params.side, [f"{100 * share:.1f} %" for share in found.share[:ENDS]]
    held = f"{', '.join(shares[:-1])} and {shares[-1]}" if len(shares) > 1 else shares[0]
    return [
        f"Each {side} has {found.width} factors, numbers that the model learned from ratings. A "
        "principal component is "
        f"the direction in which the {side}s differ most, the next one the direction of most "
        "difference among those "
        f"at right angles to it. {NEAR[side]}",
        f"Of all that the factors of the {len(found.codes):,} most rated {side}s vary, the first "
        f"{len(shares)} "
        f"components hold {held}; if none stood out, each would hold {100 / len(found.share):.1f} "
        "%. What a "
        "component means is for the reader to say, from the ids at its ends; the two could as "
        "well be swapped.",
    ]


def _ends(params: EmbeddingMap, fitted: FittedModel, found: Components, number: int) -> Table:
    """Return the ids at both ends of one component, the outermost first."""
    place = found.place[:, number]
    n = min(params.ends, max(len(place) // 2, 1))
    ends = [np.argsort(sign * place, kind="stable")[:n] for sign in (1, -1)]
    cells = [
        [(name_of(fitted, params.side, int(found.codes[at])), _tidy(place[at])) for at in end]
        for end in ends
    ]
    rows = [(*low, *high) for low, high in zip(*cells, strict=True)]
    columns = (
        f"{params.side}s at the low end",
        "low place",
        f"{params.side}s at the high end",
        "high place",
    )
    return Table(
        f"Both ends of component {number + 1} ({100 * found.share[number]:.1f} % of the variance)",
        columns,
        rows,
    )


def _map(params: EmbeddingMap, fitted: FittedModel, found: Components, chosen: Color) -> Chart:
    """Return a point for each id, those with labels first, each in order of their ratings."""
    side, place = params.side, found.place[:POINTS, [number - 1 for number in params.components]]
    axes = [f"component {number}" for number in params.components]
    columns = (side, *axes, "ratings", MEAN, "label")
    own = chosen.title != MEAN
    color = f"{chosen.title} of {side}s" if own and chosen.title in columns else chosen.title
    named = spread(place, params.labels)
    points = [_point(fitted, side, int(found.codes[at]), place[at]) for at in range(len(place))]
    order = [*named, *np.setdiff1d(np.arange(len(place)), named)]
    labels = [points[at][0] if rank < len(named) else "" for rank, at in enumerate(order)]
    colors = [(chosen.values[found.codes[at]],) if own else () for at in order]
    rows = [
        (*points[at], label, *color) for at, label, color in zip(order, labels, colors, strict=True)
    ]
    note = f"The {POINTS:,} most rated are drawn. " if len(found.codes) > POINTS else ""
    return Chart(
        f"The {side}s on components {params.components[0]} and {params.components[1]}",
        "point",
        (*columns, color) if own else columns,
        rows,
        x=axes[0],
        y=axes[1],
        color=color,
        label=columns[-1],
        note=note + chosen.note,
    )


def _point(fitted: FittedModel, side: str, code: int, place: np.ndarray) -> tuple[Any, ...]:
    """Return the name, both positions, the ratings and the mean rating of one id."""
    count, total = fitted.support.count[side][code], fitted.support.sum[side][code]
    return (
        name_of(fitted, side, code),
        *map(_tidy, place),
        int(count),
        round(float(total / count), 2),
    )


def spread(place: np.ndarray, n: int) -> list[int]:
    """Return up to `n` rows of `place`, shape (rows, 2), spread over the map.

    The map is a grid, and the first row of each field is taken.

    Rows are in the order of their weight, and so are those that are chosen; what is left of `n`
    goes to the first rows that have no field of their own.
    """
    if n < 1 or len(place) == 0:
        return []
    side = int(np.ceil(np.sqrt(n)))
    low, width = place.min(axis=0), np.ptp(place, axis=0)
    fields = (
        np.floor((place - low) / np.where(width > 0, width, 1) * side)
        .clip(max=side - 1)
        .astype(int)
    )
    _, firsts = np.unique(fields @ [side, 1], return_index=True)
    rest = np.setdiff1d(np.arange(len(place)), firsts)
    chosen: list[int] = [*np.sort(firsts)[:n].tolist(), *rest.tolist()][:n]
    return chosen


def _shares(found: Components) -> Chart:
    rows = [
        (number, round(100 * float(share), 2))
        for number, share in enumerate(found.share[:BARS], start=1)
    ]
    columns = ("component", "share of the variance, %")
    return Chart("How much each component holds", "bar", columns, rows, x=columns[0], y=columns[1])


def _tidy(number: float) -> float:
    return round(float(number), 3) + 0.0
