"""The events of a run, and an MLflow that is created once and copied for each test."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from attrs import frozen

import cfplug
from cfplug.plugin.hookspecs import EpochFinished, RunFailed, RunFinished, RunStarted, StepFinished

RECIPE = """\
title: Two models, <b>two</b> seeds
data: {use: synthetic, users: 31, items: 17, ratings: 200}
models:
  - use: pmf
    factors: 3
  - {use: mean, name: "Müller & Söhne (plain)"}
metrics: [mae, mse]
train: {epochs: 2, batch_size: 32}
claims:
  - {metric: mae, model: pmf, at_most: 0.0001}
device: cpu
seeds: [0, 7]
"""
PLAIN = "Müller & Söhne (plain)"
PLACES = (("pmf", 0), (PLAIN, 0), ("pmf", 7), (PLAIN, 7))


@frozen
class Events:
    """The events of a run of RECIPE whose folder is `run`, as the runner would record them."""

    run: Path
    recipe: Path

    @property
    def partial(self) -> Path:
        return self.run.with_name(f"{self.run.name}.partial")

    def started(self, *, resumed: bool = False) -> RunStarted:
        tree = cfplug.read_recipe(self.recipe).tree()
        return RunStarted(tree["title"], str(self.recipe), self.partial, resumed, self.run, tree)

    def step(self, step: str, model: str = "", seed: int = 0, seconds: float = 0.5) -> StepFinished:
        return StepFinished(step, model, seed, seconds, run=self.run)

    def epoch(
        self, epoch: int, model: str = "pmf", seed: int = 0, loss: float = 1.5
    ) -> EpochFinished:
        return EpochFinished(
            model, seed, epoch, 2, loss / epoch, 2 * loss / epoch, 0.25, run=self.run
        )

    def finished(self) -> RunFinished:
        """The folder is whole; the value of a metric tells model, seed and metric apart."""
        if self.partial.exists():
            self.partial.rename(self.run)
        rows = tuple(
            (model, seed, "", "valid", metric, 1.0 + 2 * order + shift)
            for order, (model, seed) in enumerate(PLACES)
            for metric, shift in (("mae", 0.0), ("mse", 0.25))
        )
        return RunFinished(self.run, rows, False)

    def failed(self, *, interrupted: bool = False) -> RunFailed:
        where = ("in step train: factors/pmf", "in fold u1")
        return RunFailed(self.partial, "ValueError: no", where, interrupted, interrupted, self.run)


@pytest.fixture(autouse=True)
def _nothing_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ignore the variables of the user's environment, and keep MLflow from sending telemetry."""
    for name in (
        "CFPLUG_MLFLOW",
        "CFPLUG_MLFLOW_EXPERIMENT",
        "CFPLUG_MLFLOW_ARTIFACTS",
        "CFPLUG_LOG",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")


@pytest.fixture
def events(tmp_path: Path) -> Events:
    return events_in(tmp_path)


def events_in(folder: Path) -> Events:
    """A run whose folder has what the runner writes and the plugin reads."""
    recipe = folder / "two.yaml"
    recipe.write_text(RECIPE)
    made = Events(folder / "runs" / "two-1", recipe)
    made.partial.mkdir(parents=True)
    for name in (
        "recipe.yaml",
        "resolved.yaml",
        "report.html",
        "metrics.json",
        "history.csv",
        "catalogue.json",
    ):
        (made.partial / name).write_text(f"the {name}\n")
    (made.partial / "environment.json").write_text(json.dumps({"data_sha256": "ab" * 32}))
    (made.partial / "models" / "pmf").mkdir(parents=True)
    (made.partial / "models" / "pmf" / "weights.safetensors").write_bytes(b"weights")
    return made


@pytest.fixture(scope="session")
def events_once(tmp_path_factory: pytest.TempPathFactory) -> Events:
    """The same for a run that several tests look at."""
    return events_in(tmp_path_factory.mktemp("once"))


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database with its tables and nothing in them: they take MLflow seconds to make."""
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("empty") / "mlflow.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path.parent)
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def database(empty_database: Path, tmp_path: Path) -> Path:
    return copied(empty_database, tmp_path)


@pytest.fixture(scope="session")
def database_once(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(empty_database, tmp_path_factory.mktemp("once"))


def copied(database: Path, folder: Path) -> Path:
    """A fresh MLflow database in a folder with a hostile name."""
    place = folder / "own 'place' #1"
    place.mkdir()
    return Path(shutil.copy(database, place / "mlflow.db"))
