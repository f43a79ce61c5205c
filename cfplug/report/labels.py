"""Which labels of points can be read next to each other, at which width of the picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

FONT_SIZE, LIMIT, OFFSET = 11, 170, 7
"""Pixels: the size of letters, the longest label, and from the centre of a point to its label."""

_LETTER = 0.56 * FONT_SIZE
"""Pixels: the mean width of a letter of English text in a font without serifs."""

_LINE, _POINT = 13.0, 8.0
"""Pixels: the height of a label and of a point."""

_NEVER = 1e6
"""The width from which a label is drawn that never has a place."""


def place_labels(
    x: np.ndarray, y: np.ndarray, labels: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the side of its point on which each label goes and the width from which it is clear.

    A label is clear if it is inside the picture and overlaps neither a point nor a label before it.

    Args:
        x: the places of the points from left to right, as shares of the width, shape (n,).
        y: the places of the points from top to bottom, in pixels, shape (n,).
        labels: the labels, the most important first, n of them.

    Returns:
        The sides, 1 for right and -1 for left, and the least widths in pixels, both of shape (n,).
    """
    n = len(labels)
    lengths = np.minimum([len(label) * _LETTER for label in labels], LIMIT)
    # Boxes that no label may overlap: of the points, and of the labels placed so far
    centers, heights = np.tile(x, 2), np.repeat([_POINT, _LINE], n)
    starts, ends = np.repeat([-_POINT / 2, 0.0], n), np.repeat([_POINT / 2, 0.0], n)
    drawn_from = np.repeat([0.0, np.inf], n)
    sides = np.ones(n)
    for index in range(n):
        level = np.abs(np.tile(y, 2) - y[index]) < (heights + _LINE) / 2
        level[index] = False
        others = np.flatnonzero(level)
        distance = centers[others] - x[index]
        for side in (1, -1):
            start, end = sorted((side * OFFSET, side * (OFFSET + lengths[index])))
            to_border = 1 - x[index] if side > 0 else x[index]
            least = (OFFSET + lengths[index]) / max(to_border, 1e-6)
            clear = _clear_from(distance, end - starts[others], ends[others] - start)
            overlapping = clear[clear > drawn_from[others]]
            least = min(max(least, overlapping.max(initial=0.0)), _NEVER)
            if least < drawn_from[n + index]:
                drawn_from[n + index] = least
                starts[n + index], ends[n + index] = start, end
                sides[index] = side
    return sides, drawn_from[n:]


def _clear_from(distance: np.ndarray, right: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Return the widths from which boxes no longer overlap one box.

    Args:
        distance: how far to the right of it they are, as shares of the width, shape (n,).
        right, left: how far it reaches into each if the distance were 0, in pixels, shape (n,).
    """
    reach = np.where(distance >= 0, right, left)
    same_place = (distance == 0) & (np.minimum(right, left) <= 0)
    return np.where(same_place | (reach <= 0), 0.0, reach / np.maximum(np.abs(distance), 1e-9))
