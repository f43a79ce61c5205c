"""Features as inputs of fastai's TabularModel: codes of categories, and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from fastai.tabular.model import emb_sz_rule
from torch import Tensor, nn

if TYPE_CHECKING:
    from cfplug import Batch
    from cfplug.data.features import Feature


class Inputs(nn.Module):
    """Turn the user and item codes of n pairs into the codes and numbers of their features.

    The features of users and items are looked up in tables on the device, unless the batch has
    others for them; those of the rating are in the batch. A set such as genres becomes the mean of
    its members' embeddings, zero if it is empty.
    """

    def __init__(self, features: Sequence[Feature], deviation: float) -> None:
        super().__init__()
        self.categories = [feature for feature in features if feature.kind == "category"]
        self.numbers = [feature for feature in features if feature.kind == "number"]
        self.sets = [feature for feature in features if feature.kind == "set"]
        for feature in features:
            if feature.table is not None:
                # Not persistent, since the run folder already keeps the table
                table = torch.as_tensor(feature.table)
                self.register_buffer(_key(feature.name), table, persistent=False)
        self.members = nn.ModuleDict()
        for each in self.sets:
            self.members[_key(each.name)] = _members(each.size, deviation)
        pooled = sum(self.members_of(each.name).embedding_dim for each in self.sets)
        self.n_numbers = sum(each.width for each in self.numbers) + pooled

    def forward(self, batch: Batch) -> tuple[list[Tensor], list[Tensor]]:
        """Return columns: codes of shape (n,) each, and numbers of shape (n, width) each."""
        codes = [self._gathered(feature, batch) for feature in self.categories]
        numbers = [self._gathered(feature, batch) for feature in self.numbers]
        return codes, numbers + [self._pooled(feature, batch) for feature in self.sets]

    def members_of(self, name: str) -> nn.Embedding:
        """Return the embedding of the members of a set, shape (size, width); row 0 is for none."""
        embedding = self.members[_key(name)]
        assert isinstance(embedding, nn.Embedding)
        return embedding

    def _gathered(self, feature: Feature, batch: Batch) -> Tensor:
        if feature.table is None or feature.name in batch.context:
            column: Tensor = batch.context[feature.name]
            return column
        table: Tensor = getattr(self, _key(feature.name))
        return table[batch.user if feature.side == "user" else batch.item]

    def _pooled(self, feature: Feature, batch: Batch) -> Tensor:
        codes = self._gathered(feature, batch)
        total: Tensor = self.members_of(feature.name)(codes).sum(dim=1)
        return total / (codes > 0).sum(dim=1, keepdim=True).clamp(min=1)


def _key(name: str) -> str:
    """Return a name without a point for a buffer or module; two names never become one."""
    return "table_" + name.replace("%", "%25").replace(".", "%2E")


def _members(size: int, deviation: float) -> nn.Embedding:
    """Return an embedding whose row 0, for no member, is zero and stays zero."""
    embedding = nn.Embedding(size, emb_sz_rule(size), padding_idx=0)
    with torch.no_grad():
        nn.init.trunc_normal_(embedding.weight, std=deviation, a=-2 * deviation, b=2 * deviation)
        embedding.weight[0] = 0
    return embedding
