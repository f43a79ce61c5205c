"""Choose the neighbours of many queries at once, with equal shares for ties."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

ENTRIES = 1 << 20
"""Candidates examined at once, which bounds the memory for any number of queries."""


def shares(question: np.ndarray, alike: np.ndarray, neighbors: int) -> np.ndarray:
    """Return the share, 0 to 1, of n candidates among the nearest `neighbors` of their query.

    `question`, in rising order, is the query of each candidate; `alike` are similarities above 0
    and at most 1, both of shape (n,). Ties for the last places share them,
    so the order of candidates does not matter.
    """
    share = np.ones(len(alike))
    crowded = np.flatnonzero(np.bincount(question)[question] > neighbors)
    order = crowded[np.argsort(2.0 * question[crowded] - alike[crowded], kind="stable")]
    first = np.flatnonzero(np.diff(question[order], prepend=-1))
    group = np.repeat(np.arange(len(first)), np.diff(first, append=len(order)))
    least = alike[order][first + neighbors - 1][group]
    above, tied = alike[order] > least, alike[order] == least
    left = (neighbors - np.bincount(group, above)) / np.bincount(group, tied)
    share[order] = above + tied * left[group]
    return share


def spans(start: np.ndarray, size: np.ndarray) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Yield the positions start, start + 1, ... of n queries, `size` each, in bounded blocks.

    Each block is a slice of queries, the query of each position (from the slice's first), and the
    positions. `start` and `size` have the shape (n,).
    """
    blocks = np.flatnonzero(np.diff(np.cumsum(size) // ENTRIES, prepend=-1))
    for low, high in itertools.pairwise([*blocks.tolist(), len(size)]):
        few, before = size[low:high], np.cumsum(size[low:high]) - size[low:high]
        question = np.repeat(np.arange(high - low), few)
        yield (
            slice(low, high),
            question,
            np.arange(few.sum()) + np.repeat(start[low:high] - before, few),
        )
