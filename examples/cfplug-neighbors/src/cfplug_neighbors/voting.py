"""Which neighbours have a say in each of many questions, and how much of one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

ENTRIES = 1 << 20
"""Candidates that are looked at at once: it bounds the memory, whatever the number of questions."""


def shares(question: np.ndarray, alike: np.ndarray, neighbors: int) -> np.ndarray:
    """How far each of n candidates is among the `neighbors` most similar of its question, from 0 to 1; shape (n,).

    `question`, in rising order, says which one a candidate is for; `alike` are similarities above 0
    and at most 1, both of shape (n,). Those that are equally similar and do not all find a place
    share what places are left: which of them came first says nothing of them."""
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
    """The places start, start + 1, ... of n questions, `size` of each, both of shape (n,), a bounded number at a time.

    Gives a slice of questions, which of them each place is for (counted from the slice's first),
    and the places."""
    lots = np.flatnonzero(np.diff(np.cumsum(size) // ENTRIES, prepend=-1))
    for low, high in itertools.pairwise([*lots.tolist(), len(size)]):
        few, before = size[low:high], np.cumsum(size[low:high]) - size[low:high]
        question = np.repeat(np.arange(high - low), few)
        yield (
            slice(low, high),
            question,
            np.arange(few.sum()) + np.repeat(start[low:high] - before, few),
        )
