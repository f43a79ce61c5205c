"""Check a step against its equations: which weights decay, by how much, and which do not."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest
import torch
from fastai.optimizer import OptimWrapper
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from cfplug.recipe.settings import DECAY_ROWS, DECAYS, OPTIMIZERS, TrainSettings
from cfplug.training.optimizers import Lookups, decays, optimizer_of, parameter_groups

ROWS, WIDTH = 5, 2
RATE, DECAY = 0.1, 0.3

PLAIN = TrainSettings(
    learning_rate=RATE,
    weight_decay=DECAY,
    schedule="constant",
    momentum=0.8,
    beta2=0.95,
    epsilon=1e-3,
)


class Tower(nn.Module):
    """An embedding, and a matrix that is none; its output for codes (n,) has the shape (n, 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = nn.Embedding(ROWS, WIDTH)
        self.matrix = nn.Parameter(torch.randn(WIDTH, 1))

    def forward(self, codes: Tensor) -> Tensor:
        return self.rows(codes) @ self.matrix


class Whole(nn.Module):
    """A module and a head, as cfplug trains them."""

    def __init__(self, module: nn.Module, head: nn.Module | None = None) -> None:
        super().__init__()
        self.module, self.head = module, head or nn.Identity()

    def forward(self, codes: Tensor) -> Tensor:
        return self.head(self.module(codes))


def optimizer(whole: nn.Module, chosen: TrainSettings) -> OptimWrapper:
    """As fastai's Learner makes and sets it."""
    made = optimizer_of(whole, chosen, "cpu")(parameter_groups(whole), lr=chosen.learning_rate)
    made.set_hypers(wd=decays(whole, chosen.weight_decay))
    return made


def steps(whole: Whole, chosen: TrainSettings, batches: list[list[int]]) -> None:
    made = optimizer(whole, chosen)
    for codes in batches:
        (whole(torch.tensor(codes)) ** 2).sum().backward()
        made.step()
        made.zero_grad()


def naive(
    module: Tower, chosen: TrainSettings, batches: list[list[int]]
) -> tuple[np.ndarray, np.ndarray]:
    """The equations of `optimizer_of` in numpy, with the gradients written out."""
    values = [
        module.rows.weight.detach().double().numpy().copy(),
        module.matrix.detach().double().numpy().copy(),
    ]
    first = [np.zeros_like(value) for value in values]
    second = [np.zeros_like(value) for value in values]
    for step, codes in enumerate(batches, start=1):
        rows, matrix = values
        outputs = rows[codes] @ matrix
        gradients = [np.zeros_like(rows), rows[codes].T @ (2 * outputs)]
        np.add.at(gradients[0], codes, 2 * outputs @ matrix.T)
        shares: list[Any] = [np.ones((ROWS, 1)), 1.0]
        if chosen.decay_rows == "occurring":
            shares[0] = np.array([[codes.count(row) * ROWS / len(codes)] for row in range(ROWS)])
        for index, (value, gradient, share) in enumerate(
            zip(values, gradients, shares, strict=True)
        ):
            amount = DECAY * share * value
            if chosen.decay == "coupled":
                gradient = gradient + amount
            else:
                value = value - RATE * amount
            if chosen.optimizer == "sgd":
                first[index] = (0.8 * first[index] if step > 1 else 0) + gradient
                values[index] = value - RATE * first[index]
                continue
            first[index] = 0.8 * first[index] + 0.2 * gradient
            second[index] = 0.95 * second[index] + 0.05 * gradient**2
            corrected = (
                first[index] / (1 - 0.8**step) / (np.sqrt(second[index] / (1 - 0.95**step)) + 1e-3)
            )
            values[index] = value - RATE * corrected
    return values[0], values[1]


rules = st.builds(
    lambda optimizer, decay, rows: attrs.evolve(
        PLAIN, optimizer=optimizer, decay=decay, decay_rows=rows
    ),
    st.sampled_from(OPTIMIZERS),
    st.sampled_from(DECAYS),
    st.sampled_from(DECAY_ROWS),
)
batches_of_codes = st.lists(
    st.lists(st.integers(0, ROWS - 1), min_size=1, max_size=7), min_size=1, max_size=4
)


@settings(deadline=None)
@given(rules, batches_of_codes, st.integers(0, 99))
def test_every_step_is_the_equation_in_the_docstring(
    chosen: TrainSettings, batches: list[list[int]], seed: int
) -> None:
    torch.manual_seed(seed)
    module = Tower()
    with torch.no_grad():
        module.rows.weight.mul_(0.3)  # so that no sgd runs away
        module.matrix.mul_(0.3)
    rows, matrix = naive(module, chosen, batches)
    steps(Whole(module), chosen, batches)
    np.testing.assert_allclose(module.rows.weight.detach().numpy(), rows, rtol=2e-3, atol=2e-4)
    np.testing.assert_allclose(module.matrix.detach().numpy(), matrix, rtol=2e-3, atol=2e-4)


@given(st.lists(st.integers(0, ROWS - 1), min_size=1, max_size=30))
def test_the_shares_of_the_rows_are_one_in_the_mean_and_zero_for_a_row_that_was_not_looked_up(
    codes: list[int],
) -> None:
    module = Tower()
    lookups = Lookups.of(module)
    module(torch.tensor(codes))
    share = lookups.share(module.rows.weight)
    assert share is not None
    assert share.shape == (ROWS, 1)
    assert share.mean().item() == pytest.approx(1, rel=1e-5)
    assert {row for row in range(ROWS) if share[row] == 0} == set(range(ROWS)) - set(codes)
    assert lookups.share(module.matrix) is None


def test_lookups_of_one_step_add_up_until_they_are_forgotten() -> None:
    module = Tower()
    lookups = Lookups.of(module)
    module(torch.tensor([0, 0]))
    module(torch.tensor([1, 4]))
    assert shares(lookups, module.rows) == [2.5, 1.25, 0, 0, 1.25]
    lookups.forget()
    assert shares(lookups, module.rows) == [0] * 5


def test_what_is_looked_up_outside_training_is_not_noted() -> None:
    module = Tower()
    lookups = Lookups.of(module)
    with torch.no_grad():
        module(torch.tensor([0]))
    module.eval()
    module(torch.tensor([1]))
    assert shares(lookups, module.rows) == [0] * 5


def test_tables_of_any_shape_keyword_lookups_and_pooled_embeddings_are_noted() -> None:
    table, pooled = nn.Embedding(3, 2), nn.EmbeddingBag(4, 2)
    lookups = Lookups.of(nn.ModuleList([table, pooled]))
    table(input=torch.tensor([[0, 1], [2, 1]]))
    pooled(torch.tensor([3, 3, 0]), torch.tensor([0, 2]))
    assert shares(lookups, table) == [0.75, 1.5, 0.75]
    assert shares(lookups, pooled) == pytest.approx([4 / 3, 0, 0, 8 / 3])


def shares(lookups: Lookups, table: nn.Embedding | nn.EmbeddingBag) -> list[float]:
    found = lookups.share(table.weight)
    assert found is not None
    return list(found.flatten().tolist())


# What never decays


class Everything(nn.Module):
    """One of each kind of parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.ModuleDict({"user": nn.Embedding(4, 1)})
        self.offset = nn.Parameter(torch.ones(1))
        self.layers = nn.Sequential(
            nn.Linear(2, 3), nn.BatchNorm1d(3), nn.LayerNorm(3), nn.Linear(3, 1, bias=False)
        )
        self.fixed = nn.Parameter(torch.ones(2), requires_grad=False)


def test_the_head_normalisation_and_biases_of_layers_never_decay() -> None:
    whole = Whole(Everything(), nn.Linear(1, 2))
    whole.personal = nn.Embedding(4, 2)
    names = {id(parameter): name for name, parameter in whole.named_parameters()}
    decaying, exempt = ([names[id(each)] for each in group] for group in parameter_groups(whole))
    assert decaying == [
        "module.offset",
        "module.bias.user.weight",
        "module.layers.0.weight",
        "module.layers.3.weight",
        "personal.weight",
    ]
    assert exempt == [
        "module.layers.0.bias",
        "module.layers.1.weight",
        "module.layers.1.bias",
        "module.layers.2.weight",
        "module.layers.2.bias",
        "head.weight",
        "head.bias",
    ]
    assert decays(whole, 0.3) == [0.3, 0.0]


def test_there_is_no_empty_group() -> None:
    assert [len(group) for group in parameter_groups(Whole(nn.Embedding(3, 2)))] == [1]
    assert decays(Whole(nn.Embedding(3, 2)), 0.3) == [0.3]
    assert [len(group) for group in parameter_groups(Whole(nn.Identity(), nn.Linear(1, 1)))] == [2]
    assert decays(Whole(nn.Identity(), nn.Linear(1, 1)), 0.3) == [0.0]


@pytest.mark.parametrize("optimizer_name", OPTIMIZERS)
@pytest.mark.parametrize("decay", DECAYS)
@pytest.mark.parametrize("rows", DECAY_ROWS)
def test_what_never_decays_stays_where_its_gradient_is_zero(
    optimizer_name: str, decay: str, rows: str
) -> None:
    whole = Whole(nn.Linear(2, 3), nn.Linear(3, 1))
    before = {name: parameter.detach().clone() for name, parameter in whole.named_parameters()}
    made = optimizer(
        whole, attrs.evolve(PLAIN, optimizer=optimizer_name, decay=decay, decay_rows=rows)
    )
    for parameter in whole.parameters():
        parameter.grad = torch.zeros_like(parameter)
    made.step()
    moved = {
        name
        for name, parameter in whole.named_parameters()
        if not torch.equal(parameter, before[name])
    }
    assert moved == {"module.weight"}


def test_a_decay_that_a_fastai_user_sets_by_hand_is_the_one_that_holds() -> None:
    for optimizer_name, rows in (("sgd", "all"), ("adam", "occurring")):
        module = Tower()
        made = optimizer(
            Whole(module), attrs.evolve(PLAIN, optimizer=optimizer_name, decay_rows=rows)
        )
        made.set_hypers(wd=0.5, lr=0.2)
        assert [hyper["wd"] for hyper in made.hypers] == [0.5]
        before = module.matrix.detach().clone()
        module.matrix.grad = torch.zeros_like(before)
        made.step()
        torch.testing.assert_close(module.matrix.detach(), before * (1 - 0.2 * 0.5))
