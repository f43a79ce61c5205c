"""Write to one experiment of an MLflow store.

Everything goes through MLflow's client, never through its current run: that of a notebook is left
alone.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

import cfplug
from cfplug_tracking.mlflow_names import TAG, cut
from cfplug_tracking.settings import EXPERIMENT, VARIABLE, Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Dataset, Run

KEY = "cfplug.key"
"""The tag that identifies a run when it is resumed."""

AT_ONCE = 100
"""The maximum parameters or tags of one request to MLflow."""

DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
}
"""MLflow's variables while in use: without them it sends telemetry and waits for minutes."""


@contextmanager
def defaults() -> Iterator[None]:
    """Set those of DEFAULTS that the environment does not, within the context."""
    ours = {name: value for name, value in DEFAULTS.items() if name not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            os.environ.pop(name, None)


def now() -> int:
    """Return the time in milliseconds, as MLflow counts it."""
    return int(time.time() * 1000)


@frozen(eq=False)
class Store:
    """An experiment of an MLflow store."""

    client: MlflowClient
    experiment: str

    @classmethod
    def at(cls, settings: Settings) -> Store:
        """Open the experiment of `settings`, and create it if necessary.

        Raises:
            PluginError: MLflow is not installed, or the experiment is deleted.
        """
        try:
            from mlflow import MlflowClient
        except ImportError as error:
            raise cfplug.PluginError(
                f"{VARIABLE} needs MLflow ({error}); "
                "install it with: pip install 'cfplug[tracking]'"
            ) from error
        client = MlflowClient(settings.uri, registry_uri=settings.uri)
        return cls(client, _experiment(client, settings))

    def begin(self, name: str, tags: Mapping[str, str], parent: str = "") -> str:
        """Create a run, inside of `parent` if given, and return its id."""
        above = {"mlflow.parentRunId": parent} if parent else {}
        cut_tags = {key: cut(value, TAG) for key, value in {**tags, **above}.items()}
        run = self.client.create_run(self.experiment, run_name=cut(name, TAG), tags=cut_tags)
        return str(run.info.run_id)

    def found(self, key: str) -> Run | None:
        """Return the latest run with this key, or None."""
        runs = self.client.search_runs([self.experiment], f"tags.`{KEY}` = '{key}'", max_results=1)
        return runs[0] if runs else None

    def reopen(self, run: str) -> None:
        self.client.update_run(run, status="RUNNING")

    def params(self, run: str, params: Mapping[str, str]) -> None:
        """Record any number of parameters, whose values MLflow accepts."""
        from mlflow.entities import Param

        rows = [Param(key, value) for key, value in params.items()]
        for start in range(0, len(rows), AT_ONCE):
            self.client.log_batch(run, params=rows[start : start + AT_ONCE])

    def metrics(self, run: str, values: Mapping[str, float], step: int = 0) -> None:
        from mlflow.entities import Metric

        moment = now()
        self.client.log_batch(
            run, metrics=[Metric(name, value, moment, step) for name, value in values.items()]
        )

    def tag(self, run: str, tags: Mapping[str, str]) -> None:
        from mlflow.entities import RunTag

        self.client.log_batch(
            run, tags=[RunTag(name, cut(value, TAG)) for name, value in tags.items()]
        )

    def learned_from(self, run: str, dataset: Dataset) -> None:
        """Record the data, which MLflow shows next to the run."""
        from mlflow.entities import DatasetInput

        self.client.log_inputs(run, [DatasetInput(dataset)])

    def keep(self, run: str, path: Path) -> None:
        """Add a file, or all files of a folder, to the run's artifacts."""
        if path.is_dir():
            self.client.log_artifacts(run, str(path))
        else:
            self.client.log_artifact(run, str(path))

    def steps(self, run: str, metric: str) -> set[int]:
        """Return the steps for which a metric is recorded."""
        return {each.step for each in self.client.get_metric_history(run, metric)}

    def end(self, run: str, status: str, moment: int) -> None:
        """End a run as FINISHED, FAILED or KILLED, at `moment` in milliseconds."""
        self.client.set_terminated(run, status, moment)


def _experiment(client: MlflowClient, settings: Settings) -> str:
    """Return the experiment's id; artifacts are next to a sqlite file, from any current folder."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(settings.experiment)
    if found is None:
        database = settings.database
        place = str(database.resolve().parent / "mlartifacts") if database else None
        try:
            return client.create_experiment(settings.experiment, artifact_location=place)
        except MlflowException:  # another run may have made it at the same moment
            found = client.get_experiment_by_name(settings.experiment)
            if found is None:
                raise
    if found.lifecycle_stage != "active":
        raise cfplug.PluginError(
            f"the experiment {settings.experiment} is deleted in MLflow; restore it, or name "
            f"another with {EXPERIMENT}"
        )
    return str(found.experiment_id)
