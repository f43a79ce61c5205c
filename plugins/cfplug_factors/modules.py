"""Factorizations that learn by gradient, as torch modules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from cfplug.errors import CapabilityError

if TYPE_CHECKING:
    from cfplug import Batch, Spec
    from cfplug_factors import DotProduct, Pmf


def dot_product(params: DotProduct, spec: Spec) -> Factorization:
    """Build a model of factors alone."""
    return Factorization(spec, params, with_biases=False)


def pmf(params: Pmf, spec: Spec) -> Factorization:
    """Build a model of factors and biases."""
    return Factorization(spec, params, with_biases=True)


class Factorization(nn.Module):
    """output = <p_user, q_item> [+ b_user + b_item], after Salakhutdinov and Mnih (NIPS 2007).

    Embeddings have the shapes (n_users, factors) and (n_items, factors), biases (n_ids, n_outputs).
    Where the head needs K > 1 outputs, output k weighs the factors' products by a learned column:
    sum_f p_f q_f W_fk + b_user,k + b_item,k.
    """

    def __init__(self, spec: Spec, params: DotProduct | Pmf, *, with_biases: bool) -> None:
        super().__init__()
        sizes = {"user": spec.n_users, "item": spec.n_items}
        self.factors = nn.ModuleDict(
            {side: _embedding(size, params.factors, params) for side, size in sizes.items()}
        )
        self.bias = nn.ModuleDict(
            {side: _embedding(size, spec.n_outputs, params) for side, size in sizes.items()}
            if with_biases
            else {}
        )
        self.mix = _mix(params.factors, spec.n_outputs) if spec.n_outputs > 1 else None

    def forward(self, batch: Batch) -> Tensor:
        (user, user_bias), (item, item_bias) = (self._own(side, batch) for side in ("user", "item"))
        products = user * item
        outputs: Tensor = (
            products.sum(dim=1, keepdim=True) if self.mix is None else self.mix(products)
        )
        if user_bias is not None and item_bias is not None:
            outputs = outputs + user_bias + item_bias
        return outputs

    def _own(self, side: str, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Return factors and bias of `side`, shapes (n, factors) and (n, n_outputs): the batch's
        own or what was learned.
        """
        vector = batch.vector(side)
        if vector is not None:
            width = _weight(self.factors[side]).shape[1]
            return vector[:, :width], vector[:, width:] if self.bias else None
        codes = batch.user if side == "user" else batch.item
        return self.factors[side](codes), self.bias[side](codes) if self.bias else None

    def vectors(self, side: str) -> Tensor:
        """Return factors and bias side by side, shape (n_ids, factors + n_outputs), or factors
        alone.
        """
        parts = [self.factors, self.bias] if self.bias else [self.factors]
        return torch.cat([_weight(part[side]) for part in parts], dim=1)

    def embeddings(self, side: str) -> Tensor:
        """Return factors of every id of `side`, shape (n_ids, factors)."""
        return _weight(self.factors[side])

    def biases(self, side: str) -> Tensor:
        """Return bias of every id of `side`, shape (n_ids,); a head with several outputs has no
        single one.
        """
        if self.mix is not None:
            raise CapabilityError("with a loss of several outputs a bias is not one number")
        return _weight(self.bias[side]).squeeze(1)

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        """Return the terms of which the one output of each pair is the sum, each of shape (n,)."""
        if self.mix is not None:
            raise CapabilityError(
                "with a loss of several outputs there is more than one sum of terms"
            )
        products = self.factors["user"](batch.user) * self.factors["item"](batch.item)
        biases = {
            f"{side} bias": self.bias[side](codes).squeeze(1)
            for side, codes in (("user", batch.user), ("item", batch.item))
            if self.bias
        }
        return biases | {
            f"factor {number}": product for number, product in enumerate(products.T, start=1)
        }


def _embedding(size: int, width: int, params: DotProduct | Pmf) -> nn.Embedding:
    embedding, deviation = nn.Embedding(size, width), params.init_deviation
    with torch.no_grad():
        if params.init_range is None:
            nn.init.trunc_normal_(
                embedding.weight, std=deviation, a=-2 * deviation, b=2 * deviation
            )
        else:
            nn.init.uniform_(embedding.weight, *params.init_range)
    return embedding


def _mix(factors: int, n_outputs: int) -> nn.Linear:
    """W of shape (n_outputs, factors), with row k all at -1 + 2 k / (n_outputs - 1).

    So a head of rating levels starts as the model of one output does: the greater <p, q>, the
    higher the level. A random start has to find this first (on MovieLens 100K, cross-entropy: MSE
    .82 against .89).
    """
    mix = nn.Linear(factors, n_outputs, bias=False)
    with torch.no_grad():
        mix.weight.copy_(torch.linspace(-1, 1, n_outputs)[:, None].expand_as(mix.weight))
    return mix


def _weight(embedding: nn.Module) -> Tensor:
    weight = embedding.weight
    assert isinstance(weight, Tensor)
    return weight.detach()
