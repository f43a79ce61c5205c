"""How does MLflow take what is written? One experiment in a store, and the few things done to its runs.

Everything goes through MLflow's client, never through its notion of a current run: a notebook's own
is left alone."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

import cfplug
from cfplug_tracking.naming import TAG, cut
from cfplug_tracking.settings import EXPERIMENT, VARIABLE, Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Dataset, Run

KEY = "cfplug.key"
"""The tag by which a resumed run finds itself."""

AT_ONCE = 100
"""How many parameters or tags MLflow takes in one request."""

MANNERS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
}
"""MLflow's own variables while we use it. Without them it sends telemetry out, and waits for a server for minutes."""


@contextmanager
def manners() -> Iterator[None]:
    """Sets those of MANNERS that the environment leaves open, for a while."""
    ours = {name: value for name, value in MANNERS.items() if name not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            os.environ.pop(name, None)


def now() -> int:
    """The time as MLflow counts it, in milliseconds."""
    return int(time.time() * 1000)


@frozen(eq=False)
class Store:
    """The experiment that `settings` name."""

    client: MlflowClient
    experiment: str

    @classmethod
    def at(cls, settings: Settings) -> Store:
        """Make the experiment if there is none; PluginError if MLflow is not installed or the experiment is deleted."""
        try:
            from mlflow import MlflowClient
        except ImportError as error:
            raise cfplug.PluginError(
                f"{VARIABLE} needs MLflow ({error}); install it with: pip install 'cfplug[tracking]'"
            ) from error
        client = MlflowClient(settings.uri, registry_uri=settings.uri)
        return cls(client, _experiment(client, settings))

    def begin(self, name: str, tags: Mapping[str, str], parent: str = "") -> str:
        """A new run, inside of `parent` if one is given; its id."""
        above = {"mlflow.parentRunId": parent} if parent else {}
        cut_tags = {key: cut(value, TAG) for key, value in {**tags, **above}.items()}
        return str(
            self.client.create_run(
                self.experiment, run_name=cut(name, TAG), tags=cut_tags
            ).info.run_id
        )

    def found(self, key: str) -> Run | None:
        """The last run that was begun with this key."""
        runs = self.client.search_runs([self.experiment], f"tags.`{KEY}` = '{key}'", max_results=1)
        return runs[0] if runs else None

    def reopen(self, run: str) -> None:
        self.client.update_run(run, status="RUNNING")

    def params(self, run: str, params: Mapping[str, str]) -> None:
        """Values that are no longer than MLflow takes, however many."""
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
        """Note the data, which MLflow shows beside the run."""
        from mlflow.entities import DatasetInput

        self.client.log_inputs(run, [DatasetInput(dataset)])

    def keep(self, run: str, path: Path) -> None:
        """Put a file, or all that lies in a folder, among the run's artifacts."""
        (self.client.log_artifacts if path.is_dir() else self.client.log_artifact)(run, str(path))

    def steps(self, run: str, metric: str) -> set[int]:
        """The steps at which a metric is known already."""
        return {each.step for each in self.client.get_metric_history(run, metric)}

    def end(self, run: str, status: str, moment: int) -> None:
        """`status` is FINISHED, FAILED or KILLED."""
        self.client.set_terminated(run, status, moment)


def _experiment(client: MlflowClient, settings: Settings) -> str:
    """The experiment's id. Beside a sqlite file lie the artifacts too, wherever the run was started from."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(settings.experiment)
    if found is None:
        beside = settings.database
        place = str(beside.resolve().parent / "mlartifacts") if beside else None
        try:
            return client.create_experiment(settings.experiment, artifact_location=place)
        except MlflowException:  # another run may have made it at the same moment
            found = client.get_experiment_by_name(settings.experiment)
            if found is None:
                raise
    if found.lifecycle_stage != "active":
        raise cfplug.PluginError(
            f"the experiment {settings.experiment} is deleted in MLflow; restore it, or name another with {EXPERIMENT}"
        )
    return str(found.experiment_id)
