"""Measure the similarity of ids by their residuals from the baseline.

Of two ids i and j with n_ij common raters

    s_ij = n_ij / (n_ij + shrinkage) * cosine_ij,    cosine_ij = <x_i, x_j> / (|x_i| |x_j|)

where x_i are the residuals r_ui - b_ui, 0 without a rating: the adjusted cosine of Sarwar et al.
(WWW 2001), shrunk as in Koren (KDD 2008, section 2.2), so that one common rater does not make two
ids similar. `pearson` is the correlation over the common raters (Herlocker et al., SIGIR 1999).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Report = Callable[[float], None]

CELLS = 1 << 20
"""Similarities computed at once, which bounds the memory for any number of ids."""

ROUNDING = 1e-9
"""A variance below this part of the mean square is a rounding error, and becomes 0."""


@frozen
class Rule:
    """How similarities are measured and shrunk, and how many are kept for each id."""

    measure: str
    shrinkage: float
    kept: int


@frozen(eq=False)
class Profiles:
    """The residuals of n ids, shape (n, m)."""

    rests: csr_array

    @functools.cached_property
    def rated(self) -> csr_array:
        """Return 1 where there is a rating, also if its residual is 0."""
        from scipy.sparse import csr_array

        return csr_array(
            (np.ones(self.rests.nnz), self.rests.indices, self.rests.indptr), shape=self.rests.shape
        )

    @functools.cached_property
    def squares(self) -> csr_array:
        return self.rests.multiply(self.rests).tocsr()

    @functools.cached_property
    def transposed(self) -> tuple[csr_array, csr_array, csr_array]:
        """Return the transposes of `rests`, `rated` and `squares`, shape (m, n) each."""
        rests, rated, squares = (
            matrix.T.tocsr() for matrix in (self.rests, self.rated, self.squares)
        )
        return rests, rated, squares

    @functools.cached_property
    def length(self) -> np.ndarray:
        """Return |x_i|, shape (n,)."""
        length: np.ndarray = np.sqrt(self.rests.multiply(self.rests).sum(axis=1))
        return length

    def __len__(self) -> int:
        return int(self.rests.shape[0])

    def __getitem__(self, rows: slice) -> Profiles:
        return Profiles(self.rests[rows])


def between(asked: Profiles, others: Profiles, rule: Rule) -> np.ndarray:
    """Return s of each of k ids with each of n, shape (k, n)."""
    common = (asked.rated @ others.transposed[1]).toarray()
    alike = _cosine(asked, others) if rule.measure == "cosine" else _pearson(asked, others, common)
    shrunk: np.ndarray = alike * _ratio(common, common + rule.shrinkage)
    return shrunk


def _cosine(asked: Profiles, others: Profiles) -> np.ndarray:
    return _ratio(
        (asked.rests @ others.transposed[0]).toarray(), np.outer(asked.length, others.length)
    )


def _pearson(asked: Profiles, others: Profiles, common: np.ndarray) -> np.ndarray:
    """Return cov / sqrt(var var) over the `common` raters of each pair."""
    rests, rated, squares = others.transposed
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
    """Return above / below, or 0 where below is 0."""
    ratio: np.ndarray = np.divide(above, below, out=np.zeros(above.shape), where=below > 0)
    return ratio


def similarities(
    asked: Profiles, others: Profiles, rule: Rule, report: Report = lambda done: None
) -> csr_array:
    """Return every s_ij above 0 of k ids with n others, shape (k, n), by `rule`.

    No id is like itself: where `asked` are the `others`, the diagonal is empty. All are in single
    precision, in which two that differ by the order of a sum alone are equal. `report` gets the
    share that is done.
    """
    from scipy.sparse import csr_array, vstack

    k, n = len(asked), len(others)
    blocks, per_block = [csr_array((0, n), dtype=np.float32)], max(1, CELLS // max(n, 1))
    for start in range(0, k, per_block):
        alike = between(asked[slice(start, start + per_block)], others, rule).astype(np.float32)
        if asked is others:
            np.fill_diagonal(alike[:, start:], 0.0)
        blocks.append(csr_array(_highest(alike, rule.kept)))
        report(min(start + per_block, k) / k)
    return vstack(blocks, format="csr")


def _highest(alike: np.ndarray, kept: int) -> np.ndarray:
    """Return `alike` (k, n) with only the highest `kept` of each row, and above 0.

    Equal ones are kept or dropped together, so the order of ids does not matter.
    """
    least = np.zeros((len(alike), 1), dtype=alike.dtype)
    if kept < alike.shape[1]:
        least = np.partition(alike, -kept - 1, axis=1)[:, [-kept - 1]].clip(min=0.0)
    return np.where(alike > least, alike, 0.0)
