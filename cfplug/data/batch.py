"""Hold ratings and pairs in codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import field, frozen

from cfplug.data.vocabulary import VECTOR, Side

if TYPE_CHECKING:
    import torch


@frozen(eq=False)
class Batch:
    """The codes of n pairs: `user` and `item`, each of shape (n,), and context columns by name.

    A numpy array in `fit` and `predict` of models that fit themselves, a tensor on the device in a
    module's `forward`.
    """

    user: Any
    item: Any
    context: Mapping[str, Any] = field(factory=dict)

    def __len__(self) -> int:
        return len(self.user)

    def __getitem__(self, rows: Any) -> Batch:
        context = {name: column[rows] for name, column in self.context.items()}
        return Batch(self.user[rows], self.item[rows], context)

    def vector(self, side: Side) -> Any:
        """Return what replaces all that was learned about the ids of `side`, or None.

        Returns:
            An array of shape (n, width), as set by `with_vectors`.
        """
        return self.context.get(VECTOR[side])

    def with_vectors(self, side: Side, vectors: Any) -> Batch:
        """Return the same pairs, with `vectors` instead of what was learned about their ids.

        Args:
            side: user or item.
            vectors: of shape (n, width).
        """
        return Batch(self.user, self.item, {**self.context, VECTOR[side]: vectors})

    def to(self, device: str | torch.device, **_: object) -> Batch:
        """Return the same batch as tensors on `device`.

        What else fastai passes to a tensor's `to` is ignored.
        """
        import torch

        context = {}
        for name, column in self.context.items():
            dtype = torch.float32 if name in VECTOR.values() else None
            context[name] = torch.as_tensor(column, device=device, dtype=dtype)
        user = torch.as_tensor(self.user, device=device)
        item = torch.as_tensor(self.item, device=device)
        return Batch(user, item, context)


@frozen(eq=False)
class Interactions:
    """Ratings in codes: `batch.user`, `batch.item` and `rating`, each of shape (n,).

    `n_users` and `n_items` are the catalogue's sizes; `features` are those of users and items that
    the model uses, each a Feature with its table.
    """

    batch: Batch
    rating: np.ndarray
    n_users: int
    n_items: int
    features: tuple[Any, ...] = ()  # Feature, whose module imports this one

    def __len__(self) -> int:
        return len(self.rating)
