"""A checked recipe: what its claims promise, and what its resolved form says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfplug.recipe.parser import parse_recipe
from cfplug.recipe.recipe import KEYS, Claim, Recipe

SMALL = "data: synthetic\nmodels: [mean, {use: pmf, factors: 3}]\n"
FIGURES = st.floats(-1e6, 1e6, allow_nan=False)


def small() -> Recipe:
    return parse_recipe(SMALL, "small.yaml")


@given(bound=FIGURES, measured=FIGURES)
def test_a_claim_is_met_on_its_side_of_the_bound_and_at_it(bound: float, measured: float) -> None:
    assert Claim("mse", at_most=bound).met_by(measured) is (measured <= bound)
    assert Claim("mse", at_least=bound).met_by(measured) is (measured >= bound)


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({}, "a claim needs at_most or at_least"),
        (
            {"at_most": 1.0, "at_least": 0.0},
            "at_least: cannot be given together with at_most; make it a claim of its own",
        ),
    ],
)
def test_a_claim_has_one_bound(bounds: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=r"^a") as caught:
        Claim("mse", **bounds)
    assert str(caught.value) == message


def test_a_claim_is_about_a_part_that_models_did_not_learn_from() -> None:
    with pytest.raises(ValueError, match=r"^part") as caught:
        Claim("mse", at_most=1.0, part="train")
    assert str(caught.value) == "part: must be one of valid, test; is 'train'"


def test_a_claim_may_name_a_fold_and_keeps_it_when_it_is_resolved() -> None:
    text = "claims: [{metric: mse, model: pmf, at_most: 1, fold: u1}]\n"
    recipe = parse_recipe(SMALL + text, "small.yaml")
    assert recipe.claims == (Claim("mse", at_most=1, model="pmf", fold="u1"),)
    assert parse_recipe(recipe.resolved(), "small.yaml").claims == recipe.claims


def test_a_claim_describes_its_bound() -> None:
    assert Claim("mse", at_most=0.8217).bound() == "at most 0.8217"
    assert Claim("ndcg", at_least=0.3).bound() == "at least 0.3"


def test_the_resolved_form_has_full_names_and_every_default_but_no_key_of_its_own() -> None:
    text = small().resolved()
    keys = [line.partition(":")[0] for line in text.splitlines() if line and line[0] not in " -"]
    assert set(keys) < set(KEYS)
    assert keys == [key for key in KEYS if key in keys]
    assert "use: factors/pmf\n  factors: 3\n  init_deviation: 0.01\n" in text
    assert "weight_decay: 0.1" in text


def test_a_model_that_fits_itself_resolves_without_loss_and_train() -> None:
    mean, pmf = small().models
    assert set(mean.resolved()) == {"name", "use"}
    assert {"loss", "train"} < set(pmf.resolved())


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            {"cold_start": "fold-in", "fold": "2"},
            "cold_start: is measured on the valid part of all folds together; leave out fold and "
            "part",
        ),
        (
            {"cold_start": "fold-in", "part": "test"},
            "cold_start: is measured on the valid part of all folds together; leave out fold and "
            "part",
        ),
        ({"revealed": 3}, "revealed: needs cold_start, the name of the strategy"),
    ],
)
def test_a_claim_on_newcomers_is_about_a_strategy_on_all_folds(
    more: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=r"^(cold_start|revealed): ") as caught:
        Claim("rmse", at_most=1.0, **more)
    assert str(caught.value) == message


def test_strategies_on_newcomers_are_resolved_with_names_and_every_default() -> None:
    recipe = parse_recipe(
        f"{SMALL}cold_starts: [global-mean, {{use: item-mean, name: b}}]\nreveal: [2]\n",
        "small.yaml",
    )
    text = recipe.resolved()
    assert (
        "cold_starts:\n- name: global-mean\n  use: coldstart/global-mean\n- name: b\n  use: "
        "coldstart/item-mean\n" in text
    )
    assert "damping: " in text
    assert parse_recipe(text, "small.yaml").reveal == (2,)
