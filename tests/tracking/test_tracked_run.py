"""Whole runs, tracked and not: the same bytes, whatever becomes of MLflow and the log."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

import cfplug

STOPPER = Path(__file__).parents[1] / "zoo" / "watchers" / "stopper.py"
RECIPE = """\
title: Tracked
data: {use: synthetic, users: 30, items: 17, ratings: 200}
split: {use: k-fold, folds: 2}
models:
  - {use: pmf, factors: 3}
  - {use: mean, name: plain}
metrics: [mae, mse]
train: {epochs: 2, batch_size: 32}
analyzers: [bias-ranking]
device: cpu
seed: 7
"""
PLACES = [("pmf", "1"), ("plain", "1"), ("pmf", "2"), ("plain", "2")]


class Listening:
    """A reporter that keeps the warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def say(self, text: str) -> None:
        if text.startswith("warning: "):
            self.warnings.append(text.partition("\n")[0])

    def progress(self, done: float | None, message: str) -> None:
        pass


def run(folder: Path, text: str = RECIPE, **more: Any) -> tuple[cfplug.Run, list[str]]:
    """The run of a recipe under `folder`, and its warnings."""
    folder.mkdir(exist_ok=True)
    recipe, reporter = folder / "ours.yaml", Listening()
    recipe.write_text(text)
    return cfplug.run(recipe, out=folder / "runs", reporter=reporter, **more), reporter.warnings


