"""Who is like whom, by what each got beyond the baseline.

Of two ids i and j with n_ij common raters

    s_ij = n_ij / (n_ij + shrinkage) * cosine_ij,    cosine_ij = <x_i, x_j> / (|x_i| |x_j|)

where x_i are the rests r_ui - b_ui, 0 where nobody rated: the adjusted cosine of Sarwar et al. (WWW
2001), shrunk as Koren does (KDD 2008, section 2.2), so that two ids with one common rater are not
taken for twins. `pearson` puts the correlation over the common raters alone in the cosine's place
(Herlocker et al., SIGIR 1999)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Told = Callable[[float], None]

CELLS = 1 << 20
"""Similarities that are worked out at once: it bounds the memory, whatever the number of ids."""

ROUNDING = 1e-9
"""A variance below this part of the mean square is rounding: who rates all alike correlates with nobody."""


@frozen
class Rule:
    """How similarities are measured and shrunk, and how many of each id are kept."""

    measure: str
    shrinkage: float
    kept: int


@frozen(eq=False)
class Profiles:
    """The rests of n ids, a row each, shape (n, m)."""

    rests: csr_array

    @functools.cached_property
    def rated(self) -> csr_array:
        """1 where there is a rating, also where its rest is 0."""
        from scipy.sparse import csr_array

        return csr_array(
            (np.ones(self.rests.nnz), self.rests.indices, self.rests.indptr), shape=self.rests.shape
        )

    @functools.cached_property
    def squares(self) -> csr_array:
        return self.rests.multiply(self.rests).tocsr()

    @functools.cached_property
    def turned(self) -> tuple[csr_array, csr_array, csr_array]:
        """`rests`, `rated` and `squares`, shape (m, n) each: laid out once for all products."""
        rests, rated, squares = (
            matrix.T.tocsr() for matrix in (self.rests, self.rated, self.squares)
        )
        return rests, rated, squares

    @functools.cached_property
    def length(self) -> np.ndarray:
        """|x_i|, shape (n,)."""
        length: np.ndarray = np.sqrt(self.rests.multiply(self.rests).sum(axis=1))
        return length

    def __len__(self) -> int:
        return int(self.rests.shape[0])

    def __getitem__(self, rows: slice) -> Profiles:
        return Profiles(self.rests[rows])


def between(asked: Profiles, others: Profiles, rule: Rule) -> np.ndarray:
    """s of each of k ids with each of n, shape (k, n); both were rated by the same m."""
    common = (asked.rated @ others.turned[1]).toarray()
    alike = _cosine(asked, others) if rule.measure == "cosine" else _pearson(asked, others, common)
    shrunk: np.ndarray = alike * _ratio(common, common + rule.shrinkage)
    return shrunk


def _cosine(asked: Profiles, others: Profiles) -> np.ndarray:
    return _ratio((asked.rests @ others.turned[0]).toarray(), np.outer(asked.length, others.length))


def _pearson(asked: Profiles, others: Profiles, common: np.ndarray) -> np.ndarray:
    """cov / sqrt(var var) over the `common` raters, who are another lot for every pair."""
    rests, rated, squares = others.turned
    mine, theirs = (
        (left @ right).toarray() for left, right in ((asked.rests, rated), (asked.rated, rests))
    )
    together = (asked.rests @ rests).toarray() - _ratio(mine * theirs, common)
    variance = np.ones(common.shape)
    for total, square in ((mine, asked.squares @ rated), (theirs, asked.rated @ squares)):
        apart = square.toarray() - _ratio(total**2, common)
        variance *= np.where(apart > ROUNDING * square.toarray(), apart, 0.0)
    return _ratio(together, np.sqrt(variance))


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """above / below, and 0 where there is nothing below."""
    ratio: np.ndarray = np.divide(above, below, out=np.zeros(above.shape), where=below > 0)
    return ratio


def similarities(
    asked: Profiles, others: Profiles, rule: Rule, told: Told = lambda done: None
) -> csr_array:
    """Every s_ij above 0 of each of k ids with each of n others, shape (k, n), by `rule`.

    No id is like itself: where `asked` are the `others`, the diagonal is empty. All are in single
    precision, in which two that differ by the order of a sum alone are equal. `told` hears which
    part is done."""
    from scipy.sparse import csr_array, vstack

    k, n = len(asked), len(others)
    blocks, per_block = [csr_array((0, n), dtype=np.float32)], max(1, CELLS // max(n, 1))
    for start in range(0, k, per_block):
        alike = between(asked[slice(start, start + per_block)], others, rule).astype(np.float32)
        if asked is others:
            np.fill_diagonal(alike[:, start:], 0.0)
        blocks.append(csr_array(_highest(alike, rule.kept)))
        told(min(start + per_block, k) / k)
    return vstack(blocks, format="csr")


def _highest(alike: np.ndarray, kept: int) -> np.ndarray:
    """`alike` (k, n) without what is not above 0, nor above the highest of each row that finds no place among `kept`.

    So equal ones stay or go together, and no order of ids decides between them.
    """
    least = np.zeros((len(alike), 1), dtype=alike.dtype)
    if kept < alike.shape[1]:
        least = np.partition(alike, -kept - 1, axis=1)[:, [-kept - 1]].clip(min=0.0)
    return np.where(alike > least, alike, 0.0)
