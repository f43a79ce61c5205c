"""The run folder: written beside and renamed when whole, opened again without running code from it."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

from cfplug.errors import ArtifactError

if TYPE_CHECKING:
    import numpy as np

PARTIAL = ".partial"
"""The ending of a folder that is not whole; one without it always is."""


@frozen
class RunFolder:
    """A run folder while it is written: everything goes into `partial`, which becomes `final` at the end."""

    final: Path

    @property
    def partial(self) -> Path:
        return self.final.with_name(self.final.name + PARTIAL)

    @classmethod
    def create(cls, out: Path, stem: str, files: Mapping[str, str]) -> RunFolder:
        """A new folder under `out`, named after the recipe and the time, that already holds `files`.

        The folder appears with its files in it, so that a run killed at any moment can be resumed.
        """
        with writing(out):
            out.mkdir(parents=True, exist_ok=True)
            draft = out / f".{uuid.uuid4().hex}{PARTIAL}"
            try:
                draft.mkdir()
                for name, text in files.items():
                    write_bytes(draft / name, text.encode())
                return cls._named(draft, out, f"{stem}-{time.strftime('%Y%m%d-%H%M%S')}")
            except BaseException:
                shutil.rmtree(draft, ignore_errors=True)
                raise

    @classmethod
    def _named(cls, draft: Path, out: Path, name: str) -> RunFolder:
        """Give `draft` the first name that is free, even if another run takes one at the same moment."""
        folder, number = cls(out / name), 1
        while not folder._take(draft):
            number += 1
            folder = cls(out / f"{name}-{number}")
        return folder

    def _take(self, draft: Path) -> bool:
        """Make `draft` this folder, unless there is one of its name."""
        if self.final.exists() or self.partial.exists():
            return False
        try:
            draft.rename(self.partial)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                return False
            raise
        return True

    @classmethod
    def of_partial(cls, path: Path) -> RunFolder:
        """The folder of a run that was stopped; ArtifactError if `path` is none."""
        path = Path(os.path.abspath(path))
        if path.is_dir() and path.name.endswith(PARTIAL):
            return cls(path.with_name(path.name.removesuffix(PARTIAL)))
        if path.with_name(path.name + PARTIAL).is_dir():
            return cls(path)
        if path.is_dir():
            raise ArtifactError(f"{path.name} is whole already; there is nothing to resume")
        raise ArtifactError(f"{path}: there is no such run")

    def write(self, name: str, data: bytes | str) -> Path:
        """Put one file into the folder, whole or not at all."""
        path = self.partial / name
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(path, data.encode() if isinstance(data, str) else data)
        return path

    def finish(self, scratch: str) -> Path:
        """Drop the folder called `scratch`, give the run folder its final name, and return it."""
        with writing(self.final):
            with suppress(FileNotFoundError):
                shutil.rmtree(self.partial / scratch)
            for folder in (path for path in self.partial.rglob("*") if path.is_dir()):
                _sync(folder)
            _sync(self.partial)
            self.partial.rename(self.final)
            _sync(self.final.parent)
        return self.final

    def discard(self) -> None:
        """Take the unfinished folder away."""
        shutil.rmtree(self.partial, ignore_errors=True)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns a full disk or a read-only folder into an ArtifactError that names `path`."""
    try:
        yield
    except OSError as error:
        raise ArtifactError(f"cannot write {path}: {error.strerror or error}") from error


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` so that `path` never holds a part of it."""
    draft = path.with_name(f".{path.name}.tmp")
    try:
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _sync(folder: Path) -> None:
    """Make the names in `folder` survive a power cut; not every system can."""
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


# Reading


def json_text(data: Any) -> str:
    """`data` as JSON for people and programs: one form for one value, no NaN."""
    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def read_text(path: Path) -> str:
    """The text of a file of a run folder; ArtifactError if it is missing or no text."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ArtifactError(f"{path.parent} has no {path.name}; it is not a run folder, or not whole") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{path} cannot be read: {error}") from error


def read_json(path: Path) -> Any:
    """The data of a JSON file of a run folder."""
    try:
        return json.loads(read_text(path))
    except (json.JSONDecodeError, RecursionError) as error:
        raise ArtifactError(f"{path} is damaged: {error}") from error


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def arrays_to_bytes(arrays: Mapping[str, np.ndarray], words: Mapping[str, str] | None = None) -> bytes:
    """Named arrays as safetensors: data only, never code. `words` are texts that travel along."""
    import numpy as np
    from safetensors.numpy import save

    whole = {name: np.asarray(arrays[name], order="C") for name in arrays}
    return save(whole, dict(words) if words else None)


def read_arrays(path: Path, expected: str | None = None) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The arrays and words of a safetensors file.

    ArtifactError if the file is missing, cut, or is not the one whose SHA-256 is `expected`.
    """
    from safetensors import SafetensorError, safe_open

    try:
        data = path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror}") from error
    if expected is not None and sha256(data) != expected:
        raise ArtifactError(
            f"{path} is not the file that the run wrote: its SHA-256 is {sha256(data)[:12]}..., not {expected[:12]}..."
        )
    try:
        with safe_open(path, framework="numpy") as file:
            names = file.keys()  # the file is no mapping: it cannot be iterated itself
            return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
    except SafetensorError as error:
        raise ArtifactError(f"{path} is damaged: {error}") from error
