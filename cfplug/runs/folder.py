"""Write a run folder under a draft name, and rename it when it is complete."""

from __future__ import annotations

import errno
import os
import shutil
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from attrs import frozen

from cfplug.errors import ArtifactError
from cfplug.files import write_bytes, write_file, writing

PARTIAL = ".partial"
"""The ending of a folder that is not whole; one without it always is."""


@frozen
class RunFolder:
    """A run folder while it is written: `partial` becomes `final` at the end."""

    final: Path

    @property
    def partial(self) -> Path:
        return self.final.with_name(self.final.name + PARTIAL)

    @classmethod
    def create(cls, out: Path, stem: str, files: Mapping[str, str]) -> RunFolder:
        """Make a folder under `out`, named by recipe and time, that already holds `files`.

        The folder appears with its files in it, so that a run killed at any moment can be resumed.
        """
        with writing(out):
            out.mkdir(parents=True, exist_ok=True)
            draft = out / f".{uuid.uuid4().hex}{PARTIAL}"
            try:
                draft.mkdir()
                for name, text in files.items():
                    write_bytes(draft / name, text.encode())
                return _renamed(draft, out / f"{stem}-{time.strftime('%Y%m%d-%H%M%S')}")
            except BaseException:
                shutil.rmtree(draft, ignore_errors=True)
                raise

    @classmethod
    def of_partial(cls, path: Path) -> RunFolder:
        """Return the folder of a run that was stopped; ArtifactError if `path` is not one."""
        path = Path(os.path.abspath(path))
        if path.is_dir() and path.name.endswith(PARTIAL):
            return cls(path.with_name(path.name.removesuffix(PARTIAL)))
        if path.with_name(path.name + PARTIAL).is_dir():
            return cls(path)
        if path.is_dir():
            raise ArtifactError(f"{path.name} is whole already; there is nothing to resume")
        raise ArtifactError(f"{path}: there is no such run")

    def write(self, name: str, data: bytes | str) -> None:
        """Put one file into the folder, whole or not at all."""
        write_file(self.partial / name, data)

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


def _renamed(draft: Path, final: Path) -> RunFolder:
    """Give `draft` the first free name, even if another run takes one at this moment."""
    folder, number = RunFolder(final), 1
    while True:
        if not folder.final.exists() and not folder.partial.exists():
            try:
                draft.rename(folder.partial)
                return folder
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
        number += 1
        folder = RunFolder(final.with_name(f"{final.name}-{number}"))


def _sync(folder: Path) -> None:
    """Make the names in `folder` survive a power cut; not every system can."""
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
