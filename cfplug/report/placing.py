"""Where words stand beside points so that none overlaps another: greedy, the first words first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import frozen

ANCHORS = ((1, 0), (-1, 0), (0, -1), (0, 1), (1, -1), (1, 1), (-1, -1), (-1, 1))
"""Sides of the point on which words may stand, in the order in which they are tried: right, left, above, below."""

_LETTER = 0.56
"""Width of a letter as part of the size of the font, as a mean over English text in a font without serifs."""


@frozen
class Placed:
    """Words in the middle of the place that was found for them, in pixels."""

    text: str
    x: float
    y: float


def place(
    points: Sequence[tuple[float, float]],
    words: Sequence[str],
    size: tuple[float, float],
    font_size: float,
) -> list[Placed]:
    """The words that find a place within `size`, off all points and off the words before them."""
    taken = np.array([(x - 3, y - 3, x + 3, y + 3) for x, y in points])
    found = []
    for (x, y), text in zip(points, words, strict=True):
        half = np.array([len(text) * font_size * _LETTER / 2, font_size / 2])
        for side in ANCHORS:
            centre = np.array([x, y]) + np.array(side) * (half + 5)
            box = np.concatenate([centre - half, centre + half])
            if _within(box, size) and not _overlaps(box, taken):
                taken = np.vstack([taken, box])
                found.append(Placed(text, *centre.tolist()))
                break
    return found


def _within(box: np.ndarray, size: tuple[float, float]) -> bool:
    return bool((box[:2] >= 0).all() and (box[2:] <= size).all())


def _overlaps(box: np.ndarray, taken: np.ndarray) -> bool:
    """Whether a box (left, top, right, bottom) overlaps any row of `taken`, shape (n, 4)."""
    return bool(((box[:2] < taken[:, 2:]) & (box[2:] > taken[:, :2])).all(axis=1).any())
