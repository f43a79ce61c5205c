"""Factorizations against the sum written out for one pair, and what training can reach in them."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch
from cfplug_factors import DotProduct, Pmf, cfplug_models
from cfplug_factors.modules import Factorization, dot_product, pmf
from cfplug_losses import Mse
from cfplug_losses.errors import squared
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from cfplug import Batch, Interactions, Scale, Spec
from cfplug.errors import CapabilityError
from cfplug.prediction.network import NetworkPredictor
from cfplug.recipe.settings import TrainSettings
from cfplug.training.checkpoint import Watch
from cfplug.training.learner import train
from cfplug.training.module import Scored

quick = settings(max_examples=12, deadline=None)

SPEC = Spec(n_users=4, n_items=7, n_outputs=1)


def build(
    spec: Spec, factors: int, *, biases: bool, deviation: float = 0.5, seed: int = 0
) -> Factorization:
    torch.manual_seed(seed)
    module = (
        pmf(Pmf(factors, deviation), spec)
        if biases
        else dot_product(DotProduct(factors, deviation), spec)
    )
    return module.double()


@st.composite
def cases(draw: st.DrawFn) -> tuple[Factorization, Batch]:
    n_users = draw(st.integers(1, 6))
    spec = Spec(n_users, n_users + draw(st.integers(1, 5)), draw(st.sampled_from([1, 1, 2, 5])))
    module = build(
        spec, draw(st.integers(1, 8)), biases=draw(st.booleans()), seed=draw(st.integers(0, 99))
    )
    pair = st.tuples(st.integers(0, spec.n_users - 1), st.integers(0, spec.n_items - 1))
    user, item = zip(*draw(st.lists(pair, min_size=1, max_size=12)), strict=True)
    return module, Batch(torch.tensor(user), torch.tensor(item))


def naive(module: Factorization, user: int, item: int, output: int) -> float:
    p, q = (
        module.embeddings(side)[code].tolist() for side, code in (("user", user), ("item", item))
    )
    weights = [1.0] * len(p) if module.mix is None else module.mix.weight[output].tolist()
    total = sum(a * b * weight for a, b, weight in zip(p, q, weights, strict=True))
    if module.bias:
        total += (
            module.bias["user"].weight[user, output].item()
            + module.bias["item"].weight[item, output].item()
        )
    return float(total)


@quick
@given(case=cases())
def test_outputs_are_the_sum_written_out(case: tuple[Factorization, Batch]) -> None:
    module, batch = case
    outputs = module(batch)
    n_outputs = 1 if module.mix is None else module.mix.out_features
    assert outputs.shape == (len(batch), n_outputs)
    for row, (user, item) in enumerate(zip(batch.user.tolist(), batch.item.tolist(), strict=True)):
        expected = [naive(module, user, item, output) for output in range(n_outputs)]
        assert outputs[row].tolist() == pytest.approx(expected)


@quick
@given(case=cases())
def test_a_row_is_alone_what_it_is_in_a_batch(case: tuple[Factorization, Batch]) -> None:
    module, batch = case
    alone = torch.cat([module(batch[row : row + 1]) for row in range(len(batch))])
    torch.testing.assert_close(alone, module(batch), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("n_outputs", [1, 5])
@pytest.mark.parametrize("biases", [False, True])
def test_the_tables_have_a_row_for_every_id(n_outputs: int, biases: bool) -> None:
    module = build(Spec(4, 7, n_outputs), 3, biases=biases)
    assert {name: tuple(parameter.shape) for name, parameter in module.named_parameters()} == {
        "factors.user.weight": (4, 3),
        "factors.item.weight": (7, 3),
        **(
            {"bias.user.weight": (4, n_outputs), "bias.item.weight": (7, n_outputs)}
            if biases
            else {}
        ),
        **({"mix.weight": (n_outputs, 3)} if n_outputs > 1 else {}),
    }
    assert (module.embeddings("user").shape, module.embeddings("item").shape) == ((4, 3), (7, 3))


def test_embeddings_and_biases_are_the_weights_without_their_history() -> None:
    module = build(SPEC, 3, biases=True)
    for side, size in (("user", 4), ("item", 7)):
        assert module.embeddings(side).equal(module.factors[side].weight)
        assert module.biases(side).equal(module.bias[side].weight[:, 0])
        assert module.biases(side).shape == (size,)
        assert not module.embeddings(side).requires_grad
        assert not module.biases(side).requires_grad


def test_a_head_of_several_outputs_has_no_single_bias() -> None:
    with pytest.raises(CapabilityError) as raised:
        build(Spec(4, 7, 5), 3, biases=True).biases("item")
    assert str(raised.value) == "with a loss of several outputs a bias is not one number"


@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("biases", [False, True])
def test_gradients_reach_every_parameter_and_only_the_ids_of_the_batch(
    n_outputs: int, biases: bool
) -> None:
    module = build(Spec(4, 7, n_outputs), 3, biases=biases)
    batch = Batch(torch.tensor([0, 2]), torch.tensor([6, 1]))
    (module(batch) * torch.arange(1.0, n_outputs + 1)).sum().backward()
    reached = {"user": {0, 2}, "item": {1, 6}}
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        rows = set(parameter.grad.abs().sum(dim=1).nonzero()[:, 0].tolist())
        side = next((side for side in reached if side in name), None)
        assert rows == (reached[side] if side else set(range(n_outputs))), name


def test_gradients_are_those_of_the_sum_written_out() -> None:
    module = build(SPEC, 3, biases=True)
    module(Batch(torch.tensor([2, 2]), torch.tensor([5, 1]))).sum().backward()
    p, q = module.embeddings("user"), module.embeddings("item")
    grads = {name: parameter.grad for name, parameter in module.named_parameters()}
    torch.testing.assert_close(grads["factors.user.weight"][2], q[5] + q[1])
    torch.testing.assert_close(grads["factors.item.weight"][5], p[2])
    assert grads["bias.user.weight"][2].item() == 2.0
    assert grads["bias.item.weight"][:, 0].tolist() == [0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0]


@pytest.mark.parametrize("deviation", [0.01, 0.5])
def test_tables_start_from_a_normal_cut_at_two_deviations(deviation: float) -> None:
    module = build(Spec(300, 500, 1), 40, biases=True, deviation=deviation)
    for parameter in module.parameters():
        assert parameter.abs().max() <= 2 * deviation
    factors = module.embeddings("item").numpy() / deviation
    assert abs(factors.mean()) < 0.03
    assert factors.std() == pytest.approx(0.8796, abs=0.02)  # of a standard normal cut at 2


def test_a_seed_gives_the_same_start_and_another_seed_another() -> None:
    first, again, other = (build(SPEC, 3, biases=True, seed=seed) for seed in (7, 7, 8))
    assert first.embeddings("user").equal(again.embeddings("user"))
    assert not first.embeddings("user").equal(other.embeddings("user"))


@pytest.mark.parametrize("model", [Pmf, DotProduct])
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"factors": 0}, "factors: must be at least 1; is 0"),
        ({"init_deviation": 0.0}, "init_deviation: must be above 0; is 0.0"),
        ({"init_deviation": float("nan")}, "init_deviation: must be a finite number; is nan"),
    ],
)
def test_a_parameter_out_of_bounds_is_refused(
    model: Any, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        model(**values)


def test_the_factorizations_declare_what_they_give() -> None:
    declared = {model.name: model for model in cfplug_models()}
    assert (declared["dot-product"].provides, declared["pmf"].provides) == (
        ("embeddings", "terms", "vectors"),
        ("embeddings", "biases", "terms", "vectors"),
    )
    assert (declared["dot-product"].function("build"), declared["pmf"].function("build")) == (
        dot_product,
        pmf,
    )


@pytest.mark.parametrize("build_module", [dot_product, pmf])
def test_embeddings_start_in_the_range_that_is_given(build_module: Any) -> None:
    params = (DotProduct if build_module is dot_product else Pmf)(9, init_range=(0.02, 0.05))
    module = build_module(params, Spec(40, 70, 1))
    for parameter in module.parameters():
        assert parameter.min() >= 0.02
        assert parameter.max() <= 0.05
        assert parameter.std() > 0.005


@pytest.mark.parametrize("params", [DotProduct, Pmf])
def test_a_range_to_start_in_goes_from_low_to_high(params: Any) -> None:
    with pytest.raises(
        ValueError, match=re.escape("init_range: must go from low to high; is [0.05, 0.05]")
    ):
        params(init_range=(0.05, 0.05))


# Chapter 8's own parameters


class HandMade(nn.Module):
    """The chapter's `DotProductBias` with `create_params`: tables that are plain parameters, not
    embeddings.
    """

    def __init__(self, like: Factorization) -> None:
        super().__init__()
        for side in ("user", "item"):
            for kind, part in (("factors", like.factors), ("bias", like.bias)):
                if side in part:
                    weight = part[side].weight
                    self.register_parameter(f"{side}_{kind}", nn.Parameter(weight.detach().clone()))

    def forward(self, batch: Batch) -> torch.Tensor:
        outputs = (self.user_factors[batch.user] * self.item_factors[batch.item]).sum(
            dim=1, keepdim=True
        )
        if hasattr(self, "user_bias"):
            outputs = outputs + self.user_bias[batch.user] + self.item_bias[batch.item]
        return outputs


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("biases", [False, True])
def test_hand_made_parameters_learn_the_numbers_of_embeddings(biases: bool, optimizer: str) -> None:
    """A5: the same start, batches and steps give the same weights and predictions."""
    torch.manual_seed(4)
    spec = Spec(13, 19, 1)
    ours = pmf(Pmf(4, 0.1), spec) if biases else dot_product(DotProduct(4, 0.1), spec)
    theirs, start = HandMade(ours), ours.embeddings("item").clone()
    chosen = TrainSettings(
        epochs=3, batch_size=16, weight_decay=0.1, learning_rate=0.05, optimizer=optimizer
    )
    rng = np.random.default_rng(0)
    parts = [
        Interactions(
            Batch(rng.integers(0, 13, n), rng.integers(0, 19, n)),
            rng.integers(1, 6, n).astype(float),
            13,
            19,
        )
        for n in (90, 20)
    ]
    found = []
    for module in (ours, theirs):
        scored = Scored(module, squared(Mse((0.0, 5.5)), Scale(1, 5)))
        train(
            scored, (parts[0], parts[1]), chosen, name="same", seed=5, device="cpu", watch=Watch()
        )
        found.append(NetworkPredictor(scored, "cpu").predict(parts[1].batch))
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)
    assert (ours.embeddings("item") - start).abs().max() > 0.05
    for side in ("user", "item"):
        pairs = [(ours.factors, "factors")] + ([(ours.bias, "bias")] if biases else [])
        for part, kind in pairs:
            torch.testing.assert_close(
                part[side].weight, getattr(theirs, f"{side}_{kind}"), rtol=0, atol=1e-6
            )


# Where embeddings start


@pytest.mark.parametrize("span", [(0.0, 0.05), (-0.01, 0.01)])
@pytest.mark.parametrize("model", [Pmf, DotProduct])
def test_embeddings_may_start_uniform_between_two_numbers(
    model: Any, span: tuple[float, float]
) -> None:
    torch.manual_seed(0)
    build_ = pmf if model is Pmf else dot_product
    module = build_(model(40, init_range=span), Spec(300, 500, 1))
    low, high = span
    for parameter in module.parameters():
        assert parameter.min() >= low
        assert parameter.max() <= high
    factors = module.embeddings("item")
    assert factors.mean().item() == pytest.approx((low + high) / 2, abs=0.01 * (high - low))
    assert factors.std().item() == pytest.approx((high - low) / 12**0.5, rel=0.02)


@pytest.mark.parametrize("model", [Pmf, DotProduct])
@pytest.mark.parametrize("span", [(0.1, 0.1), (1.0, -1.0)])
def test_a_range_of_the_start_goes_from_low_to_high(model: Any, span: tuple[float, float]) -> None:
    with pytest.raises(
        ValueError, match=re.escape(f"init_range: must go from low to high; is {list(span)}")
    ):
        model(init_range=span)


# Terms


@quick
@given(case=cases())
def test_the_terms_sum_to_the_output(case: tuple[Factorization, Batch]) -> None:
    module, batch = case
    if module.mix is not None:
        with pytest.raises(
            CapabilityError,
            match=r"^with a loss of several outputs there is more than one sum of terms$",
        ):
            module.terms(batch)
        return
    terms = module.terms(batch)
    factors = module.embeddings("user").shape[1]
    biases = ["user bias", "item bias"] if module.bias else []
    assert list(terms) == [*biases, *(f"factor {number}" for number in range(1, factors + 1))]
    assert {tuple(term.shape) for term in terms.values()} == {(len(batch),)}
    torch.testing.assert_close(sum(terms.values()), module(batch).squeeze(1))
    for name, side, codes in (("user bias", "user", batch.user), ("item bias", "item", batch.item)):
        if module.bias:
            torch.testing.assert_close(terms[name], module.biases(side)[codes])
    last = module.embeddings("user")[batch.user, -1] * module.embeddings("item")[batch.item, -1]
    torch.testing.assert_close(terms[f"factor {factors}"], last)
