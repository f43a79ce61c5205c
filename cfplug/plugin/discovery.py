"""Which plugins there are: what installed distributions announce, and single files in a folder."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from attrs import field, frozen

from cfplug.errors import PluginError

if TYPE_CHECKING:
    from importlib.metadata import Distribution

GROUP = "cfplug"


@frozen
class BrokenError(Exception):
    """Why a plugin cannot be used, without its name; and what to do, where there is more than to switch it off."""

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
    """A plugin that was found and not yet imported.

    `module` is what will be imported; `requires` what its distribution, or the head of its file,
    says that it needs."""

    name: str
    distribution: str
    version: str
    load: Callable[[], ModuleType] = field(eq=False, repr=False)
    module: str = field(default="", kw_only=True)
    requires: tuple[str, ...] = field(default=(), kw_only=True)
    is_file: bool = field(default=False, kw_only=True)

    @property
    def order(self) -> tuple[bool, str, str, str]:
        """cfplug's own plugins first, then by name: the same whatever the order of installation."""
        return self.distribution != "cfplug", self.name, self.distribution, self.version

    @property
    def exact_name(self) -> str:
        """What no other candidate is called, where two distributions have a plugin of one name."""
        return f"{self.distribution}:{self.name}"


# Distributions


def installed() -> Iterator[Candidate]:
    """The plugins that installed distributions announce as entry points.

    Of two distributions of one name it is the one that Python finds first. importlib's own list is
    not used: one distribution with a damaged file would take all plugins away."""
    from importlib.metadata import distributions

    seen = set()
    for distribution in distributions():
        if _announces(distribution):
            fields = head(distribution)
            name = fields.get("name", ["unknown"])[0]
            if name not in seen:
                yield from _announced(distribution, name, fields)
            seen.add(name)


def _announces(distribution: Distribution) -> bool:
    try:
        return f"[{GROUP}]" in (distribution.read_text("entry_points.txt") or "")
    except ValueError:  # it is no UTF-8; whose it is, its own name must tell
        return GROUP in head(distribution).get("name", [""])[0]


def head(distribution: Distribution) -> Mapping[str, list[str]]:
    """The fields of its METADATA by lower-case name; none if it was removed by half.

    importlib's parser reads the README below them too: of fifty plugins, that would take longer
    than to import them."""
    try:
        text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
    except ValueError:
        return {}
    fields: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, mark, value = line.partition(":")
        if not line:
            break
        if mark and not line[0].isspace() and value.strip():
            fields.setdefault(name.lower(), []).append(value.strip())
    return fields


def _announced(
    distribution: Distribution, name: str, fields: Mapping[str, list[str]]
) -> Iterator[Candidate]:
    version, requires = fields.get("version", [""])[0], tuple(fields.get("requires-dist", ()))
    try:
        points = {point for point in distribution.entry_points if point.group == GROUP}
    except Exception as error:
        yield Candidate(
            name, name, version, _failing(f"its entry_points.txt cannot be read: {words_of(error)}")
        )
    else:
        for point in points:
            yield Candidate(
                point.name, name, version, point.load, module=point.value, requires=requires
            )


def _failing(why: str) -> Callable[[], ModuleType]:
    def fail() -> ModuleType:
        raise BrokenError(why)

    return fail


# Single files


def in_folders(folders: Iterable[Path]) -> Iterator[Candidate]:
    """The plugins that are single files, `FOLDER/my_plugin.py`; PluginError if a folder is not there."""
    for folder in {folder.resolve(): folder for folder in folders}.values():
        if not folder.is_dir():
            raise PluginError(f"--plugins-dir {folder}: there is no such folder")
        for file in sorted(folder.glob("*.py")):
            if not file.name.startswith("_"):
                yield _of_file(file)


def _of_file(file: Path) -> Candidate:
    name, load = file.stem.replace("_", "-"), _loader_of(file.resolve())
    requires: tuple[str, ...] = ()
    try:
        requires = _script_needs(file)
    except BrokenError as error:
        load = _failing(error.why)
    return Candidate(
        name, str(file), "", load, module=_module_name(file), requires=requires, is_file=True
    )


_SCRIPT = re.compile(r"^# /// script\r?\n((?:#(?: .*)?\r?\n)*)# ///\s*$", re.MULTILINE)


def _script_needs(file: Path) -> tuple[str, ...]:
    """What a file says that it needs, in the words of Python's own standard for scripts (PEP 723):

    # /// script
    # dependencies = ["cfplug>=0.2", "scipy"]
    # ///
    """
    found = _SCRIPT.search(file.read_bytes().decode(errors="replace"))
    if found is None:
        return ()
    import tomllib

    lines = [line[2:] for line in found[1].splitlines()]
    try:
        needs = tomllib.loads("\n".join(lines)).get("dependencies", [])
    except tomllib.TOMLDecodeError as error:
        raise BrokenError(f"its `# /// script` block is no TOML: {error}") from error
    if not isinstance(needs, list) or not all(isinstance(need, str) for need in needs):
        raise BrokenError(
            f"its `# /// script` block must have a list of texts as dependencies; is {needs!r}"
        )
    return tuple(needs)


def _module_name(file: Path) -> str:
    return re.sub(r"\W", "_", file.stem)


def _loader_of(file: Path) -> Callable[[], ModuleType]:
    """Imports `file` as a module of its own name, so that its declarations can name its functions; once."""

    def load_file() -> ModuleType:
        name = _module_name(file)
        loaded = sys.modules.get(name)
        if loaded is not None and getattr(loaded, "__file__", None) == str(file):
            return loaded
        found = importlib.util.find_spec(name) if loaded is None else loaded.__spec__
        if found is not None and found.origin != str(file):
            raise BrokenError(
                f"{file.name} would hide the module {name}; give the file another name"
            )
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
