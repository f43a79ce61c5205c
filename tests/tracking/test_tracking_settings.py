"""The environment is read strictly: each error names what was meant."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cfplug_tracking.settings import Settings, read

import cfplug


def refusal(**environment: str) -> str:
    with pytest.raises(cfplug.PluginError) as caught:
        read(environment)
    return str(caught.value)


@pytest.mark.parametrize(
    "environment", [{}, {"CFPLUG_MLFLOW": ""}, {"CFPLUG_MLFLOW_EXPERIMENT": "movies"}]
)
def test_nothing_is_asked_where_the_address_is_not_set(environment: dict[str, str]) -> None:
    assert read(environment) is None


def test_an_address_alone_is_enough_and_an_empty_variable_is_one_that_is_not_set() -> None:
    address = "http://127.0.0.1:5000"
    assert read({"CFPLUG_MLFLOW": address}) == Settings(address, "cfplug", "report")
    empty = {"CFPLUG_MLFLOW_EXPERIMENT": "", "CFPLUG_MLFLOW_ARTIFACTS": ""}
    assert read({"CFPLUG_MLFLOW": address, **empty}) == Settings(address, "cfplug", "report")


def test_every_variable_is_read_unchanged(tmp_path: Path) -> None:
    asked = read(
        {
            "CFPLUG_MLFLOW": f"sqlite:///{tmp_path}/a/m.db",
            "CFPLUG_MLFLOW_EXPERIMENT": "Kino '24",
            "CFPLUG_MLFLOW_ARTIFACTS": "all",
        }
    )
    assert asked == Settings(f"sqlite:///{tmp_path}/a/m.db", "Kino '24", "all")
    assert asked.database == tmp_path / "a" / "m.db"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (
            "mlflow.db",
            "CFPLUG_MLFLOW=mlflow.db: expected sqlite:///FILE or the http address of a server; "
            "did you mean sqlite:///mlflow.db?",
        ),
        (
            "htp://127.0.0.1",
            "CFPLUG_MLFLOW=htp://127.0.0.1: there is no store called htp; did you mean http?",
        ),
        (
            "sqlite:///:memory:",
            "CFPLUG_MLFLOW=sqlite:///:memory:: names no file, so nothing would be left; write sqlite:///FILE",
        ),
        (
            "sqlite://",
            "CFPLUG_MLFLOW=sqlite://: names no file, so nothing would be left; write sqlite:///FILE",
        ),
        (
            "sqlite:///",
            "CFPLUG_MLFLOW=sqlite:///: names no file, so nothing would be left; write sqlite:///FILE",
        ),
    ],
)
def test_an_address_that_makes_no_sense_is_reported_with_what_was_meant(
    address: str, said: str
) -> None:
    assert refusal(CFPLUG_MLFLOW=address) == said


def test_unknown_artifacts_are_reported_with_the_nearest_choice() -> None:
    assert refusal(CFPLUG_MLFLOW="http://127.0.0.1", CFPLUG_MLFLOW_ARTIFACTS="reprot") == (
        "CFPLUG_MLFLOW_ARTIFACTS=reprot: expected report, all or none; did you mean report?"
    )


def test_a_file_that_is_not_a_database_is_reported_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("nothing of the kind, and longer than a header of sqlite\n" * 30)
    before = file.read_bytes()
    assert (
        refusal(CFPLUG_MLFLOW=f"sqlite:///{file}")
        == f"CFPLUG_MLFLOW=sqlite:///{file}: file is not a database"
    )
    assert file.read_bytes() == before


def test_a_folder_in_the_place_of_the_database_is_reported(tmp_path: Path) -> None:
    assert refusal(CFPLUG_MLFLOW=f"sqlite:///{tmp_path}") == (
        f"CFPLUG_MLFLOW=sqlite:///{tmp_path}: unable to open database file"
    )


def test_a_password_in_an_address_is_never_shown() -> None:
    asked = Settings("postgresql://ann:se@cret@127.0.0.1/runs")
    assert asked.shown == "CFPLUG_MLFLOW=postgresql://...@127.0.0.1/runs"
    assert asked.masked("cannot reach ann:se@cret@127.0.0.1") == "cannot reach ...@127.0.0.1"
    assert not re.search("ann|cret", refusal(CFPLUG_MLFLOW="htp://ann:cret@127.0.0.1"))
