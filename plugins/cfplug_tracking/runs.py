"""Record a run in MLflow: one run for the recipe, with a child for each model, seed and fold.

| run | content |
| --- | --- |
| recipe | the parameters of the resolved recipe; mean `MODEL/PART/METRIC`; files |
| model | its parameters; `train_loss` and `valid_loss` by epoch; `PART/METRIC` |
| both | `seconds/STEP`; tags: title, recipe, folder, version, error; the data with its hash |

A resumed run continues the same MLflow runs; its seconds are those of all parts together.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean
from typing import Any

from attrs import Factory, define, frozen

import cfplug
from cfplug.plugin.hookspecs import EpochFinished, RunFailed, RunFinished, RunStarted, StepFinished
from cfplug_tracking import settings as asked
from cfplug_tracking.mlflow_names import name, params, params_of_model, plain
from cfplug_tracking.settings import Settings
from cfplug_tracking.store import KEY, Store, defaults, now

WRITTEN = ("recipe.yaml", "resolved.yaml")
"""The files of a run folder from its start."""

REPORT = (
    "report.html",
    "metrics.json",
    "claims.json",
    "history.csv",
    "comparison.csv",
    "newcomers.csv",
    "environment.json",
)
"""The further files of a finished one that people read."""

SOURCE = 65535
"""The maximum characters that MLflow keeps of a source of data."""

Place = tuple[str, int, str]
"""The name, seed and fold of a model."""


@define(eq=False)
class Entry:
    """A run in MLflow: id, seconds of each step, recorded epochs, time of the last record."""

    id: str
    seconds: dict[str, float] = Factory(dict)
    epochs: set[int] = Factory(set)
    last: int = Factory(now)


@frozen(eq=False)
class MlflowRuns:
    """One cfplug run in MLflow."""

    settings: Settings
    event: RunStarted
    store: Store
    whole: Entry
    models: dict[Place, Entry] = Factory(dict)

    @classmethod
    def begun(cls, settings: Settings, event: RunStarted) -> MlflowRuns:
        """Begin the run in MLflow, or continue it if it is resumed and known there."""
        with _naming_store(settings):
            store = Store.at(settings)
            key = _key(event.run)
            entry = _continued(store, key) if event.resumed else None
            return cls(settings, event, store, entry or _new(store, event, settings, key))

    def record(self, event: object) -> None:
        """Record an event; raise PluginError, naming the store, if MLflow fails."""
        with _naming_store(self.settings):
            match event:
                case StepFinished():
                    self._step(event)
                case EpochFinished():
                    self._epoch(event)
                case RunFinished():
                    self._finished(event)
                case RunFailed():
                    self._failed(event)

    def _step(self, event: StepFinished) -> None:
        entry = self._model((event.model, event.seed, event.fold)) if event.model else self.whole
        entry.seconds[event.step] = entry.seconds.get(event.step, 0.0) + event.seconds
        self.store.metrics(entry.id, {name("seconds", event.step): entry.seconds[event.step]})
        entry.last = now()

    def _epoch(self, event: EpochFinished) -> None:
        entry = self._model((event.model, event.seed, event.fold))
        if event.epoch not in entry.epochs:
            losses = {"train_loss": event.train_loss, "valid_loss": event.valid_loss}
            self.store.metrics(entry.id, {**losses, "seconds/epoch": event.seconds}, event.epoch)
            entry.epochs.add(event.epoch)
        entry.last = now()

    def _model(self, place: Place) -> Entry:
        """Return the run of a model, and finish the one before: models are trained in sequence."""
        if place not in self.models:
            self._close("FINISHED")
            key = _key(self.event.run, *place)
            entry = _continued(self.store, key) if self.event.resumed else None
            self.models[place] = entry or self._new_model(place, key)
        return self.models[place]

    def _new_model(self, place: Place, key: str) -> Entry:
        model, seed, fold = place
        tags = {"cfplug.kind": "model", "cfplug.model": model, "cfplug.seed": str(seed), KEY: key}
        tags |= {"cfplug.fold": fold} if fold else {}
        of_seed = f" seed {seed}" if len(self.event.resolved["seeds"]) > 1 else ""
        title = f"{model}{of_seed}{f' fold {fold}' if fold else ''}"
        entry = Entry(self.store.begin(title, {**_tags(self.event), **tags}, self.whole.id))
        self.store.params(entry.id, params_of_model(self.event.resolved, *place))
        return entry

    def _close(self, status: str) -> None:
        """End the run of the most recent model."""
        if self.models:
            entry = list(self.models.values())[-1]
            self.store.end(entry.id, status, entry.last)

    def _finished(self, event: RunFinished) -> None:
        rows: dict[Place, dict[str, float]] = {}
        means: dict[str, list[float]] = {}
        for model, seed, fold, part, metric, value in event.metrics:
            rows.setdefault((model, seed, fold), {})[name(part, metric)] = value
            means.setdefault(name(model, part, metric), []).append(value)
        for place, values in rows.items():
            self.store.metrics(self._model(place).id, values)
        self._close("FINISHED")
        self.store.metrics(self.whole.id, {key: fmean(values) for key, values in means.items()})
        self._note_data(event.folder)
        if self.event.resolved["claims"]:
            self.store.tag(
                self.whole.id, {"cfplug.claims_met": "yes" if event.claims_met else "no"}
            )
        self._keep(event.folder)
        self.store.end(self.whole.id, "FINISHED", now())

    def _note_data(self, folder: Path) -> None:
        from mlflow.entities import Dataset

        sha256 = json.loads((folder / "environment.json").read_text(encoding="utf-8"))[
            "data_sha256"
        ]
        source = {
            key: value for key, value in self.event.resolved["data"].items() if value is not None
        }
        data = Dataset(
            source["use"], sha256[:36], "cfplug", json.dumps(source, default=plain)[:SOURCE]
        )
        for entry in (self.whole, *self.models.values()):
            self.store.tag(entry.id, {"cfplug.data_sha256": sha256})
            self.store.learned_from(entry.id, data)

    def _keep(self, folder: Path) -> None:
        files = []
        if self.settings.artifacts == "all":
            files = [folder]
        elif self.settings.artifacts == "report":
            files = [folder / name for name in REPORT]
        for path in files:
            if path.exists():
                self.store.keep(self.whole.id, path)

    def _failed(self, event: RunFailed) -> None:
        status = "KILLED" if event.interrupted else "FAILED"
        kept = {"cfplug.resume": str(event.folder)} if event.kept else {}
        where = {"cfplug.where": "; ".join(event.where)} if event.where else {}
        self.store.tag(self.whole.id, {"cfplug.error": event.error, **where, **kept})
        self._close(status)
        self.store.end(self.whole.id, status, now())


def open_run(event: RunStarted, environment: Mapping[str, str]) -> MlflowRuns | None:
    """Begin the run in MLflow; return None where the environment does not ask for it."""
    settings = asked.read(environment)
    return MlflowRuns.begun(settings, event) if settings else None


def _new(store: Store, event: RunStarted, settings: Settings, key: str) -> Entry:
    tags = {
        "cfplug.kind": "run",
        "cfplug.seeds": ", ".join(map(str, event.resolved["seeds"])),
        KEY: key,
    }
    about = {"mlflow.note.content": event.title}
    entry = Entry(store.begin(event.run.name, {**_tags(event), **tags, **about}))
    store.params(entry.id, params(event.resolved))
    for file in WRITTEN if settings.artifacts != "none" else ():
        store.keep(entry.id, event.folder / file)
    return entry


def _tags(event: RunStarted) -> dict[str, str]:
    """Return the tags of every run."""
    return {
        "cfplug.title": event.title,
        "cfplug.recipe": event.recipe,
        "cfplug.folder": str(event.run.absolute()),
        "cfplug.version": cfplug.__version__,
        "mlflow.source.name": event.recipe,
        "mlflow.source.type": "LOCAL",
        **_user(),
    }


def _user() -> dict[str, str]:
    try:
        return {"mlflow.user": getpass.getuser()}
    except (OSError, KeyError):  # a container may know no name for its user
        return {}


def _continued(store: Store, key: str) -> Entry | None:
    """Reopen the run with this key; return None if there is none."""
    run = store.found(key)
    if run is None:
        return None
    store.reopen(run.info.run_id)
    seconds = {}
    for metric, value in run.data.metrics.items():
        if metric.startswith("seconds/"):
            seconds[metric.removeprefix("seconds/")] = value
    return Entry(run.info.run_id, seconds, store.steps(run.info.run_id, "train_loss"))


def _key(run: Path, *place: Any) -> str:
    """Return a key for a run or a model of it, safe in a query."""
    text = json.dumps([os.path.realpath(run), *place])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@contextmanager
def _naming_store(settings: Settings) -> Iterator[None]:
    """Turn what MLflow raises into a PluginError that names the store, without a password."""
    try:
        with defaults():
            yield
    except cfplug.PluginError:
        raise
    except Exception as error:
        raise cfplug.PluginError(f"{settings.shown}: {settings.masked(_reason(error))}") from None


def _reason(error: BaseException) -> str:
    """Return the root cause of an error in one line; MLflow's own text has it at the end."""
    root = error
    while cause := root.__cause__ or root.__context__:
        root = cause
    text = " ".join(str(root).split())[:300]
    return text if root is error and text else f"{type(root).__name__}: {text}".removesuffix(": ")
