"""Predict ratings for codes by a trained module and its head."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from attrs import frozen

from cfplug.data.batch import Batch
from cfplug.data.vocabulary import Side

if TYPE_CHECKING:
    import torch

CHUNK = 1024
"""Pairs that go through a module at once; always this many, since torch rounds smaller batches
differently."""


class Predictor(Protocol):
    """What `fit` and `restore` of a model give: ratings for codes."""

    def predict(self, batch: Batch) -> np.ndarray: ...


@frozen(eq=False)
class NetworkPredictor:
    """A trained module and its head as a predictor."""

    scored: Any  # a Scored of `training`, which is above this package
    device: str

    @property
    def n_outputs(self) -> int:
        """How many raw outputs the head takes from the module."""
        return int(self.scored.head.n_outputs)

    def predict(self, batch: Batch) -> np.ndarray:
        """Return ratings of shape (n,), by the head's decode."""
        return self._through("decode", batch)

    def distribution(self, batch: Batch) -> np.ndarray:
        """Return probabilities of the rating levels, shape (n, n_levels)."""
        return self._through("distribution", batch)

    def embeddings(self, side: Side) -> np.ndarray:
        """Return the factors of all ids of `side`, shape (n_ids, factors)."""
        return _numpy(self.scored.module.embeddings(side))

    def biases(self, side: Side) -> np.ndarray:
        """Return the biases of all ids of `side`, shape (n_ids,)."""
        return _numpy(self.scored.module.biases(side))

    def vectors(self, side: Side) -> np.ndarray:
        """Return all that was learned of each id of `side`, shape (n_ids, width)."""
        return _numpy(self.scored.vectors(side))

    def slopes(self, side: Side, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
        """Return ratings (n,), and their derivatives by the vectors of `side`, (n, width)."""
        import torch

        self.scored.eval()
        batch = batch.to(self.device)
        leaf = batch.vector(side).detach().requires_grad_()
        rating = self.scored.head.decode(self.scored(batch.with_vectors(side, leaf)))
        (slopes,) = torch.autograd.grad(rating.sum(), leaf)
        return _numpy(rating.detach()), _numpy(slopes)

    def terms(self, batch: Batch) -> dict[str, np.ndarray]:
        """Return the terms of which the module's output is the sum, each of shape (n,)."""
        import torch

        self.scored.eval()
        with torch.inference_mode():
            terms = self.scored.module.terms(batch.to(self.device))
        return {name: _numpy(term) for name, term in terms.items()}

    def decoded(self, raw: np.ndarray, user: int) -> np.ndarray:
        """Return the head's ratings for outputs of one user, in double precision.

        Args:
            raw: Outputs of the module, shape (n,).
            user: The code of the user, whose own parameters the head may have.

        Returns:
            Shape (n,).
        """
        import torch

        head = copy.deepcopy(self.scored.head).cpu().double().eval()
        personal = self.scored.personal
        outputs = torch.as_tensor(raw, dtype=torch.float64)[:, None]
        if personal is not None:
            own = personal.weight.detach()[user].cpu().double()
            outputs = torch.cat([outputs, own.expand(len(raw), -1)], dim=1)
        with torch.inference_mode():
            return _numpy(head.decode(outputs))

    def _through(self, verb: str, batch: Batch) -> np.ndarray:
        import torch

        decode = getattr(self.scored.head, verb)
        self.scored.eval()
        with torch.inference_mode():
            parts = [_numpy(decode(self.scored(chunk.to(self.device)))) for chunk in _chunks(batch)]
        return np.concatenate(parts)[: len(batch)]


def by_differences(predictor: Any, side: Side, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
    """Return ratings, and their derivatives by central differences.

    These are exact for a rating that is linear in the vector.

    Args:
        predictor: A Predictor.
        side: The side that has vectors in `batch`.
        batch: n pairs.

    Returns:
        Ratings of shape (n,), and derivatives of shape (n, width).
    """
    vector, step = np.asarray(batch.vector(side), dtype=np.float64), 0.5
    slopes = np.empty(vector.shape)
    for column in range(vector.shape[1]):
        above, below = vector.copy(), vector.copy()
        above[:, column] += step
        below[:, column] -= step
        high = predictor.predict(batch.with_vectors(side, above))
        low = predictor.predict(batch.with_vectors(side, below))
        slopes[:, column] = (high - low) / (2 * step)
    return predictor.predict(batch), slopes


def _chunks(batch: Batch) -> Iterator[Batch]:
    """Yield equal parts, the last one filled up with the last pair; an empty batch as it is."""
    if not len(batch):
        yield batch
    for start in range(0, len(batch), CHUNK):
        yield batch[np.arange(start, start + CHUNK).clip(max=len(batch) - 1)]


def _numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().cpu().double().numpy()
