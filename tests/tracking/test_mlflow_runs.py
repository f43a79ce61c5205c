"""What MLflow's client returns of a run: parent, children, parameters, metrics, files."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cfplug_tracking import runs
from cfplug_tracking.runs import MlflowRuns
from mlflow import MlflowClient
from mlflow.entities import Run

import cfplug

PLAIN = "Müller & Söhne (plain)"
CHILDREN = ["pmf seed 0", f"{PLAIN} seed 0", "pmf seed 7", f"{PLAIN} seed 7"]


def asked(database: Path, **more: str) -> dict[str, str]:
    return {
        "CFPLUG_MLFLOW": f"sqlite:///{database}",
        "CFPLUG_MLFLOW_EXPERIMENT": "Kino '24",
        **more,
    }


def opened(events: Any, environment: Mapping[str, str], *, resumed: bool = False) -> MlflowRuns:
    writer = runs.open_run(events.started(resumed=resumed), environment)
    assert writer is not None
    return writer


def record_half(writer: MlflowRuns, events: Any) -> None:
    """The data, and the first epoch of the first model."""
    for event in (events.step("read"), events.step("split"), events.epoch(1)):
        writer.record(event)


def record_rest(writer: MlflowRuns, events: Any) -> None:
    """All models to their end; the first begins with its second epoch."""
    writer.record(events.epoch(2))
    for model, seed in (("pmf", 0), (PLAIN, 0), ("pmf", 7), (PLAIN, 7)):
        if (model, seed) == ("pmf", 7):
            writer.record(events.epoch(1, model, seed))
        writer.record(events.step("train", model, seed))
        writer.record(events.step("score", model, seed, 0.125))
        writer.record(events.step("score", model, seed, 0.25))
    writer.record(events.step("write"))
    writer.record(events.finished())


def seen(database: Path, experiment: str = "Kino '24") -> tuple[MlflowClient, Run, list[Run]]:
    """Return MLflow's client, the run of a recipe and its children in order of start."""
    client = MlflowClient(f"sqlite:///{database}")
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    every = client.search_runs([found.experiment_id], order_by=["attributes.start_time ASC"])
    (parent,) = [run for run in every if "mlflow.parentRunId" not in run.data.tags]
    children = [run for run in every if run is not parent]
    assert {run.data.tags["mlflow.parentRunId"] for run in children} <= {parent.info.run_id}
    return client, parent, children


def curve(client: MlflowClient, run: Run, metric: str) -> list[tuple[int, float]]:
    return [(each.step, each.value) for each in client.get_metric_history(run.info.run_id, metric)]


def files(client: MlflowClient, run: Run) -> list[str]:
    return [each.path for each in client.list_artifacts(run.info.run_id)]


@pytest.fixture(scope="module")
def whole(events_once: Any, database_once: Path) -> tuple[MlflowClient, Run, list[Run]]:
    """A run that went from its start to its end."""
    writer = opened(events_once, asked(database_once))
    record_half(writer, events_once)
    record_rest(writer, events_once)
    return seen(database_once)


def test_a_recipe_is_one_run_with_a_child_for_each_model_and_seed(
    whole: tuple[MlflowClient, Run, list[Run]],
) -> None:
    _, parent, children = whole
    assert parent.info.run_name == "two-1"
    assert [run.info.run_name for run in children] == CHILDREN
    assert {run.info.status for run in (parent, *children)} == {"FINISHED"}
    assert all(run.info.end_time >= run.info.start_time for run in (parent, *children))


def test_parameters_are_those_of_the_resolved_recipe(
    whole: tuple[MlflowClient, Run, list[Run]],
) -> None:
    _, parent, (pmf, plain, later, _) = whole
    assert parent.data.params["models/pmf/factors"] == "3"
    assert parent.data.params["models/pmf/train.epochs"] == "2"
    assert parent.data.params["models/pmf/train.optimizer"] == "adam"  # a default
    assert parent.data.params["data.use"] == "tables/synthetic"
    assert (pmf.data.params["model.factors"], pmf.data.params["seed"]) == ("3", "0")
    assert later.data.params == {**pmf.data.params, "seed": "7"}
    assert plain.data.params["model.use"] == "factors/mean"
    assert "train.epochs" not in plain.data.params


