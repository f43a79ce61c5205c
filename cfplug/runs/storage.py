"""Write the parts of a run to files, and read them back as data, never as code.

| file | what it holds |
| --- | --- |
| `recipe.yaml`, `resolved.yaml` | the recipe as it was written, and with every default filled in |
| `metrics.json`, `claims.json` | what was measured; what was claimed about it |
| `comparison.csv` | where there are several models: how they differ on the same ratings |
| `history.csv` | the losses and seconds of every epoch |
| `predictions.parquet` | a prediction for every rating that is measured, with its origin |
| `newcomers.parquet`, `newcomers.csv` | with `cold_starts`: errors for each new id; a summary |
| `environment.json` | what else the numbers depend on: versions, data, seeds, machine |
| `report.html`, `sections.json` | the page for people; what the analyzers found, as data |
| `sections/MODEL/ANALYZER/*.csv` | every table and chart of that, for other programs |
| `models/NAME/weights.safetensors` | what a model learned, as arrays |
| `models/NAME/model.json` | the model as JSON: component, seed, shapes, scale, weights' SHA-256 |
| `models/NAME/seconds.json` | how long it trained: apart, since all else is the same each time |
| `catalogue.json`, `rated.safetensors` | ids and labels of users and items; ratings in codes |
| `metadata.json` | what else is known of users and items |
| `data.json` | the data's SHA-256: a resumed run must find the same data |
| `figures/MODEL/ANALYZER/*.svg` | every chart as a picture, once someone has asked for them |
| `files.json` | the SHA-256 of every other file, written last; what was changed is refused |
| `checkpoints/` | only in a `.partial` folder: from which a stopped run goes on |
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pandas as pd
from attrs import frozen

from cfplug.data.catalogue import Catalogue
from cfplug.data.dataset import Scale
from cfplug.data.metadata import Metadata
from cfplug.data.vocabulary import SIDES, Vocabulary
from cfplug.errors import ArtifactError, shown
from cfplug.evaluation.cold_start import SUMMARY
from cfplug.files import (
    arrays_to_bytes,
    json_text,
    read_arrays,
    read_bytes,
    read_json,
    read_text,
    sha256,
    write_file,
)
from cfplug.plugin.registry import Registry, load
from cfplug.prediction.fitted_model import FittedModel
from cfplug.prediction.policy import Policy, policy_of, quiet_context
from cfplug.recipe.parser import parse_recipe
from cfplug.recipe.reader import can_name_a_folder
from cfplug.recipe.recipe import ModelUse, Recipe
from cfplug.report.serialize import read_section
from cfplug.runs.folder import PARTIAL, RunFolder
from cfplug.runs.run import METRICS, Run
from cfplug.training.checkpoint import Checkpoint, Epoch
from cfplug.training.fit import Fitted, arrays_of, restore, words_of

CHECKPOINTS = "checkpoints"
"""The folder of an unfinished run that a finished one does not have."""

SECONDS = "seconds.json"
"""How long a model trained; apart, since a model's other files are the same each time."""

NEWCOMERS = "newcomers.csv"

INDEX = "files.json"
"""The SHA-256 of every other file, written last: a folder that has it only lacks its name."""


def model_folder(recipe: Recipe, name: str, seed: int, fold: str = "") -> str:
    """Return the folder of a model; it names fold and seed where there are several."""
    place = f"models/{name}"
    if fold:
        place += f"-fold-{fold}"
    if len(recipe.seeds) > 1:
        place += f"-seed-{seed}"
    return place


# Writing


def write_model(folder: RunFolder, place: str, fitted: Fitted, scale: Scale) -> None:
    """Write the history and weights first: a folder with model.json is whole."""
    history = json_text([attrs.asdict(epoch) for epoch in fitted.history])
    folder.write(f"{CHECKPOINTS}/{place}.history.json", history)
    weights = arrays_to_bytes(arrays_of(fitted.model))
    folder.write(f"{place}/weights.safetensors", weights)
    folder.write(f"{place}/{SECONDS}", json_text({"seconds": fitted.model.seconds}))
    words = words_of(fitted.model, scale) | {"weights_sha256": sha256(weights)}
    folder.write(f"{place}/model.json", json_text(words))


