"""Write files whole or not at all, and read JSON, text and arrays with clear errors."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cfplug.errors import ArtifactError

if TYPE_CHECKING:
    import numpy as np


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a full disk or a read-only folder into an ArtifactError that names `path`."""
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


def write_file(path: Path, data: bytes | str) -> None:
    """Write a file whole or not at all, and the folders above it that are missing."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, data.encode() if isinstance(data, str) else data)


def json_text(data: Any) -> str:
    """Return `data` as JSON for people and programs: one form for one value, no NaN."""
    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def read_text(path: Path) -> str:
    """Return a text file of a run folder; ArtifactError if it is missing or not text."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ArtifactError(
            f"{path.parent} has no {path.name}; it is not a run folder, or not whole"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{path} cannot be read: {error}") from error


def read_json(path: Path) -> Any:
    """Return the data of a JSON file of a run folder."""
    try:
        return json.loads(read_text(path))
    except (json.JSONDecodeError, RecursionError) as error:
        raise ArtifactError(f"{path} is damaged: {error}") from error


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def arrays_to_bytes(
    arrays: Mapping[str, np.ndarray], words: Mapping[str, str] | None = None
) -> bytes:
    """Return named arrays and texts as safetensors, which hold data only, never code."""
    import numpy as np
    from safetensors.numpy import save

    whole = {name: np.asarray(arrays[name], order="C") for name in arrays}
    return save(whole, dict(words) if words else None)


def read_bytes(path: Path, expected: str | None = None) -> bytes:
    """Return the content of a file of a run folder.

    ArtifactError if it cannot be read, or is not the one whose SHA-256 is `expected`.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror}") from error
    if expected is not None and sha256(data) != expected:
        raise ArtifactError(
            f"{path} is not the file that the run wrote: "
            f"its SHA-256 is {sha256(data)[:12]}..., not {expected[:12]}..."
        )
    return data


def read_arrays(
    path: Path, expected: str | None = None
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Return the arrays and texts of a safetensors file; ArtifactError as for `read_bytes`."""
    from safetensors import SafetensorError, safe_open

    read_bytes(path, expected)
    try:
        with safe_open(path, framework="numpy") as file:
            names = file.keys()  # the file itself cannot be iterated
            return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
    except SafetensorError as error:
        raise ArtifactError(f"{path} is damaged: {error}") from error
