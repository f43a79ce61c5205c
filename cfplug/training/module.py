"""Join a model's module and a loss's head into one module that is trained."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from cfplug.data.batch import Batch
from cfplug.errors import PluginError


class Scored(nn.Module):
    """A model's module and the loss's head as one, so that both are trained and saved.

    A head with an attribute `per_user` above 0 gets that many numbers of each user besides the
    outputs: rows of an embedding of shape (n_users, per_user) that starts at zero.
    """

    def __init__(
        self, module: nn.Module, head: nn.Module, loss: str = "the loss", n_users: int = 0
    ) -> None:
        super().__init__()
        self.module, self.head, self.loss = module, head, loss
        per_user = getattr(head, "per_user", 0)
        self.personal = nn.Embedding(n_users, per_user) if per_user else None
        if self.personal is not None:
            nn.init.zeros_(self.personal.weight)

    def forward(self, batch: Batch) -> Tensor:
        """Return outputs and the user's own numbers, shape (n, n_outputs + per_user)."""
        vector = batch.vector("user")
        if self.personal is None or vector is None:
            own = None if self.personal is None else self.personal(batch.user)
        else:
            width = vector.shape[1] - self.head.per_user
            batch, own = batch.with_vectors("user", vector[:, :width]), vector[:, width:]
        outputs: Tensor = self.module(batch)
        expected = (len(batch), self.head.n_outputs)
        if outputs.shape != expected:
            raise PluginError(
                f"forward gave outputs of shape {tuple(outputs.shape)}; expected {expected}"
            )
        return outputs if own is None else torch.cat([outputs, own], dim=1)

    def vectors(self, side: str) -> Tensor:
        """Return all that was learned of each id of `side`, shape (n_ids, width)."""
        vectors: Tensor = self.module.vectors(side)  # type: ignore[operator]
        if self.personal is None or side == "item":
            return vectors
        return torch.cat([vectors, self.personal.weight.detach()], dim=1)


def weights_of(module: nn.Module) -> dict[str, np.ndarray]:
    """Return every weight of `module` as a numpy array."""
    return {name: to_array(tensor) for name, tensor in module.state_dict().items()}


def load_weights(module: nn.Module, arrays: Mapping[str, np.ndarray]) -> None:
    """Put `arrays` into `module`; RuntimeError if names or shapes differ."""
    module.load_state_dict({name: torch.as_tensor(array) for name, array in arrays.items()})


def to_array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy().copy()