def kept(made: cfplug.Run) -> dict[str, bytes]:
    """Every file of a run folder that is the same each time."""
    timed = (
        "seconds.json",
        "history.csv",
        "environment.json",
        "report.html",
        "files.json",
        "comparison.csv",
    )
    paths = [path for path in made.path.rglob("*") if path.is_file() and path.name not in timed]
    return {str(path.relative_to(made.path)): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def untracked(tmp_path_factory: pytest.TempPathFactory) -> cfplug.Run:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("CFPLUG_MLFLOW", "CFPLUG_LOG"):
            patch.delenv(name, raising=False)
        made, warnings = run(tmp_path_factory.mktemp("untracked"))
    assert warnings == []
    return made


def assert_same(made: cfplug.Run, untracked: cfplug.Run) -> None:
    assert {path.name for path in made.path.iterdir()} == {
        path.name for path in untracked.path.iterdir()
    }
    ours, theirs = kept(made), kept(untracked)
    assert {"metrics.json", "predictions.parquet", "models/pmf-fold-2/weights.safetensors"} < set(
        theirs
    )
    assert ours == theirs


def tracked(database: Path) -> tuple[MlflowClient, Run, list[Run]]:
    """Return MLflow's client, the run of the recipe and those of its models in order of start."""
    client = MlflowClient(f"sqlite:///{database}")
    found = client.get_experiment_by_name("cfplug")
    assert found is not None
    parent, *children = client.search_runs(
        [found.experiment_id], order_by=["attributes.start_time ASC"]
    )
    return client, parent, children


def test_a_tracked_run_gives_the_same_bytes_and_mlflow_and_the_log_have_its_numbers(
    tmp_path: Path, database: Path, untracked: cfplug.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CFPLUG_MLFLOW", f"sqlite:///{database}")
    monkeypatch.setenv("CFPLUG_LOG", str(tmp_path / "e.jsonl"))
    made, warnings = run(tmp_path)
    assert warnings == []
    assert_same(made, untracked)
    client, parent, children = tracked(database)
    assert [
        (each.data.tags["cfplug.model"], each.data.tags["cfplug.fold"]) for each in children
    ] == PLACES
    rows = {
        (row.model, row.fold): row.value for row in made.metrics.itertuples() if row.metric == "mse"
    }
    assert {
        place: each.data.metrics["valid/mse"] for place, each in zip(PLACES, children, strict=True)
    } == rows
    curve = client.get_metric_history(children[0].info.run_id, "train_loss")
    log = [json.loads(line) for line in (tmp_path / "e.jsonl").read_text().splitlines()]
    epochs = [line for line in log if line["event"] == "epoch_finished" and line["fold"] == "1"]
    assert [each.value for each in curve] == [line["train_loss"] for line in epochs]
    assert (log[0]["event"], log[-1]["event"]) == ("run_started", "run_finished")
    assert {line["run"] for line in log} == {str(made.path)}
    assert parent.data.tags["cfplug.folder"] == str(made.path)


def test_a_run_that_was_stopped_and_resumed_is_one_run_in_mlflow(
    tmp_path: Path, database: Path, untracked: cfplug.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CFPLUG_MLFLOW", f"sqlite:///{database}")
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    (plugins / STOPPER.name).write_text(STOPPER.read_text())
    sys.modules.pop("stopper", None)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, plugins_dir=[plugins])
    _, stopped, (pmf,) = tracked(database)
    assert (stopped.info.status, pmf.info.status) == ("KILLED", "KILLED")
    assert stopped.data.tags["cfplug.error"] == "KeyboardInterrupt"
    resumed = cfplug.resume(stopped.data.tags["cfplug.resume"], reporter=Listening())
    assert_same(resumed, untracked)
    client, parent, children = tracked(database)
    assert (parent.info.run_id, children[0].info.run_id) == (stopped.info.run_id, pmf.info.run_id)
    assert {each.info.status for each in (parent, *children)} == {"FINISHED"}
    assert [each.data.tags["cfplug.fold"] for each in children] == ["1", "1", "2", "2"]
    assert [each.step for each in client.get_metric_history(pmf.info.run_id, "train_loss")] == [
        1,
        2,
    ]


def test_a_run_that_fails_says_in_mlflow_what_failed_and_where(
    tmp_path: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CFPLUG_MLFLOW", f"sqlite:///{database}")
    with pytest.raises(cfplug.DataError):
        run(
            tmp_path,
            RECIPE.replace(
                "{use: synthetic, users: 30, items: 17, ratings: 200}",
                "{use: csv, ratings: no.csv}",
            ),
        )
    _, parent, children = tracked(database)
    assert (parent.info.status, children) == ("FAILED", [])
    assert parent.data.tags["cfplug.error"].startswith("DataError: ")
    assert parent.data.tags["cfplug.where"].startswith("in step read: tables/csv of plugin tables")
    assert "cfplug.resume" not in parent.data.tags


@contextmanager
def silent_server() -> Iterator[tuple[str, socket.socket]]:
    """An address at which someone listens and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}", server


def calls(server: socket.socket) -> int:
    """How often the server was called."""
    server.settimeout(0.1)
    count = 0
    while True:
        try:
            server.accept()[0].close()
        except TimeoutError:
            return count
        count += 1


def test_a_server_that_never_answers_costs_one_warning_and_one_wait(
    tmp_path: Path, untracked: cfplug.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with silent_server() as (address, server):
        monkeypatch.setenv("CFPLUG_MLFLOW", address)
        made, warnings = run(tmp_path)
        assert calls(server) == 1
    (warning,) = warnings
    assert warning.startswith(
        "warning: the observer cfplug_run_started of plugin tracking (cfplug "
    )
    assert warning.endswith(
        f" raised PluginError: CFPLUG_MLFLOW={address}: TimeoutError: timed out "
        "(the run is not recorded there)"
    )
    assert_same(made, untracked)


def test_a_closed_port_and_a_log_without_a_folder_cost_one_warning_together(
    tmp_path: Path, untracked: cfplug.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with silent_server() as (address, _):
        pass
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("CFPLUG_MLFLOW", address.replace("//", "//ann:secret@"))
    monkeypatch.setenv("CFPLUG_LOG", str(tmp_path / "no" / "e.jsonl"))
    made, (warning,) = run(tmp_path)
    assert (
        f"CFPLUG_LOG={tmp_path}/no/e.jsonl: cannot be written: No such file or directory; and "
        in warning
    )
    assert (
        "ConnectionRefusedError: [Errno 111] Connection refused (the run is not recorded there)"
        in warning
    )
    assert "secret" not in warning
    assert_same(made, untracked)


def test_a_store_that_goes_away_on_the_way_costs_two_warnings_and_no_more(
    tmp_path: Path, database: Path, untracked: cfplug.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CFPLUG_MLFLOW", f"sqlite:///{database}")

    def gone(*_: object, **__: object) -> None:
        raise ConnectionError("gone")

    monkeypatch.setattr("cfplug_tracking.store.Store.metrics", gone)
    made, warnings = run(tmp_path)
    assert [warning.partition(" raised ")[0].split()[3] for warning in warnings] == [
        "cfplug_step_finished",
        "cfplug_run_finished",
    ]
    assert all(
        f"CFPLUG_MLFLOW=sqlite:///{database}: gone (the run" in warning for warning in warnings
    )
    assert_same(made, untracked)
