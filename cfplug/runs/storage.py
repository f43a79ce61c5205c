"""What of a run goes into which file of its folder, and back. Data only: opening a run runs no code from it.

| file | what it holds |
| --- | --- |
| `recipe.yaml`, `resolved.yaml` | the recipe as it was written, and with every default filled in |
| `metrics.json`, `claims.json` | what was measured; what was claimed beside it |
| `comparison.csv` | where there are several models: how they differ on the same ratings |
| `history.csv` | the losses and seconds of every epoch |
| `predictions.parquet` | a prediction for every rating that is measured, with its origin |
| `newcomers.parquet`, `newcomers.csv` | with `cold_starts`: each one's error for each newcomer; how they compare |
| `environment.json` | what the numbers depend on beside the recipe: versions, plugins, data, seeds, machine |
| `report.html`, `sections.json` | the page for people; what the analyzers found, as data |
| `sections/MODEL/ANALYZER/*.csv` | every table and chart of that, for other programs |
| `models/NAME/weights.safetensors` | what a model learned, as arrays |
| `models/NAME/model.json` | the same model in words: its component, seed, shapes and scale, and the weights' SHA-256 |
| `models/NAME/seconds.json` | how long it trained: apart, since all else is the same each time |
| `catalogue.json`, `rated.safetensors` | the ids and labels of users and items; who gave what to what, in codes |
| `metadata.json` | what is known of users and items beside that |
| `data.json` | the data's SHA-256: a resumed run must find the same data |
| `figures/MODEL/ANALYZER/*.svg` | every chart as a picture, once someone has asked for them |
| `files.json` | the SHA-256 of every other file, written last; what was changed is refused |
| `checkpoints/` | only in a `.partial` folder: where each model was, from which a stopped run goes on |
"""

from __future__ import annotations

import functools
import io
import json
import platform
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
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
    read_json,
    read_text,
    sha256,
    write_bytes,
    writing,
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
"""How long a model trained; in a file of its own, since the other files of a model are the same each time."""

NEWCOMERS = "newcomers.csv"

INDEX = "files.json"
"""The SHA-256 of every other file, written last: a folder that has it lacks nothing but its name."""


def model_folder(recipe: Recipe, name: str, seed: int, fold: str = "") -> str:
    """Where a model lies in the run folder; fold and seed are in the name where there are folds and several seeds."""
    of_fold, of_seed = (
        f"-fold-{fold}" if fold else "",
        f"-seed-{seed}" if len(recipe.seeds) > 1 else "",
    )
    return f"models/{name}{of_fold}{of_seed}"


# Writing


def write_model(folder: RunFolder, place: str, fitted: Fitted, scale: Scale) -> None:
    """The weights first, then the words: a folder with model.json is whole."""
    folder.write(
        f"{CHECKPOINTS}/{place}.history.json",
        json_text([attrs.asdict(epoch) for epoch in fitted.history]),
    )
    weights = arrays_to_bytes(arrays_of(fitted.model))
    folder.write(f"{place}/weights.safetensors", weights)
    folder.write(f"{place}/{SECONDS}", json_text({"seconds": fitted.model.seconds}))
    words = words_of(fitted.model, scale) | {"weights_sha256": sha256(weights)}
    folder.write(f"{place}/model.json", json_text(words))


def write_catalogue(folder: RunFolder, catalogue: Catalogue) -> None:
    """The vocabularies as JSON, the ratings as arrays of codes and numbers."""
    folder.write(
        "catalogue.json", json_text({side: catalogue.side(side).to_json() for side in SIDES})
    )
    folder.write(
        "metadata.json", json_text({side: catalogue.metadata[side].to_json() for side in SIDES})
    )
    rated = {
        "user": catalogue.rated_user,
        "item": catalogue.rated_item,
        "rating": catalogue.rated_rating,
    }
    folder.write("rated.safetensors", arrays_to_bytes(rated))


def write_checkpoint(folder: RunFolder, place: str, checkpoint: Checkpoint) -> None:
    """The state after an epoch; it replaces the one before."""
    words = {"history": json.dumps([attrs.asdict(epoch) for epoch in checkpoint.history])}
    folder.write(f"{CHECKPOINTS}/{place}.safetensors", arrays_to_bytes(checkpoint.arrays, words))


def parquet(frame: pd.DataFrame) -> bytes:
    """The table as Parquet; a column of mixed ids becomes text, since Parquet has one type a column."""
    mixed = [name for name in frame if frame[name].dtype == object]
    out = io.BytesIO()
    frame.astype(dict.fromkeys(mixed, str)).to_parquet(out, index=False)
    return out.getvalue()


