"""Find plugins, load each alone, keep the healthy ones, remember why the others are broken."""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import importlib.util
import inspect
import os
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import pluggy
from attrs import field, frozen

from cfplug import hookspecs
from cfplug.components import KINDS, Component
from cfplug.errors import PluginError, did_you_mean, nearest

GROUP = "cfplug"
LIMIT = "CFPLUG_PLUGINS"

HOOK_OF = {
    "source": "cfplug_sources",
    "split": "cfplug_splits",
    "model": "cfplug_models",
    "loss": "cfplug_losses",
    "metric": "cfplug_metrics",
    "cold-start": "cfplug_cold_starts",
    "analyzer": "cfplug_analyzers",
}
"""The hook of each kind."""


@frozen
class Candidate:
    """A plugin that was found and not yet imported."""

    name: str
    distribution: str
    version: str
    load: Callable[[], ModuleType] = field(eq=False, repr=False)

    @property
    def order(self) -> tuple[bool, str, str]:
        """cfplug's own plugins first, then by name: the same whatever the order of installation."""
        return self.distribution != "cfplug", self.name, self.distribution


@frozen
class Plugin:
    """A plugin after loading: `state` is ok, broken or off, and `why` says why it is not ok."""

    name: str
    distribution: str
    version: str
    state: str
    why: str = ""
    components: tuple[tuple[str, Component], ...] = ()
    hooks: tuple[str, ...] = ()
    milliseconds: float = 0.0
    file: str = ""

    @property
    def title(self) -> str:
        return f"{self.name} ({self.distribution} {self.version})".replace(" )", ")")


@frozen
class Entry:
    """A component and the plugin that declares it."""

    kind: str
    plugin: Plugin
    component: Component

    @property
    def full_name(self) -> str:
        return f"{self.plugin.name}/{self.component.name}"


@frozen
class Registry:
    """The plugins that were found, and the components of the healthy ones."""

    plugins: tuple[Plugin, ...]
    manager: pluggy.PluginManager = field(eq=False, repr=False)
    words: tuple[str, ...] = ()

    def entries(self, kind: str) -> list[Entry]:
        """Every component of `kind`, by full name."""
        found = [
            Entry(kind, plugin, component)
            for plugin in self.plugins
            for its_kind, component in plugin.components
            if its_kind == kind
        ]
        return sorted(found, key=lambda entry: (entry.component.name, entry.plugin.name))

    def find(self, kind: str, name: str) -> Entry:
        """The component called `name` or `plugin/name`; PluginError that says what is wrong and what to do."""
        entries = self.entries(kind)
        found = [entry for entry in entries if name in (entry.component.name, entry.full_name)]
        if len(found) == 1:
            return found[0]
        if found:
            names = " and ".join(entry.full_name for entry in found)
            raise PluginError(f"two plugins have a {kind} called {name}; write {names.replace(' and ', ' or ')}")
        raise PluginError(self._missing(kind, name, entries))

    def _missing(self, kind: str, name: str, entries: Sequence[Entry]) -> str:
        owner = next((plugin for plugin in self.plugins if plugin.name == name.partition("/")[0]), None)
        if "/" in name and owner and owner.state == "broken":
            return f"{name} needs a plugin that is broken\n{owner.why}"
        if "/" in name and owner and owner.state == "off":
            return f"{name} needs the plugin {owner.name}, which {LIMIT} switches off"
        names = {entry.full_name if "/" in name else entry.component.name for entry in entries}
        text = f'no {kind} called "{name}"{did_you_mean(name, names) or ";"} (cfplug list {plural(kind)})'
        text = text.replace("; (", " (")
        broken = [plugin for plugin in self.plugins if plugin.state == "broken"]
        if broken and not did_you_mean(name, names):
            text += "".join(f"\nperhaps it belongs to a plugin that is broken\n{plugin.why}" for plugin in broken)
        return text

    def clashes(self) -> list[str]:
        """Short names that two plugins give to components of one kind; each full name still works."""
        told = []
        for kind in KINDS:
            owners: dict[str, list[str]] = {}
            for entry in self.entries(kind):
                owners.setdefault(entry.component.name, []).append(entry.full_name)
            told += [
                f"two plugins have a {kind} called {name}: write {' or '.join(full)}"
                for name, full in owners.items()
                if len(full) > 1
            ]
        return told

    def notify(self, hook: str, event: object) -> Iterator[str]:
        """Tell every observer; yields a warning, naming its plugin, for each one that raises."""
        for plugin in self.plugins:
            if hook in plugin.hooks:
                try:
                    self._alone(plugin.name, hook)(event=event)
                except Exception as error:  # whatever an observer raises must not cost the run
                    yield (
                        f"the observer {hook} of plugin {plugin.title} raised {type(error).__name__}: {error}"
                        f"{_last_line(error, plugin.file)}"
                    )

    def _alone(self, name: str, hook: str) -> Any:
        others = [module for other, module in self.manager.list_name_plugin() if other != name]
        return self.manager.subset_hook_caller(hook, others)


