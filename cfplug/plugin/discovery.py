"""Find plugins without importing them: entry points of distributions, and single files."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import re
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator
from email.message import Message
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path
from types import ModuleType
from typing import cast

from attrs import field, frozen

from cfplug.errors import PluginError, error_text

GROUP = "cfplug"


class BrokenError(Exception):
    """Why a plugin cannot be used."""


@frozen
class Candidate:
    """A plugin that was found and not yet imported.

    `requires` are the requirements of its distribution, or those that its file states. `fault` is
    why it cannot be loaded, if that is known already.
    """

    name: str
    distribution: str
    version: str
    load: Callable[[], ModuleType] = field(eq=False, repr=False)
    requires: tuple[str, ...] = field(default=(), kw_only=True)
    fault: str = field(default="", kw_only=True)

    @property
    def exact_name(self) -> str:
        """Return `distribution:name`, which is unique where two plugins have one name."""
        return f"{self.distribution}:{self.name}"


# Distributions


def installed() -> Iterator[Candidate]:
    """Yield the plugins that installed distributions announce in the entry-point group `cfplug`.

    Of two distributions with one name, the one that Python finds first counts. Each is read alone,
    unlike in `importlib.metadata.entry_points`, where one damaged file hides all plugins.
    """
    seen = set()
    for distribution in importlib.metadata.distributions():
        points: set[EntryPoint] = set()
        fault = ""
        try:
            points.update(distribution.entry_points.select(group=GROUP))
        except Exception as error:
            fault = f"its entry_points.txt cannot be read: {error_text(error)}"
        if not points and not fault:
            continue
        metadata = _metadata(distribution)
        name = metadata.get("Name", "unknown")
        if name in seen:
            continue
        seen.add(name)
        version = metadata.get("Version", "")
        requires = tuple(metadata.get_all("Requires-Dist", []))
        for point in points:
            yield Candidate(point.name, name, version, point.load, requires=requires)
        if fault and GROUP in name:
            yield Candidate(name, name, version, lambda: ModuleType(""), fault=fault)


def _metadata(distribution: Distribution) -> Message:
    """Return the fields of a distribution; none if its METADATA is missing or damaged."""
    try:
        return cast(Message, distribution.metadata)
    except Exception:  # importlib.metadata raises whatever a damaged file makes it raise
        return Message()


# Single files


def in_folders(folders: Iterable[Path]) -> Iterator[Candidate]:
    """Yield the plugins that are single files: `my_plugin.py` in a folder is `my-plugin`.

    Raises:
        PluginError: a folder does not exist.
    """
    for file in plugin_files(folders):
        requires: tuple[str, ...] = ()
        fault = ""
        try:
            requires = _script_requirements(file)
        except ValueError as error:
            fault = f"its `# /// script` block cannot be read: {error}"
        name = file.stem.replace("_", "-")
        load = functools.partial(_load_file, file.resolve())
        yield Candidate(name, str(file), "", load, requires=requires, fault=fault)


def plugin_files(folders: Iterable[Path]) -> list[Path]:
    """Return the files of `folders` that are plugins; a name that starts with `_` is private."""
    files = []
    for folder in {folder.resolve(): folder for folder in folders}.values():
        if not folder.is_dir():
            raise PluginError(f"--plugins-dir {folder}: there is no such folder")
        files += [file for file in sorted(folder.glob("*.py")) if not file.name.startswith("_")]
    return files


_SCRIPT = re.compile(r"^# /// script\r?\n((?:#(?: .*)?\r?\n)*)# ///\s*$", re.MULTILINE)


def _script_requirements(file: Path) -> tuple[str, ...]:
    """Read the requirements at the head of a file, written as PEP 723 says.

    # /// script
    # dependencies = ["cfplug>=0.2", "scipy"]
    # ///
    """
    found = _SCRIPT.search(file.read_bytes().decode(errors="replace"))
    if found is None:
        return ()
    lines = [line[2:] for line in found[1].splitlines()]
    requirements = tomllib.loads("\n".join(lines)).get("dependencies", [])
    if not isinstance(requirements, list):
        raise ValueError(f"dependencies: expected a list, got {requirements!r}")
    return tuple(map(str, requirements))


def _load_file(file: Path) -> ModuleType:
    """Import `file`, once, as a module that declarations can name by text."""
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
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