def write_catalogue(folder: RunFolder, catalogue: Catalogue) -> None:
    """Write the vocabularies and metadata as JSON, the ratings as arrays of codes and numbers."""
    ids, metadata = {}, {}
    for side in SIDES:
        ids[side] = catalogue.side(side).to_json()
        metadata[side] = catalogue.metadata[side].to_json()
    rated = {
        "user": catalogue.rated_user,
        "item": catalogue.rated_item,
        "rating": catalogue.rated_rating,
    }
    folder.write("catalogue.json", json_text(ids))
    folder.write("metadata.json", json_text(metadata))
    folder.write("rated.safetensors", arrays_to_bytes(rated))


def write_checkpoint(folder: RunFolder, place: str, checkpoint: Checkpoint) -> None:
    """Write the state after an epoch; it replaces the one before."""
    words = {"history": json.dumps([attrs.asdict(epoch) for epoch in checkpoint.history])}
    folder.write(f"{CHECKPOINTS}/{place}.safetensors", arrays_to_bytes(checkpoint.arrays, words))


def parquet(frame: pd.DataFrame) -> bytes:
    """Return the table as Parquet; a column of mixed ids becomes text."""
    mixed = [name for name in frame if frame[name].dtype == object]
    out = io.BytesIO()
    frame.astype(dict.fromkeys(mixed, str)).to_parquet(out, index=False)
    return out.getvalue()


def write_index(folder: RunFolder) -> None:
    """Write the SHA-256 of every file, by which a changed one is refused."""
    index = {}
    for path in folder.partial.rglob("*"):
        name = path.relative_to(folder.partial)
        is_kept = name.parts[0] != CHECKPOINTS and not path.name.startswith(".")
        if is_kept and path.is_file():
            index[name.as_posix()] = sha256(path.read_bytes())
    folder.write(INDEX, json_text(dict(sorted(index.items()))))


# Reading


@frozen
class OpenedFolder:
    """A finished run folder; every file is checked against the index before it is used."""

    path: Path
    index: Mapping[str, str]

    @classmethod
    def at(cls, path: Path) -> OpenedFolder:
        """Open the run at `path`; ArtifactError if there is no finished one."""
        if path.name.endswith(PARTIAL) and path.is_dir():
            raise ArtifactError(f"{path} is not finished; go on with: cfplug resume {path}")
        if not path.is_dir():
            raise ArtifactError(f"{path}: there is no such run")
        return cls.unnamed(path)

    @classmethod
    def unnamed(cls, path: Path) -> OpenedFolder:
        """Open a folder that has every file, whatever its name."""
        index = read_json(path / INDEX)
        if not isinstance(index, dict):
            raise ArtifactError(f"{path / INDEX} is damaged: it is not a table of files")
        return cls(path, index)

    def check(self, name: str) -> Path:
        """Return the path of a file that is still what the run wrote."""
        path = self.path / name
        read_bytes(path, str(self.index.get(name)))
        return path

    def add(self, files: Mapping[str, str]) -> list[Path]:
        """Write texts by file name, each whole or not at all; return their paths."""
        index = dict(self.index)
        for name, text in files.items():
            write_file(self.path / name, text)
            index[name] = sha256(text.encode())
        write_file(self.path / INDEX, json_text(dict(sorted(index.items()))))
        return [self.path / name for name in files]

    def json(self, name: str) -> Any:
        return read_json(self.check(name))

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        return read_arrays(self.check(name))[0]


def read_recipe_of(folder: Path, registry: Registry) -> Recipe:
    """Return the recipe of a run folder, finished or not, with the text as it was written."""
    path = folder / "resolved.yaml"
    resolved = parse_recipe(read_text(path), str(path), registry=registry)
    return attrs.evolve(resolved, text=read_text(folder / "recipe.yaml"))


def has_checkpoints(folder: RunFolder) -> bool:
    """Return whether anything was finished that a resumed run need not do again."""
    return any(path.is_file() for path in (folder.partial / CHECKPOINTS).rglob("*"))


def lacks_only_its_name(folder: RunFolder) -> bool:
    """Return whether a run was stopped after its last file; ArtifactError if one changed."""
    if not (folder.partial / INDEX).exists():
        return False
    written = OpenedFolder.unnamed(folder.partial)
    for name in written.index:
        written.check(name)
    return True


def read_checkpoint(folder: RunFolder, place: str) -> Checkpoint | None:
    """Return the last checkpoint of a model that was still training; None if it had none yet."""
    path = folder.partial / CHECKPOINTS / f"{place}.safetensors"
    if not path.exists():
        return None
    arrays, words = read_arrays(path)
    with _intact(path):
        return Checkpoint(arrays, _history(json.loads(words["history"])))


