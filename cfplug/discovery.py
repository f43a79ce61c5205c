"""Which plugins there are: what installed distributions announce, and single files in a folder."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType

from attrs import field, frozen

from cfplug.errors import PluginError

GROUP = "cfplug"


@frozen
class BrokenError(Exception):
    """Why a plugin cannot be used, without its name; and what to do, where that is not to switch it off."""

    why: str
    advice: str = ""


def words_of(error: BaseException) -> str:
    """`ValueError: its text`."""
    try:
        text = str(error)
    except Exception:  # a plugin's own error class may fail even at showing itself
        text = "(its text cannot be had)"
    return f"{type(error).__name__}: {text}".removesuffix(": ")


@frozen
class Candidate:
    """A plugin that was found and not yet imported."""

    name: str
    distribution: str
    version: str
    load: Callable[[], ModuleType] = field(eq=False, repr=False)

    @property
    def order(self) -> tuple[bool, str, str, str]:
        """cfplug's own plugins first, then by name: the same whatever the order of installation."""
        return self.distribution != "cfplug", self.name, self.distribution, self.version


def installed() -> Iterator[Candidate]:
    """The plugins that installed distributions announce as entry points.

    Of two distributions of one name it is the one that Python finds first. importlib's own list is not
    used: one distribution with a damaged file would take all plugins away.
    """
    seen = set()
    for distribution in importlib.metadata.distributions():
        if f"[{GROUP}]" in (distribution.read_text("entry_points.txt") or ""):
            name, version = _bearer(distribution)
            if name not in seen:
                yield from _announced(distribution, name, version)
            seen.add(name)


def _bearer(distribution: importlib.metadata.Distribution) -> tuple[str, str]:
    """Name and version; one that was removed by half has lost them."""
    try:
        return str(distribution.metadata["Name"] or "unknown"), str(distribution.metadata["Version"] or "")
    except Exception:  # what it raises for a missing file depends on the version of Python
        return "unknown", ""


def _announced(distribution: importlib.metadata.Distribution, name: str, version: str) -> Iterator[Candidate]:
    try:
        points = {point for point in distribution.entry_points if point.group == GROUP}
    except Exception as error:
        yield Candidate(name, name, version, _failing(f"its entry_points.txt cannot be read: {words_of(error)}"))
    else:
        yield from (Candidate(point.name, name, version, point.load) for point in points)


def _failing(why: str) -> Callable[[], ModuleType]:
    def fail() -> ModuleType:
        raise BrokenError(why)

    return fail


def in_folders(folders: Iterable[Path]) -> Iterator[Candidate]:
    """The plugins that are single files, `FOLDER/my_plugin.py`; PluginError if a folder is not there."""
    for folder in {folder.resolve(): folder for folder in folders}.values():
        if not folder.is_dir():
            raise PluginError(f"--plugins-dir {folder}: there is no such folder")
        for file in sorted(folder.glob("*.py")):
            if not file.name.startswith("_"):
                yield Candidate(file.stem.replace("_", "-"), str(file), "", _loader_of(file.resolve()))


def _loader_of(file: Path) -> Callable[[], ModuleType]:
    """Imports `file` as a module of its own name, so that its declarations can name its functions; once."""

    def load_file() -> ModuleType:
        name = re.sub(r"\W", "_", file.stem)
        loaded = sys.modules.get(name)
        if loaded is not None and getattr(loaded, "__file__", None) == str(file):
            return loaded
        found = importlib.util.find_spec(name) if loaded is None else loaded.__spec__
        if found is not None and found.origin != str(file):
            raise BrokenError(f"{file.name} would hide the module {name}; give the file another name")
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
        return module

    return load_file