def plural(kind: str) -> str:
    """`metrics` for metric, `losses` for loss."""
    return kind + ("es" if kind.endswith("s") else "s")


def load(folders: Iterable[Path] = (), environment: Mapping[str, str] = os.environ) -> Registry:
    """Load every plugin that is installed or lies in one of `folders`, as far as CFPLUG_PLUGINS allows.

    CFPLUG_PLUGINS is a list of names with commas: `movielens,tables` loads these only, `-tables` all
    but that one.
    """
    return assemble([*installed(), *in_folders(folders)], environment.get(LIMIT, ""))


def assemble(candidates: Iterable[Candidate], limit: str = "") -> Registry:
    """A registry of `candidates`, loaded one at a time in a fixed order."""
    manager = pluggy.PluginManager("cfplug")
    manager.add_hookspecs(hookspecs)
    ordered = sorted(candidates, key=lambda candidate: candidate.order)
    wanted = [word.strip() for word in limit.split(",") if word.strip()]
    only = {word for word in wanted if not word.startswith("-")}
    without = {word[1:] for word in wanted if word.startswith("-")}
    plugins: list[Plugin] = []
    for candidate in ordered:
        if candidate.name in without or (only and candidate.name not in only):
            plugins.append(_bare(candidate, "off", f"switched off by {LIMIT}"))
        else:
            plugins.append(_load_one(manager, candidate, plugins))
    names = {candidate.name for candidate in ordered}
    words = tuple(
        f"{LIMIT} names a plugin {name!r} that is not installed{did_you_mean(name, names)}"
        for name in sorted((only | without) - names)
    )
    return Registry(tuple(plugins), manager, words)


def installed() -> Iterator[Candidate]:
    """The plugins that installed distributions announce as entry points; each once."""
    seen = set()
    for point in importlib.metadata.entry_points(group=GROUP):
        distribution = point.dist.name if point.dist else "unknown"
        if (key := (point.name, point.value, distribution)) not in seen:
            seen.add(key)
            yield Candidate(point.name, distribution, point.dist.version if point.dist else "", point.load)


def in_folders(folders: Iterable[Path]) -> Iterator[Candidate]:
    """The plugins that are single files, `FOLDER/my_plugin.py`; PluginError if a folder is not there."""
    for folder in folders:
        if not folder.is_dir():
            raise PluginError(f"--plugins-dir {folder}: there is no such folder")
        for file in sorted(folder.glob("*.py")):
            if not file.name.startswith("_"):
                yield Candidate(file.stem.replace("_", "-"), str(file), "", _loader_of(file))


def _loader_of(file: Path) -> Callable[[], ModuleType]:
    def load_file() -> ModuleType:
        name = re.sub(r"\W", "_", file.stem)
        spec = importlib.util.spec_from_file_location(name, file)
        if spec is None or spec.loader is None or name in sys.modules:
            raise ImportError(f"{file.name} would hide the module {name}; give the file another name")
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
        return module

    return load_file


# Loading one plugin


@frozen
class _BrokenError(Exception):
    """Why a plugin cannot be used, without its name."""

    why: str


def _bare(candidate: Candidate, state: str, why: str) -> Plugin:
    return Plugin(candidate.name, candidate.distribution, candidate.version, state, why)


def _load_one(manager: pluggy.PluginManager, candidate: Candidate, earlier: Sequence[Plugin]) -> Plugin:
    started = time.perf_counter()
    title = _bare(candidate, "", "").title
    try:
        for other in earlier:
            if other.name == candidate.name and other.state != "off":
                raise _BrokenError(f"another plugin bears this name: {other.title}")
        module = _import(candidate)
        components = _register(manager, candidate.name, module)
    except _BrokenError as broken:
        advice = f"  switch it off with {LIMIT}=-{candidate.name}"
        return _bare(candidate, "broken", f"plugin {title} is broken: {broken.why}\n{advice}")
    hooks = tuple(sorted(caller.name for caller in manager.get_hookcallers(module) or ()))
    spent = (time.perf_counter() - started) * 1000
    return Plugin(
        candidate.name,
        candidate.distribution,
        candidate.version,
        "ok",
        components=components,
        hooks=hooks,
        milliseconds=spent,
        file=getattr(module, "__file__", None) or "",
    )


