"""The small networks of the fast.ai 0.7 lesson and of the Keras notebook in R."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from cfplug import Batch, Spec
    from cfplug_networks import MiniNet


def mini_net(params: MiniNet, spec: Spec) -> Mini:
    """Return the lesson's EmbeddingNet.

    With embedding dropout 0.3, 70 hidden units and dropout 0.75 it is the Keras network.
    """
    return Mini(params, spec)


class Mini(nn.Module):
    """Compute W2 drop(relu(W1 drop([p_user, q_item]) + b1)) + b2, of shape (n, n_outputs).

    Embeddings have the shapes (n_users, factors) and (n_items, factors).
    """

    def __init__(self, params: MiniNet, spec: Spec) -> None:
        super().__init__()
        self.factors = nn.ModuleDict(
            {
                "user": _uniform(spec.n_users, params.factors, params.init_range),
                "item": _uniform(spec.n_items, params.factors, params.init_range),
            }
        )
        self.layers = nn.Sequential(
            nn.Dropout(params.embedding_dropout),
            nn.Linear(2 * params.factors, params.hidden),
            nn.ReLU(),
            nn.Dropout(params.dropout),
            nn.Linear(params.hidden, spec.n_outputs),
        )

    def forward(self, batch: Batch) -> Tensor:
        user, item = batch.vector("user"), batch.vector("item")
        user = self.factors["user"](batch.user) if user is None else user
        item = self.factors["item"](batch.item) if item is None else item
        both = torch.cat([user, item], dim=1)
        outputs: Tensor = self.layers(both)
        return outputs

    def embeddings(self, side: str) -> Tensor:
        """Return the embedding of every id of `side`, shape (n_ids, factors)."""
        weight = self.factors[side].weight
        assert isinstance(weight, Tensor)
        return weight.detach()

    def vectors(self, side: str) -> Tensor:
        """Return the embeddings: nothing else is learned of a single id."""
        return self.embeddings(side)


def _uniform(size: int, width: int, most: float) -> nn.Embedding:
    embedding = nn.Embedding(size, width)
    nn.init.uniform_(embedding.weight, -most, most)
    return embedding