def test_losses_are_listed_by_epoch_in_the_run_of_their_model(
    whole: tuple[MlflowClient, Run, list[Run]],
) -> None:
    client, parent, (pmf, plain, later, _) = whole
    assert curve(client, pmf, "train_loss") == [(1, 1.5), (2, 0.75)]
    assert curve(client, pmf, "valid_loss") == [(1, 3.0), (2, 1.5)]
    assert curve(client, pmf, "seconds/epoch") == [(1, 0.25), (2, 0.25)]
    assert curve(client, later, "train_loss") == [(1, 1.5)]
    assert "train_loss" not in {**plain.data.metrics, **parent.data.metrics}


def test_metrics_are_with_their_model_and_their_means_with_the_recipe(
    whole: tuple[MlflowClient, Run, list[Run]],
) -> None:
    _, parent, children = whole
    assert [run.data.metrics["valid/mae"] for run in children] == [1.0, 3.0, 5.0, 7.0]
    assert [run.data.metrics["valid/mse"] for run in children] == [1.25, 3.25, 5.25, 7.25]
    means = {
        key: value for key, value in parent.data.metrics.items() if not key.startswith("seconds/")
    }
    plain = "Müller _ Söhne _plain_-e340e618"
    assert means == {
        "pmf/valid/mae": 3.0,
        "pmf/valid/mse": 3.25,
        f"{plain}/valid/mae": 5.0,
        f"{plain}/valid/mse": 5.25,
    }


def test_seconds_are_summed_by_step(whole: tuple[MlflowClient, Run, list[Run]]) -> None:
    _, parent, (pmf, *_) = whole
    seconds = {
        key: value for key, value in parent.data.metrics.items() if key.startswith("seconds/")
    }
    assert seconds == {"seconds/read": 0.5, "seconds/split": 0.5, "seconds/write": 0.5}
    assert (pmf.data.metrics["seconds/train"], pmf.data.metrics["seconds/score"]) == (0.5, 0.375)


def test_tags_say_where_a_run_comes_from(
    whole: tuple[MlflowClient, Run, list[Run]], events_once: Any
) -> None:
    _, parent, (pmf, *_) = whole
    shared = {
        "cfplug.title": "Two models, <b>two</b> seeds",
        "cfplug.recipe": str(events_once.recipe),
        "cfplug.folder": str(events_once.run),
        "cfplug.version": cfplug.__version__,
        "cfplug.data_sha256": "ab" * 32,
    }
    assert shared.items() <= parent.data.tags.items()
    assert shared.items() <= pmf.data.tags.items()
    assert {
        "cfplug.kind": "run",
        "cfplug.seeds": "0, 7",
        "cfplug.claims_met": "no",
    }.items() <= parent.data.tags.items()
    assert {
        "cfplug.kind": "model",
        "cfplug.model": "pmf",
        "cfplug.seed": "0",
    }.items() <= pmf.data.tags.items()
    for run in (parent, pmf):
        (data,) = run.inputs.dataset_inputs
        assert (data.dataset.name, data.dataset.digest) == ("tables/synthetic", ("ab" * 32)[:36])


def test_artifacts_are_stored_next_to_the_database(
    whole: tuple[MlflowClient, Run, list[Run]], database_once: Path
) -> None:
    client, parent, children = whole
    kept = [
        "environment.json",
        "history.csv",
        "metrics.json",
        "recipe.yaml",
        "report.html",
        "resolved.yaml",
    ]
    assert files(client, parent) == kept
    assert [files(client, run) for run in children] == [[]] * 4
    report = database_once.parent / "mlartifacts" / parent.info.run_id / "artifacts" / "report.html"
    assert report.read_text() == "the report.html\n"


@pytest.mark.parametrize(("artifacts", "count"), [("none", 0), ("all", 8)])
def test_artifacts_can_be_the_whole_folder_or_nothing(
    events: Any, database: Path, artifacts: str, count: int
) -> None:
    writer = opened(events, asked(database, CFPLUG_MLFLOW_ARTIFACTS=artifacts))
    record_half(writer, events)
    record_rest(writer, events)
    client, parent, _ = seen(database)
    assert len(files(client, parent)) == count
    weights = client.list_artifacts(parent.info.run_id, "models/pmf")
    assert [each.path for each in weights] == (["models/pmf/weights.safetensors"] if count else [])