def _import(candidate: Candidate) -> ModuleType:
    try:
        with contextlib.redirect_stdout(sys.stderr):  # what a plugin prints must not end up in --json
            module = candidate.load()
    except (Exception, SystemExit) as error:
        name = type(error).__name__
        raise _BrokenError(f"importing it raised {name}: {error}{_last_line(error)}") from error
    return module


def _last_line(error: BaseException, file: str = "") -> str:
    """The last line of the traceback that lies in the plugin: what its author must look at."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"\n  at {error.filename}:{error.lineno}: {(error.text or '').strip()}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_foreign(frame.filename)]
    frames = [frame for frame in frames if frame.filename == file] or frames
    return f"\n  at {frames[-1].filename}:{frames[-1].lineno}: {frames[-1].line}" if frames else ""


_MACHINERY = tuple(str(Path(module.__file__ or "").parent) for module in (importlib, pluggy, hookspecs, attrs))


def _is_foreign(file: str) -> bool:
    """Whether a frame belongs to a plugin rather than to what loads it."""
    return not file.startswith((*_MACHINERY, "<"))


def _register(manager: pluggy.PluginManager, name: str, module: ModuleType) -> tuple[tuple[str, Component], ...]:
    """Register `module` and collect its declarations; unregister it again if anything is wrong."""
    _check_hooks(module)
    try:
        manager.register(module, name)
        manager.check_pending()
        return tuple(_declarations(manager, name, module))
    except Exception as error:
        if manager.has_plugin(name):
            manager.unregister(module, name)
        if isinstance(error, _BrokenError):
            raise
        raise _BrokenError(f"{type(error).__name__}: {error}") from error


def _check_hooks(module: ModuleType) -> None:
    """What pluggy would also refuse, with the signature found, the one expected and the nearest hook."""
    specs = {name: spec for name, spec in vars(hookspecs).items() if name.startswith("cfplug_")}
    marked = False
    for name, function in vars(module).items():
        is_marked = hasattr(function, "cfplug_impl")
        marked = marked or is_marked
        if not callable(function) or not (is_marked or name in specs):
            continue
        if not is_marked:
            raise _BrokenError(f"{name} is not marked with @cfplug.hookimpl")
        found = _signature(function, name)
        if name not in specs:
            near = nearest(name, specs)
            expected = f"; did you mean {_signature(specs[near])}?" if near else ""
            raise _BrokenError(f"{found}: no hook is called {name}{expected}")
        if set(inspect.signature(function).parameters) - set(inspect.signature(specs[name]).parameters):
            raise _BrokenError(f"{found} has an argument that the hook has not; expected {_signature(specs[name])}")
    if not marked:
        raise _BrokenError("it has no hook; mark functions such as cfplug_models with @cfplug.hookimpl")


def _signature(function: Callable[..., Any], name: str = "") -> str:
    names = ", ".join(inspect.signature(function).parameters)
    return f"{name or function.__name__}({names})"


def _declarations(manager: pluggy.PluginManager, name: str, module: ModuleType) -> Iterator[tuple[str, Component]]:
    others = [other for other in manager.get_plugins() if other is not module]
    for kind, hook in HOOK_OF.items():
        try:
            answers = manager.subset_hook_caller(hook, others)()
        except Exception as error:
            raise _BrokenError(f"{hook} raised {type(error).__name__}: {error}{_last_line(error)}") from error
        for answer in answers:
            yield from _checked(kind, hook, answer)


def _checked(kind: str, hook: str, answer: object) -> Iterator[tuple[str, Component]]:
    wanted = KINDS[kind]
    if not isinstance(answer, list | tuple):
        raise _BrokenError(f"{hook} must return a list of cfplug.{wanted.__name__}; returned {answer!r}")
    names = set()
    for component in answer:
        if not isinstance(component, wanted):
            raise _BrokenError(f"{hook} must return a list of cfplug.{wanted.__name__}; one entry is {component!r}")
        if component.name in names:
            raise _BrokenError(f"{hook} declares {component.name} twice")
        names.add(component.name)
        yield kind, component
