"""A model is saved as a run saves it, and opened in a process that never trained anything.

The process lives as long as the tests do and opens one model after another: to start one costs seconds.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from attrs import frozen

from cfplug.artifact import RunFolder, json_text
from cfplug.fitting import Fitted
from cfplug.params import structure
from cfplug.plan import ModelUse, Use
from cfplug.prediction import FittedModel
from cfplug.registry import Registry, load
from cfplug.storage import OpenedFolder, read_catalogue, read_fitted, write_catalogue, write_index, write_model
from cfplug.testing.bench.questions import told
from cfplug.testing.bench.workbench import EVERYTHING, use_of

MODEL = "models/it"
QUESTION = "question.json"


@frozen
class Answer:
    """What the opened model says of the pairs; or, with `trouble`, why it could not be opened."""

    rating: np.ndarray
    trouble: str = ""


def reopened(model: FittedModel, use: ModelUse, pairs: pd.DataFrame, plugins_dir: Path | None) -> Answer:
    """Save `model`, open it in the other process, and ask it about `pairs`, which have plain ids."""
    with tempfile.TemporaryDirectory(prefix="cfplug-check-") as scratch:
        folder = RunFolder(Path(scratch) / "run")
        assert model.scale is not None
        write_catalogue(folder, model.catalogue)
        write_model(folder, MODEL, Fitted(model, None, ()), model.scale)
        question = {
            "model": use.use.resolved(),
            "loss": use.loss.resolved() if use.loss else None,
            "features": use.features is not None,
            "pairs": [pairs["user"].tolist(), pairs["item"].tolist()],
            "plugins_dir": str(plugins_dir) if plugins_dir else None,
        }
        folder.write(QUESTION, json_text(question))
        write_index(folder)
        return _asked(folder.final)


def _asked(run: Path) -> Answer:
    words = _other_process().ask(str(run))
    if "trouble" in words:
        return Answer(np.empty(0), words["trouble"])
    return Answer(np.frombuffer(bytes.fromhex(words["rating"]), dtype=words["dtype"]).reshape(words["shape"]))


@frozen(eq=False)
class _Process:
    """The other process: a line with the path of a run goes in, a line with the answer comes out."""

    process: subprocess.Popen[str]

    @classmethod
    def started(cls) -> _Process:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        command = [sys.executable, "-m", __name__]
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )
        atexit.register(process.kill)
        return cls(process)

    def ask(self, line: str) -> dict[str, Any]:
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None
        assert stdout is not None
        with contextlib.suppress(BrokenPipeError):
            stdin.write(f"{line}\n")
            stdin.flush()
        answer = stdout.readline()
        if not answer:
            _other_process.cache_clear()
            return {"trouble": "the process that opened it ended"}
        words: dict[str, Any] = json.loads(answer)
        return words


@functools.cache
def _other_process() -> _Process:
    return _Process.started()


# The other process


def _answer(run: Path) -> dict[str, Any]:
    folder = RunFolder(run)
    question = json.loads((folder.partial / QUESTION).read_text(encoding="utf-8"))
    registry = load([Path(question["plugins_dir"])] if question["plugins_dir"] else [])
    catalogue = read_catalogue(OpenedFolder.unnamed(folder.partial))
    fitted = read_fitted(folder, MODEL, _use(registry, question), catalogue, None)
    assert fitted is not None
    user, item = question["pairs"]
    pairs = pd.DataFrame({"user": pd.Series(user, dtype=object), "item": pd.Series(item, dtype=object)})
    rating = told(fitted.model, pairs)
    return {"rating": rating.tobytes().hex(), "dtype": rating.dtype.str, "shape": list(rating.shape)}


def _use(registry: Registry, question: dict[str, Any]) -> ModelUse:
    loss = _named(registry, "loss", question["loss"]) if question["loss"] else None
    return ModelUse(
        _named(registry, "model", question["model"]), loss, None, EVERYTHING if question["features"] else None
    )


def _named(registry: Registry, kind: str, words: dict[str, Any]) -> Use:
    entry = registry.find(kind, words["use"])
    values = {name: value for name, value in words.items() if name != "use"}
    params = structure(entry.component.params, values, owner=entry.full_name).value
    return use_of(entry, params)


def main() -> None:
    """Answer line by line; what plugins print goes to standard error."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for line in sys.stdin:
        try:
            words = _answer(Path(line.rstrip("\n")))
        except BaseException as error:  # a plugin may raise anything; the next model must still be opened
            trace = traceback.extract_tb(error.__traceback__)[-1]
            words = {"trouble": f"{type(error).__name__}: {error} ({trace.filename}:{trace.lineno})"}
        print(json.dumps(words), file=answers, flush=True)


if __name__ == "__main__":
    main()