def read_fitted(
    folder: RunFolder, place: str, use: ModelUse, catalogue: Catalogue, policy: Policy | None
) -> Fitted | None:
    """Return a model that was finished before the run was stopped; None if it was not."""
    path = folder.partial / place
    if not (path / "model.json").exists():
        return None
    words = read_json(path / "model.json")
    with _intact(path / "model.json"):
        expected = str(words["weights_sha256"])
    arrays, _ = read_arrays(path / "weights.safetensors", expected)
    history_file = folder.partial / CHECKPOINTS / f"{place}.history.json"
    with _intact(history_file):
        history = _history(read_json(history_file))
    model = restore(use, catalogue, words, arrays, policy)
    return Fitted(_with_seconds(model, path / SECONDS), None, history)


def _with_seconds(model: FittedModel, path: Path) -> FittedModel:
    with _intact(path):
        return attrs.evolve(model, seconds=float(read_json(path)["seconds"]))


@contextmanager
def _intact(path: Path) -> Iterator[None]:
    """Turn data of another shape than was written into an ArtifactError that names the file."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ArtifactError(f"{path} is damaged: {type(error).__name__}: {error}") from error


def _history(rows: Iterable[Mapping[str, Any]]) -> tuple[Epoch, ...]:
    return tuple(Epoch(**row) for row in rows)


def open_run(path: str | Path, *, plugins_dir: Iterable[str | Path] = ()) -> Run:
    """Open the run in a folder; data is read, never code, and a changed file is refused."""
    folder = OpenedFolder.at(Path(path))
    return opened(folder, load(map(Path, plugins_dir)))


def opened(folder: OpenedFolder, registry: Registry) -> Run:
    """Return the run in an opened folder."""
    for name in ("recipe.yaml", "resolved.yaml"):
        folder.check(name)
    recipe = read_recipe_of(folder.path, registry)
    with _intact(folder.path / "metrics.json"):
        metrics = pd.DataFrame(folder.json("metrics.json"), columns=list(METRICS))
        occasions = _occasions(metrics)
    catalogue = read_catalogue(folder)
    models = []
    for seed, fold in occasions:
        policy = policy_of(recipe, quiet_context(seed))
        for use in recipe.models:
            place = model_folder(recipe, use.name, seed, fold)
            arrays = folder.arrays(f"{place}/weights.safetensors")
            model = restore(use, catalogue, folder.json(f"{place}/model.json"), arrays, policy)
            models.append(_with_seconds(model, folder.check(f"{place}/{SECONDS}")))
    with _intact(folder.path / "sections.json"):
        sections = tuple(map(read_section, folder.json("sections.json")))
    return Run(
        folder.path,
        recipe,
        tuple(models),
        metrics,
        sections,
        predictions=lambda: pd.read_parquet(folder.check("predictions.parquet")),
        cold_start_results=_cold_start_results(folder),
    )


def _cold_start_results(folder: OpenedFolder) -> pd.DataFrame:
    """Return how the recipe's cold-start strategies did; an empty table where it has none."""
    if NEWCOMERS not in folder.index:
        return pd.DataFrame(columns=SUMMARY)
    path = folder.check(NEWCOMERS)
    with _intact(path):
        return pd.read_csv(path)[SUMMARY]


def _occasions(metrics: pd.DataFrame) -> list[tuple[int, str]]:
    """Return every seed and fold, in the order of the run; ValueError if one is impossible."""
    found = metrics[["seed", "fold"]].drop_duplicates().astype(object).to_numpy().tolist()
    if not found:
        raise ValueError("it has no rows")
    for _, fold in found:
        if fold != "" and not can_name_a_folder(fold):
            raise ValueError(f"a fold's name is text that can name a folder; is {shown(fold)}")
    return [(int(seed), fold) for seed, fold in found]


def read_catalogue(folder: OpenedFolder) -> Catalogue:
    """Return the ids, metadata and ratings that `write_catalogue` wrote."""
    ids, metadata = folder.json("catalogue.json"), folder.json("metadata.json")
    rated = folder.arrays("rated.safetensors")
    with _intact(folder.path / "catalogue.json"):
        user, item = (Vocabulary.from_json(side, ids[side]) for side in SIDES)
    with _intact(folder.path / "metadata.json"):
        about = {
            "user": Metadata.from_json("user", metadata["user"], len(user)),
            "item": Metadata.from_json("item", metadata["item"], len(item)),
        }
    with _intact(folder.path / "rated.safetensors"):
        return Catalogue(user, item, rated["user"], rated["item"], rated["rating"], about)
