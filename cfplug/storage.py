"""What of a run goes into which file of its folder, and back. Data only: opening a run runs no code from it."""

from __future__ import annotations

import io
import json
import platform
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pandas as pd
from attrs import frozen

from cfplug.artifact import (
    PARTIAL,
    RunFolder,
    arrays_to_bytes,
    json_text,
    read_arrays,
    read_json,
    read_text,
    sha256,
)
from cfplug.components import Context, Section, Table
from cfplug.dataset import Scale
from cfplug.encoding import SIDES, Catalogue, Vocabulary
from cfplug.errors import ArtifactError
from cfplug.fitting import Fitted, arrays_of, restore, words_of
from cfplug.prediction import FittedModel, Policy
from cfplug.recipe import ModelUse, Recipe, parse_recipe
from cfplug.registry import Registry, load
from cfplug.results import Run
from cfplug.training import Checkpoint, Epoch

CHECKPOINTS = "checkpoints"
"""The folder of an unfinished run that a finished one does not have."""

INDEX = "files.json"
"""The SHA-256 of every other file, written last."""


def model_folder(recipe: Recipe, name: str, seed: int) -> str:
    """Where a model lies in the run folder; the seed is in the name where there are several."""
    return f"models/{name}" + (f"-seed-{seed}" if len(recipe.seeds) > 1 else "")


# Writing


def write_model(folder: RunFolder, place: str, fitted: Fitted, scale: Scale) -> None:
    """The weights first, then the words: a folder with model.json is whole."""
    folder.write(f"{CHECKPOINTS}/{place}.history.json", json_text([attrs.asdict(epoch) for epoch in fitted.history]))
    weights = arrays_to_bytes(arrays_of(fitted.model))
    folder.write(f"{place}/weights.safetensors", weights)
    words = words_of(fitted.model, scale) | {"weights_sha256": sha256(weights)}
    folder.write(f"{place}/model.json", json_text(words))


def write_catalogue(folder: RunFolder, catalogue: Catalogue) -> None:
    """The vocabularies as JSON, the rated pairs as arrays of codes."""
    folder.write("catalogue.json", json_text({side: catalogue.side(side).to_json() for side in SIDES}))
    pairs = {"user": catalogue.rated_user.astype(np.int32), "item": catalogue.rated_item.astype(np.int32)}
    folder.write("rated.safetensors", arrays_to_bytes(pairs))


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


def environment(recipe: Recipe, registry: Registry, data_hash: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """What the numbers depend on beside the recipe: versions, plugins, data, seeds, machine."""
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
    files = sorted(path for path in folder.partial.rglob("*") if path.is_file())
    inside = [path for path in files if CHECKPOINTS not in path.relative_to(folder.partial).parts]
    index = {path.relative_to(folder.partial).as_posix(): sha256(path.read_bytes()) for path in inside}
    folder.write(INDEX, json_text(index))


def section_words(sections: Sequence[Section]) -> list[dict[str, Any]]:
    """Sections as JSON holds them."""
    return [attrs.asdict(section) for section in sections]


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

    def json(self, name: str) -> Any:
        return read_json(self.check(name))

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        return read_arrays(self.check(name))[0]


def read_recipe_of(folder: Path, registry: Registry) -> Recipe:
    """The resolved recipe of a run folder, finished or not, with the text as it was written."""
    resolved = parse_recipe(read_text(folder / "resolved.yaml"), str(folder / "resolved.yaml"), registry=registry)
    return attrs.evolve(resolved, text=read_text(folder / "recipe.yaml"))


def read_checkpoint(folder: RunFolder, place: str) -> Checkpoint | None:
    """The last checkpoint of a model that was still training; None if it had none yet."""
    path = folder.partial / CHECKPOINTS / f"{place}.safetensors"
    if not path.exists():
        return None
    arrays, words = read_arrays(path)
    return Checkpoint(arrays, _history(json.loads(words["history"])))


def read_fitted(
    folder: RunFolder, place: str, use: ModelUse, catalogue: Catalogue, policy: Policy | None
) -> Fitted | None:
    """A model that was finished before the run was stopped; None if it was not."""
    words_file = folder.partial / place / "model.json"
    if not words_file.exists():
        return None
    words = read_json(words_file)
    arrays, _ = read_arrays(folder.partial / place / "weights.safetensors", words["weights_sha256"])
    history = read_json(folder.partial / CHECKPOINTS / f"{place}.history.json")
    return Fitted(restore(use, catalogue, words, arrays, policy), None, _history(history))


def _history(rows: Iterable[Mapping[str, Any]]) -> tuple[Epoch, ...]:
    return tuple(Epoch(**row) for row in rows)


def open_run(path: str | Path, *, plugins_dir: Iterable[str | Path] = ()) -> Run:
    """The run in the folder at `path`. Only data is read, never code; a file that was changed is refused."""
    folder = OpenedFolder.at(Path(path))
    for name in ("recipe.yaml", "resolved.yaml"):
        folder.check(name)
    recipe = read_recipe_of(folder.path, load(map(Path, plugins_dir)))
    catalogue = _catalogue(folder)
    models = [_opened_model(folder, recipe, use, seed, catalogue) for seed in recipe.seeds for use in recipe.models]
    sections = [_section(words) for words in folder.json("sections.json")]
    return Run(folder.path, recipe, tuple(models), pd.DataFrame(folder.json("metrics.json")), tuple(sections))


def _opened_model(folder: OpenedFolder, recipe: Recipe, use: ModelUse, seed: int, catalogue: Catalogue) -> FittedModel:
    place = model_folder(recipe, use.name, seed)
    words, arrays = folder.json(f"{place}/model.json"), folder.arrays(f"{place}/weights.safetensors")
    return restore(use, catalogue, words, arrays, policy_of(recipe, quiet_context(seed)))


def _catalogue(folder: OpenedFolder) -> Catalogue:
    vocabularies, pairs = folder.json("catalogue.json"), folder.arrays("rated.safetensors")
    user, item = (Vocabulary.from_json(side, vocabularies[side]) for side in SIDES)
    return Catalogue(user, item, pairs["user"].astype(np.int64), pairs["item"].astype(np.int64))


def _section(words: Mapping[str, Any]) -> Section:
    return Section(words["title"], words["text"], [Table(**table) for table in words["tables"]])


def policy_of(recipe: Recipe, context: Context) -> Policy | None:
    """The recipe's policy for ids that training never saw, ready to adapt a model; None for `error`."""
    use = recipe.unknown
    if use is None:
        return None
    adapt = use.component.function("adapt")
    origin = use.component.origin  # type: ignore[attr-defined]
    return Policy(use.name, origin, lambda fitted, newcomers: adapt(use.params, fitted, newcomers, context))


def quiet_context(seed: int) -> Context:
    """The context of a step that answers questions after the run: nobody watches it."""
    scratch = Path(tempfile.gettempdir())
    return Context(seed, np.random.default_rng(seed), "cpu", scratch, lambda done, message: None, lambda text: None)