def test_a_run_on_its_way_is_running_with_all_that_is_known(events: Any, database: Path) -> None:
    record_half(opened(events, asked(database)), events)
    client, parent, (pmf,) = seen(database)
    assert (parent.info.status, pmf.info.status) == ("RUNNING", "RUNNING")
    assert curve(client, pmf, "train_loss") == [(1, 1.5)]
    assert files(client, parent) == ["recipe.yaml", "resolved.yaml"]


def test_a_model_is_finished_when_the_next_begins(events: Any, database: Path) -> None:
    writer = opened(events, asked(database))
    record_half(writer, events)
    writer.record(events.step("train", PLAIN))
    _, parent, children = seen(database)
    assert [run.info.status for run in (parent, *children)] == ["RUNNING", "FINISHED", "RUNNING"]


@pytest.mark.parametrize(("interrupted", "status"), [(False, "FAILED"), (True, "KILLED")])
def test_a_run_that_was_stopped_says_why_and_where(
    events: Any, database: Path, interrupted: bool, status: str
) -> None:
    writer = opened(events, asked(database))
    record_half(writer, events)
    writer.record(events.failed(interrupted=interrupted))
    _, parent, (pmf,) = seen(database)
    assert (parent.info.status, pmf.info.status) == (status, status)
    assert parent.data.tags["cfplug.error"] == "ValueError: no"
    assert parent.data.tags["cfplug.where"] == "in step train: factors/pmf; in fold u1"
    assert parent.data.tags.get("cfplug.resume") == (str(events.partial) if interrupted else None)


@pytest.mark.parametrize("word", [True, False])
def test_a_resumed_run_goes_on_in_the_same_runs(events: Any, database: Path, word: bool) -> None:
    """Whether it could still say that it was stopped, or was killed without a word."""
    writer = opened(events, asked(database))
    record_half(writer, events)
    if word:
        writer.record(events.failed(interrupted=True))
    _, before, (pmf_before,) = seen(database)
    again = opened(events, asked(database), resumed=True)
    assert seen(database)[1].info.status == "RUNNING"
    for event in (
        events.step("read"),
        events.epoch(1),
    ):  # an epoch whose checkpoint was not yet written
        again.record(event)
    record_rest(again, events)
    client, parent, children = seen(database)
    assert parent.info.run_id == before.info.run_id
    assert children[0].info.run_id == pmf_before.info.run_id
    assert [run.info.run_name for run in children] == CHILDREN
    assert {run.info.status for run in (parent, *children)} == {"FINISHED"}
    assert curve(client, children[0], "train_loss") == [(1, 1.5), (2, 0.75)]
    assert parent.data.metrics["seconds/read"] == 1.0


def test_a_resumed_run_that_mlflow_never_heard_of_begins_there(events: Any, database: Path) -> None:
    writer = opened(events, asked(database), resumed=True)
    record_rest(writer, events)
    _, parent, children = seen(database)
    assert (parent.info.status, len(children)) == ("FINISHED", 4)


def test_a_run_that_is_not_resumed_is_a_new_one_even_in_the_same_place(
    events: Any, database: Path
) -> None:
    for _ in range(2):
        record_half(opened(events, asked(database)), events)
    client = MlflowClient(f"sqlite:///{database}")
    found = client.get_experiment_by_name("Kino '24")
    assert found is not None
    assert len(client.search_runs([found.experiment_id], "tags.`cfplug.kind` = 'run'")) == 2


def test_what_was_lost_on_the_way_is_made_up_for_at_the_end(events: Any, database: Path) -> None:
    writer = opened(events, asked(database))
    writer.record(events.finished())
    _, parent, children = seen(database)
    assert [run.data.metrics["valid/mae"] for run in children] == [1.0, 3.0, 5.0, 7.0]
    assert {run.info.status for run in (parent, *children)} == {"FINISHED"}


def test_a_deleted_experiment_is_reported_with_what_to_do(events: Any, database: Path) -> None:
    client = MlflowClient(f"sqlite:///{database}")
    client.delete_experiment(client.create_experiment("Kino '24"))
    with pytest.raises(cfplug.PluginError) as caught:
        opened(events, asked(database))
    assert str(caught.value) == (
        "the experiment Kino '24 is deleted in MLflow; restore it, or name "
        "another with CFPLUG_MLFLOW_EXPERIMENT"
    )


