"""MLflow accepts any names and values of a recipe, and distinct names stay distinct."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import Any

from cfplug_tracking.mlflow_names import cut, name, params, params_of_model
from hypothesis import example, given
from hypothesis import strategies as st
from mlflow.utils.validation import _validate_metric_name, _validate_param

TREE: dict[str, Any] = {
    "title": "Ours",
    "data": {"use": "tables/csv", "path": None, "roles": {"Jahr/Ort": "number"}, "sep": ""},
    "split": {"use": "splits/random", "valid": 0.2},
    "unknown": "error",
    "models": [
        {
            "name": "small",
            "use": "factors/pmf",
            "factors": 3,
            "loss": {"use": "losses/mse", "range": (0.0, 5.5)},
            "train": {"epochs": 2, "learning_rate": 5e-05, "average": True},
        },
        {"name": "plain", "use": "factors/mean"},
    ],
    "metrics": [{"name": "mse", "use": "metrics/mse"}],
    "claims": [{"metric": "mse", "at_most": 0.8}, {"metric": "mse", "at_most": 0.9}],
    "analyzers": [],
    "seeds": [0, 7],
}


@given(st.text(min_size=1, max_size=300), st.text(min_size=1, max_size=300))
@example("..", ".")
@example("a/../b", "\n")
@example("\ud800", "a")
@example("x" * 251, "y")
def test_mlflow_takes_every_name(part: str, other: str) -> None:
    _validate_metric_name(name(part, other))
    assert len(name(part, other)) <= 250
    _validate_param(name("models", part), cut(other, 500))


@given(st.lists(st.text(min_size=1, max_size=300), min_size=2, max_size=2, unique=True))
@example(["a+", "a*"])
@example(["x" * 299, "x" * 300])
def test_names_of_different_things_differ(parts: list[str]) -> None:
    first, second = (name("valid", part) for part in parts)
    assert first != second


def test_a_name_that_mlflow_takes_stays_as_it_is() -> None:
    assert name("Müller 2.0", "valid", "ndcg-10") == "Müller 2.0/valid/ndcg-10"


def test_a_text_is_cut_with_an_ellipsis_and_only_if_it_is_too_long() -> None:
    assert cut("abcd", 4) == "abcd"
    assert cut("abcde", 4) == "abc…"
    assert cut("a\ud800", 4) == "a?"


def test_the_parameters_of_a_recipe_stand_under_the_names_of_its_entries() -> None:
    assert params(TREE) == {
        "title": "Ours",
        "data.use": "tables/csv",
        "data.roles.Jahr_Ort-f79d8bb3": "number",
        "split.use": "splits/random",
        "split.valid": "0.2",
        "unknown": "error",
        "models/small/use": "factors/pmf",
        "models/small/factors": "3",
        "models/small/loss.use": "losses/mse",
        "models/small/loss.range": "[0.0, 5.5]",
        "models/small/train.epochs": "2",
        "models/small/train.learning_rate": "5e-05",
        "models/small/train.average": "true",
        "models/plain/use": "factors/mean",
        "metrics/mse/use": "metrics/mse",
        "claims/0/metric": "mse",
        "claims/0/at_most": "0.8",
        "claims/1/metric": "mse",
        "claims/1/at_most": "0.9",
        "analyzers": "[]",
        "seeds": "[0, 7]",
    }


def test_the_parameters_of_a_model_say_what_made_it_and_nothing_of_the_others() -> None:
    assert params_of_model(TREE, "small", 7, "u1") == {
        "model.use": "factors/pmf",
        "model.factors": "3",
        "loss.use": "losses/mse",
        "loss.range": "[0.0, 5.5]",
        "train.epochs": "2",
        "train.learning_rate": "5e-05",
        "train.average": "true",
        "data.use": "tables/csv",
        "data.roles.Jahr_Ort-f79d8bb3": "number",
        "split.use": "splits/random",
        "split.valid": "0.2",
        "unknown": "error",
        "seed": "7",
        "fold": "u1",
    }
    plain = params_of_model(TREE, "plain", 0, "")
    assert plain["model.use"] == "factors/mean"
    assert not [key for key in plain if key.startswith(("loss", "train", "fold"))]


def test_a_long_value_is_cut_to_what_the_oldest_servers_take() -> None:
    found = params({"data": {"items": list(range(1000))}})
    assert len(found["data.items"]) == 500
    assert found["data.items"].endswith("…")


def test_a_table_in_a_list_of_values_is_written_as_json() -> None:
    rows = (MappingProxyType({"a": 1}), 2)
    assert json.loads(params({"data": {"rows": rows}})["data.rows"]) == [{"a": 1}, 2]
