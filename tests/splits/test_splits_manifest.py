"""The declarations of the splits plugin: what they load and that their functions are there."""

from __future__ import annotations

import subprocess
import sys

import cfplug_splits
import pytest

import cfplug
from cfplug.params import parameters
from cfplug.recipe.parser import parse_recipe

CODE = (
    "import sys, cfplug_splits; "
    "print(*(each for each in ('numpy', 'pandas', 'torch') if each in sys.modules))"
)


def test_the_manifest_loads_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize(
    "splitter", cfplug_splits.cfplug_splits(), ids=lambda splitter: splitter.name
)
def test_every_declared_function_is_there(splitter: cfplug.SplitMethod) -> None:
    assert callable(splitter.function("split"))
    assert splitter.summary


RECIPE = "data: synthetic\nmodels: [mean]\nmetrics: [mse]\nsplit: {}\n"


@pytest.mark.parametrize(
    ("split", "params"),
    [
        ("{use: by-time, valid: 0.1, test: 0.1}", cfplug_splits.ByTimeParams(0.1, 0.1)),
        ("{use: by-time, column: given}", cfplug_splits.ByTimeParams(column="given")),
        ("leave-last", cfplug_splits.LeaveLastParams(1, 0, 1)),
        ("{use: leave-last, valid: 2, test: 1, keep: 10}", cfplug_splits.LeaveLastParams(2, 1, 10)),
        ("k-fold", cfplug_splits.KFoldParams(5)),
        ("{use: k-fold, folds: 10}", cfplug_splits.KFoldParams(10)),
        ("{use: k-fold, folds: [u1, u2]}", cfplug_splits.KFoldParams(("u1", "u2"))),
        ("cold-users", cfplug_splits.ColdUsersParams(5, 10)),
        ("{use: cold-users, folds: 4, support: 0.75}", cfplug_splits.ColdUsersParams(4, 0.75)),
        ("cold-items", cfplug_splits.ColdItemsParams(5, 0)),
        ("{use: cold-items, support: 3}", cfplug_splits.ColdItemsParams(5, 3)),
        ("{use: cold-both, folds: 3}", cfplug_splits.ColdBothParams(3)),
    ],
)
def test_a_recipe_says_it_in_one_line_and_once_resolved_says_it_again(
    split: str, params: object
) -> None:
    recipe = parse_recipe(RECIPE.format(split), "r.yaml")
    assert recipe.split.params == params
    assert parse_recipe(recipe.resolved(), "r.yaml").split.params == params


@pytest.mark.parametrize(
    ("split", "fault"),
    [
        ("{use: by-time, valid: 1}", "30: split.valid: must be above 0 and below 1; is 1.0"),
        (
            "{use: by-time, valid: 0.5, test: 0.5}",
            "8: split: valid and test: must leave something to train; are 0.5 and 0.5",
        ),
        (
            "{use: by-time, tset: 0.1}",
            "23: split.tset: unknown parameter of by-time; did you mean test?",
        ),
        ("{use: leave-last, valid: 0}", "33: split.valid: must be at least 1; is 0"),
        ("{use: leave-last, valid: 0.2}", "33: split.valid: must be a whole number; is 0.2"),
        ("{use: leave-last, keep: -1}", "32: split.keep: must be at least 0; is -1"),
        ("{use: k-fold, folds: 1}", "29: split.folds: must be at least 2; is 1"),
        (
            "{use: k-fold, folds: u1}",
            "29: split.folds: must be a whole number or a list of texts; is 'u1'",
        ),
        (
            "{use: k-fold, folds: [1, 2]}",
            "29: split.folds: must be a whole number or a list of texts; is [1, 2]",
        ),
        ("{use: k-fold, folds: [u1, u1]}", "29: split.folds: must differ; u1 is given 2 times"),
        (
            "{use: cold-users, support: many}",
            "35: split.support: must be a whole number or a number; is 'many'",
        ),
        ("{use: cold-users, support: -1}", "35: split.support: must be at least 0; is -1"),
        (
            "{use: cold-items, support: 1.5}",
            "35: split.support: must be a whole number, or a share below 1; is 1.5",
        ),
        ("{use: cold-items, folds: 1}", "33: split.folds: must be at least 2; is 1"),
        ("{use: cold-both, suport: 1}", "25: split.suport: unknown parameter of cold-both"),
    ],
)
def test_a_fault_in_a_recipe_is_reported_with_its_place(split: str, fault: str) -> None:
    with pytest.raises(cfplug.RecipeError) as raised:
        parse_recipe(RECIPE.format(split), "r.yaml")
    assert [str(problem) for problem in raised.value.problems] == [f"r.yaml:4:{fault}"]


def test_every_parameter_has_a_line_of_help() -> None:
    for splitter in cfplug_splits.cfplug_splits():
        assert all(parameter.rule.help for parameter in parameters(splitter.params))