def test_what_mlflow_cannot_take_names_the_store_and_the_reason(
    events: Any, database: Path
) -> None:
    writer = opened(events, asked(database))
    writer.store.client.delete_run(writer.whole.id)
    with pytest.raises(cfplug.PluginError) as caught:
        writer.record(events.step("read"))
    assert str(caught.value).startswith(
        f"CFPLUG_MLFLOW=sqlite:///{database}: The run {writer.whole.id} must be in"
    )


def test_the_environment_is_as_it_was_after_every_event(
    events: Any, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_DISABLE_TELEMETRY")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "33")
    before = dict(os.environ)
    during: list[str | None] = []
    real = MlflowClient.log_batch

    def listening(self: MlflowClient, *arguments: Any, **named: Any) -> Any:
        names = (
            "MLFLOW_DISABLE_TELEMETRY",
            "MLFLOW_HTTP_REQUEST_TIMEOUT",
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES",
        )
        during.extend(map(os.environ.get, names))
        return real(self, *arguments, **named)

    monkeypatch.setattr(MlflowClient, "log_batch", listening)
    writer = opened(events, asked(database))
    record_half(writer, events)
    assert dict(os.environ) == before
    assert set(during) == {"true", "33", "2"}


ABROAD = """
import os, socket, sys
from pathlib import Path
PREFIXES = ("MLFLOW_", "PYTEST_", "CI", "GITHUB_")
for name in [name for name in os.environ if name.startswith(PREFIXES)]:
    del os.environ[name]
asked = []
socket.getaddrinfo = lambda *where, **more: asked.append(where[:2]) or []
import cfplug, cfplug_tracking
from cfplug.plugin import hookspecs as events
os.environ["CFPLUG_MLFLOW"] = f"sqlite:///{sys.argv[1]}"
models = [{"name": "m", "use": "a/m"}]
run, tree = Path("t"), {"models": models, "data": {"use": "a/d"}, "seeds": [7], "claims": []}
folder = Path("t.partial")
cfplug_tracking.cfplug_run_started(events.RunStarted("t", "t", folder, run=run, resolved=tree))
cfplug_tracking.cfplug_epoch_finished(events.EpochFinished("m", 7, 1, 1, 1.0, 1.0, 1.0, "", run))
cfplug_tracking.cfplug_run_failed(events.RunFailed(folder, "E", (), False, False, run))
from mlflow.telemetry import get_telemetry_client
print(asked, get_telemetry_client())
"""


def test_mlflow_sends_nothing_to_anyone_else(database: Path, tmp_path: Path) -> None:
    folder = tmp_path / "t.partial"
    folder.mkdir()
    for name in ("recipe.yaml", "resolved.yaml"):
        (folder / name).write_text("")
    done = subprocess.run(
        [sys.executable, "-c", ABROAD, str(database)],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert done.stdout == "[] None\n"


WITHOUT = """
import os, sys
sys.modules["mlflow"] = None
os.environ["CFPLUG_MLFLOW"] = "http://127.0.0.1:9"
import cfplug, cfplug_tracking
from pathlib import Path
try:
    started = cfplug.plugin.hookspecs.RunStarted(
        "t", "t", Path("t.partial"), run=Path("t")
    )
    cfplug_tracking.cfplug_run_started(started)
except cfplug.PluginError as error:
    print(error)
"""


def test_without_mlflow_its_absence_is_reported_with_what_to_install() -> None:
    said = subprocess.run(
        [sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True
    ).stdout
    assert said == (
        "CFPLUG_MLFLOW needs MLflow (import of mlflow halted; None in sys.modules); "
        "install it with: pip install 'cfplug[tracking]' (the run is not recorded there)\n"
    )


SILENT = """
import sys, cfplug, cfplug_tracking
from pathlib import Path
from cfplug.plugin import hookspecs as events
run = Path("t")
cfplug_tracking.cfplug_run_started(events.RunStarted("t", "t", Path("t.partial"), run=run))
cfplug_tracking.cfplug_epoch_finished(events.EpochFinished("m", 1, 1, 1, 1.0, 1.0, 1.0, "", run))
cfplug_tracking.cfplug_step_finished(events.StepFinished("read", "", 1, 1.0, "", run))
cfplug_tracking.cfplug_run_finished(events.RunFinished(run, (), True))
print([name for name in ("mlflow", "sqlalchemy", "pandas", "torch") if name in sys.modules])
"""


def test_nothing_is_loaded_and_nothing_written_where_nothing_is_asked(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SILENT], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout == "[]\n"
    assert list(tmp_path.iterdir()) == []
