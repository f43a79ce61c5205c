"""fastai's EmbeddingNN and TabularModel, as modules that take codes of users and items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from fastai.tabular.model import TabularModel, emb_sz_rule
from torch import Tensor, nn

from cfplug.errors import TrainingError
from cfplug_networks.inputs import Inputs

if TYPE_CHECKING:
    from cfplug import Batch, Spec
    from cfplug.data.features import Feature
    from cfplug_networks import Layers

SIDES = ("user", "item")


def embedding_nn(params: Layers, spec: Spec) -> Network:
    """Return a network on ids alone: fastai's EmbeddingNN, a TabularModel without numbers."""
    return Network(params, spec, ())


def tabular(params: Layers, spec: Spec) -> Network:
    """Return a network on ids and every feature of the recipe."""
    return Network(params, spec, spec.features)


class Network(nn.Module):
    """Compute TabularModel([user, item, categories], [numbers, pooled sets]).

    Outputs have the shape (n, n_outputs).
    """

    def __init__(self, params: Layers, spec: Spec, features: Sequence[Feature]) -> None:
        super().__init__()
        self.inputs = Inputs(features, params.init_deviation)
        sizes = [
            (spec.n_users, params.user_factors or emb_sz_rule(spec.n_users)),
            (spec.n_items, params.item_factors or emb_sz_rule(spec.n_items)),
            *((feature.size, emb_sz_rule(feature.size)) for feature in self.inputs.categories),
        ]
        self.net = TabularModel(
            sizes,
            self.inputs.n_numbers,
            spec.n_outputs,
            list(params.layers),
            ps=[params.dropout] * len(params.layers),
            embed_p=params.embedding_dropout,
            use_bn=params.batch_norm,
            bn_cont=params.batch_norm and self.inputs.n_numbers > 0,
        )
        self.normalises = any(isinstance(part, nn.BatchNorm1d) for part in self.net.modules())
        for embedding in self.net.embeds:
            _start(embedding, params.init_deviation)
        self.scale = params.number_scale if self.net.bn_cont is None else 1.0
        if self.net.bn_cont is not None:
            nn.init.constant_(self.net.bn_cont.weight, params.number_scale)

    def forward(self, batch: Batch) -> Tensor:
        if self.training and self.normalises and len(batch) == 1:
            raise TrainingError(
                "batch_norm: expected two ratings or more in a step, got 1; "
                "use more ratings, a larger batch_size, or batch_norm: false"
            )
        codes, numbers = self.inputs(batch)
        categories = torch.stack([batch.user, batch.item, *codes], dim=1)
        cells = torch.cat(numbers, dim=1) * self.scale if numbers else None
        given = {place: batch.vector(side) for place, side in enumerate(SIDES)}
        if all(vector is None for vector in given.values()):
            outputs: Tensor = self.net(categories, cells)
            return outputs
        return self._with(given, categories, cells)

    def _with(
        self, given: Mapping[int, Tensor | None], categories: Tensor, cells: Tensor | None
    ) -> Tensor:
        """Return the outputs with the embeddings `given`, by position, for the learned ones."""
        used = []
        embeddings = zip(self.net.embeds, categories.T, strict=True)
        for place, (embedding, codes) in enumerate(embeddings):
            vector = given.get(place)
            used.append(embedding(codes) if vector is None else vector)
        inputs = self.net.emb_drop(torch.cat(used, dim=1))
        if cells is not None:
            cells = cells if self.net.bn_cont is None else self.net.bn_cont(cells)
            inputs = torch.cat([inputs, cells], dim=1)
        outputs: Tensor = self.net.layers(inputs)
        return outputs

    def vectors(self, side: str) -> Tensor:
        """Return the embeddings: nothing else is learned of a single id."""
        return self.embeddings(side)

    def embeddings(self, side: str) -> Tensor:
        """Return the embedding of every id of `side`, shape (n_ids, factors of that side)."""
        weight: Tensor = self.net.embeds[SIDES.index(side)].weight
        return weight.detach()


def _start(embedding: nn.Embedding, deviation: float) -> None:
    with torch.no_grad():
        nn.init.trunc_normal_(embedding.weight, std=deviation, a=-2 * deviation, b=2 * deviation)
