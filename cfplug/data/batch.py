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
        return Batch(
            self.user[rows],
            self.item[rows],
            {name: column[rows] for name, column in self.context.items()},
        )

    def vector(self, side: Side) -> Any:
        """What stands in the place of all that was learned of the ids of `side`, shape (n, width), or None."""
        return self.context.get(VECTOR[side])

    def with_vectors(self, side: Side, vectors: Any) -> Batch:
        """The same pairs, with `vectors`, shape (n, width), in the place of what was learned of the ids of `side`."""
        return Batch(self.user, self.item, {**self.context, VECTOR[side]: vectors})

    def to(self, device: str | torch.device, **_: object) -> Batch:
        """The same batch as tensors on `device`; takes and ignores what fastai passes to a tensor's `to`."""
        import torch

        return Batch(
            torch.as_tensor(self.user, device=device),
            torch.as_tensor(self.item, device=device),
            {name: _tensor(name, column, device) for name, column in self.context.items()},
        )


def _tensor(name: str, column: Any, device: str | torch.device) -> torch.Tensor:
    import torch

    return torch.as_tensor(
        column, device=device, dtype=torch.float32 if name in VECTOR.values() else None
    )


@frozen(eq=False)
class Interactions:
    """Ratings in codes: `batch.user`, `batch.item` and `rating`, each of shape (n,), and the catalogue's sizes.

    `features` are those of users and items at which the model looks, each a Feature with its table.
    """

    batch: Batch
    rating: np.ndarray
    n_users: int
    n_items: int
    features: tuple[Any, ...] = ()  # of the room `features`, above this one

    def __len__(self) -> int:
        return len(self.rating)