def read_parquet(data: bytes) -> pd.DataFrame:
    """The table that `parquet` made bytes of."""
    return pd.read_parquet(io.BytesIO(data))


def environment(
    recipe: Recipe, registry: Registry, data_hash: str, facts: Mapping[str, Any]
) -> dict[str, Any]:
    """What the numbers depend on beside the recipe: versions, plugins, data, seeds, machine; and further `facts`."""
    import torch

    names = ("cfplug", "torch", "fastai", "numpy", "pandas", "pluggy")
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": {name: version(name) for name in names},
        "plugins": [
            {"name": plugin.name, "distribution": plugin.distribution, "version": plugin.version}
            for plugin in registry.plugins
            if plugin.state == "ok"
        ],
        "data_sha256": data_hash,
        "seeds": list(recipe.seeds),
        "threads": torch.get_num_threads(),
        **facts,
    }


def write_index(folder: RunFolder) -> None:
    """The SHA-256 of every file, by which a changed one is refused."""
    files = (
        path
        for path in folder.partial.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    )
    names = [path.relative_to(folder.partial) for path in files]
    kept = sorted(name.as_posix() for name in names if name.parts[0] != CHECKPOINTS)
    index = {name: sha256((folder.partial / name).read_bytes()) for name in kept}
    folder.write(INDEX, json_text(index))


# Reading


@frozen
class OpenedFolder:
    """A finished run folder; every file is checked against the index before it is used."""

    path: Path
    index: Mapping[str, str]

    @classmethod
    def at(cls, path: Path) -> OpenedFolder:
        """ArtifactError if there is no finished run at `path`."""
        if path.name.endswith(PARTIAL) and path.is_dir():
            raise ArtifactError(f"{path} is not finished; go on with: cfplug resume {path}")
        if not path.is_dir():
            raise ArtifactError(f"{path}: there is no such run")
        return cls.unnamed(path)

    @classmethod
    def unnamed(cls, path: Path) -> OpenedFolder:
        """The same for a folder that has every file, whatever its name."""
        index = read_json(path / INDEX)
        if not isinstance(index, dict):
            raise ArtifactError(f"{path / INDEX} is damaged: it is no table of files")
        return cls(path, index)

    def check(self, name: str) -> Path:
        """The path of a file that is still what the run wrote."""
        path = self.path / name
        try:
            found = sha256(path.read_bytes())
        except OSError as error:
            raise ArtifactError(f"{path} cannot be read: {error.strerror}") from error
        if found != self.index.get(name):
            raise ArtifactError(
                f"{path} is not the file that the run wrote: its SHA-256 is {found[:12]}..., "
                f"not {str(self.index.get(name))[:12]}..."
            )
        return path

    def add(self, files: Mapping[str, str]) -> list[Path]:
        """Put `files`, texts by name, into the folder, each whole or not at all; gives their paths."""
        index = dict(self.index)
        for name, text in files.items():
            path = self.path / name
            with writing(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                write_bytes(path, text.encode())
            index[name] = sha256(text.encode())
        with writing(self.path / INDEX):
            write_bytes(self.path / INDEX, json_text(dict(sorted(index.items()))).encode())
        return [self.path / name for name in files]

    def json(self, name: str) -> Any:
        return read_json(self.check(name))

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        return read_arrays(self.check(name))[0]


def read_recipe_of(folder: Path, registry: Registry) -> Recipe:
    """The resolved recipe of a run folder, finished or not, with the text as it was written."""
    resolved = parse_recipe(
        read_text(folder / "resolved.yaml"), str(folder / "resolved.yaml"), registry=registry
    )
    return attrs.evolve(resolved, text=read_text(folder / "recipe.yaml"))


def has_checkpoints(folder: RunFolder) -> bool:
    """Whether anything was finished that a resumed run need not do again."""
    return any(path.is_file() for path in (folder.partial / CHECKPOINTS).rglob("*"))


def lacks_only_its_name(folder: RunFolder) -> bool:
    """Whether the run was stopped after its last file was written; ArtifactError if one was changed since."""
    if not (folder.partial / INDEX).exists():
        return False
    written = OpenedFolder.unnamed(folder.partial)
    for name in written.index:
        written.check(name)
    return True


def read_checkpoint(folder: RunFolder, place: str) -> Checkpoint | None:
    """The last checkpoint of a model that was still training; None if it had none yet."""
    path = folder.partial / CHECKPOINTS / f"{place}.safetensors"
    if not path.exists():
        return None
    arrays, words = read_arrays(path)
    with _intact(path):
        return Checkpoint(arrays, _history(json.loads(words["history"])))


def read_fitted(
    folder: RunFolder, place: str, use: ModelUse, catalogue: Catalogue, policy: Policy | None
) -> Fitted | None:
    """A model that was finished before the run was stopped; None if it was not."""
    words_file = folder.partial / place / "model.json"
    if not words_file.exists():
        return None
    words = read_json(words_file)
    with _intact(words_file):
        expected = str(words["weights_sha256"])
    arrays, _ = read_arrays(folder.partial / place / "weights.safetensors", expected)
    history_file = folder.partial / CHECKPOINTS / f"{place}.history.json"
    with _intact(history_file):
        history = _history(read_json(history_file))
    seconds_file = folder.partial / place / SECONDS
    model = _timed(
        restore(use, catalogue, words, arrays, policy), read_json(seconds_file), seconds_file
    )
    return Fitted(model, None, history)


def _timed(model: FittedModel, words: Any, file: Path) -> FittedModel:
    with _intact(file):
        return attrs.evolve(model, seconds=float(words["seconds"]))


@contextmanager
def _intact(path: Path) -> Iterator[None]:
    """Turns data of another shape than was written into an ArtifactError that names the file."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ArtifactError(f"{path} is damaged: {type(error).__name__}: {error}") from error


def _history(rows: Iterable[Mapping[str, Any]]) -> tuple[Epoch, ...]:
    return tuple(Epoch(**row) for row in rows)


def open_run(path: str | Path, *, plugins_dir: Iterable[str | Path] = ()) -> Run:
    """The run in the folder at `path`. Only data is read, never code; a file that was changed is refused."""
    folder = OpenedFolder.at(Path(path))
    return opened(folder, load(map(Path, plugins_dir)))


def opened(folder: OpenedFolder, registry: Registry) -> Run:
    """The run in an opened folder."""
    for name in ("recipe.yaml", "resolved.yaml"):
        folder.check(name)
    recipe = read_recipe_of(folder.path, registry)
    with _intact(folder.path / "metrics.json"):
        metrics = pd.DataFrame(folder.json("metrics.json"), columns=list(METRICS))
        occasions = _occasions(metrics)
    open_model = functools.partial(_opened_model, folder, recipe, read_catalogue(folder))
    models = tuple(open_model(use, *occasion) for occasion in occasions for use in recipe.models)
    with _intact(folder.path / "sections.json"):
        sections = tuple(read_section(words) for words in folder.json("sections.json"))

    def predictions() -> pd.DataFrame:
        return read_parquet(folder.check("predictions.parquet").read_bytes())

    return Run(
        folder.path,
        recipe,
        models,
        metrics,
        sections,
        predictions=predictions,
        cold_start_results=_standings(folder),
    )


def _standings(folder: OpenedFolder) -> pd.DataFrame:
    """How the recipe's cold-start strategies did on newcomers; an empty table where it has none."""
    if NEWCOMERS not in folder.index:
        return pd.DataFrame(columns=SUMMARY)
    path = folder.check(NEWCOMERS)
    with _intact(path):
        return pd.read_csv(path)[SUMMARY]


def _occasions(metrics: pd.DataFrame) -> list[tuple[int, str]]:
    """Every seed and fold, in the order of the run; ValueError if there is none, or a fold that no run can have."""
    found = metrics[["seed", "fold"]].drop_duplicates().astype(object).to_numpy().tolist()
    if not found:
        raise ValueError("it has no rows")
    for _, fold in found:
        if fold != "" and not can_name_a_folder(fold):
            raise ValueError(f"a fold's name is text that can name a folder; is {shown(fold)}")
    return [(int(seed), fold) for seed, fold in found]


def _opened_model(
    folder: OpenedFolder, recipe: Recipe, catalogue: Catalogue, use: ModelUse, seed: int, fold: str
) -> FittedModel:
    place = model_folder(recipe, use.name, seed, fold)
    words, arrays = (
        folder.json(f"{place}/model.json"),
        folder.arrays(f"{place}/weights.safetensors"),
    )
    model = restore(use, catalogue, words, arrays, policy_of(recipe, quiet_context(seed)))
    return _timed(model, folder.json(f"{place}/{SECONDS}"), folder.path / place / SECONDS)


def read_catalogue(folder: OpenedFolder) -> Catalogue:
    vocabularies, rated = folder.json("catalogue.json"), folder.arrays("rated.safetensors")
    with _intact(folder.path / "catalogue.json"):
        user, item = (Vocabulary.from_json(side, vocabularies[side]) for side in SIDES)
    about = folder.json("metadata.json")
    with _intact(folder.path / "metadata.json"):
        metadata = {
            side.side: Metadata.from_json(side.side, about[side.side], len(side))
            for side in (user, item)
        }
    with _intact(folder.path / "rated.safetensors"):
        return Catalogue(user, item, rated["user"], rated["item"], rated["rating"], metadata)
