"""Find plugins, load each alone, keep the healthy ones, remember why the others are broken."""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import importlib.util
import inspect
import os
import reprlib
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
from cfplug.discovery import BrokenError, Candidate, in_folders, installed, words_of
from cfplug.errors import PluginError, did_you_mean, nearest

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
            raise PluginError(_clash(kind, name, [entry.full_name for entry in found]))
        raise PluginError(self._missing(kind, name, entries))

    def _missing(self, kind: str, name: str, entries: Sequence[Entry]) -> str:
        if "/" in name and (why := self._unusable(name)):
            return why
        names = {entry.full_name if "/" in name else entry.component.name for entry in entries}
        guess = did_you_mean(name, names)
        text = f'no {kind} called "{name}"{guess} (cfplug list {plural(kind)})'
        return "\n".join([text, *self._elsewhere(guessed=bool(guess))])

    def _unusable(self, name: str) -> str:
        """Why no component can be had from the plugin that the full name `name` begins with; empty if one can."""
        plugin_name = name.partition("/")[0]
        states = {plugin.state: plugin for plugin in self.plugins if plugin.name == plugin_name}
        if not states:
            names = [plugin.name for plugin in self.plugins]
            return f'no plugin called "{plugin_name}"{did_you_mean(plugin_name, names)} (cfplug plugins)'
        if "ok" in states:
            return ""
        if "broken" in states:
            return f"{name} needs a plugin that is broken\n{states['broken'].why}"
        return f"{name} needs the plugin {plugin_name}, which {LIMIT} switches off"

    def _elsewhere(self, *, guessed: bool) -> Iterator[str]:
        """Where a component may be that no healthy plugin has; in short, if there is a better guess."""
        broken = [plugin for plugin in self.plugins if plugin.state == "broken"]
        if broken and guessed:
            names = ", ".join(plugin.name for plugin in broken)
            yield f"or it belongs to a plugin that is broken: {names} (cfplug doctor)"
        elif broken:
            yield from (f"perhaps it belongs to a plugin that is broken\n{plugin.why}" for plugin in broken)
        if off := [plugin.name for plugin in self.plugins if plugin.state == "off"]:
            yield f"perhaps it belongs to a plugin that {LIMIT} switches off: {', '.join(off)}"

    def clashes(self) -> list[str]:
        """Short names that two plugins give to components of one kind; each full name still works."""
        told = []
        for kind in KINDS:
            owners: dict[str, list[str]] = {}
            for entry in self.entries(kind):
                owners.setdefault(entry.component.name, []).append(entry.full_name)
            told += [_clash(kind, name, full) for name, full in owners.items() if len(full) > 1]
        return told

    def notify(self, hook: str, event: object) -> Iterator[str]:
        """Tell every observer; yields a warning, naming its plugin, for each one that raises."""
        for plugin in self.plugins:
            if hook in plugin.hooks:
                try:
                    self._alone(plugin.name, hook)(event=event)
                except KeyboardInterrupt:
                    raise
                except BaseException as error:  # whatever an observer raises, be it SystemExit, must not cost the run
                    yield f"the observer {hook} of plugin {plugin.title} raised {words_of(error)}{_last_line(error)}"

    def _alone(self, name: str, hook: str) -> Any:
        others = [module for other, module in self.manager.list_name_plugin() if other != name]
        return self.manager.subset_hook_caller(hook, others)


def _clash(kind: str, name: str, full_names: Sequence[str]) -> str:
    article = "an" if kind[0] in "aeiou" else "a"
    return f"{len(full_names)} plugins have {article} {kind} called {name}; write {' or '.join(full_names)}"


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


# Loading one plugin


@contextlib.contextmanager
def _blaming(what: str) -> Iterator[None]:
    """Whatever a plugin raises, be it SystemExit, becomes a BrokenError that says `what` raised it."""
    try:
        yield
    except (KeyboardInterrupt, BrokenError):
        raise
    except BaseException as error:
        raise BrokenError(f"{what} raised {words_of(error)}{_last_line(error)}") from error


def _bare(candidate: Candidate, state: str, why: str) -> Plugin:
    return Plugin(candidate.name, candidate.distribution, candidate.version, state, why)


def _load_one(manager: pluggy.PluginManager, candidate: Candidate, earlier: Sequence[Plugin]) -> Plugin:
    started = time.perf_counter()
    try:
        _check_name(candidate, earlier)
        with contextlib.redirect_stdout(sys.stderr):  # what a plugin prints must not end up in --json
            module = _import(candidate)
            components = _register(manager, candidate.name, module)
    except BrokenError as broken:
        advice = broken.advice or f"switch it off with {LIMIT}=-{candidate.name}"
        title = _bare(candidate, "", "").title
        return _bare(candidate, "broken", f"plugin {title} is broken: {broken.why}\n  {advice}")
    spent = (time.perf_counter() - started) * 1000
    return attrs.evolve(
        _bare(candidate, "ok", ""), components=components, hooks=_hooks(manager, module), milliseconds=spent
    )


def _check_name(candidate: Candidate, earlier: Sequence[Plugin]) -> None:
    for other in earlier:
        if other.name == candidate.name and other.state == "ok":
            raise BrokenError(
                f"another plugin bears this name: {other.title}", "uninstall one of the two, or give it another name"
            )


def _import(candidate: Candidate) -> ModuleType:
    with _blaming("importing it"):
        module = candidate.load()
    if not isinstance(module, ModuleType):
        raise BrokenError(f"its entry point must name a module; it names {_shown(module)}")
    return module


def _shown(value: object) -> str:
    """A value that should be another, with its type, in a few words."""
    if isinstance(value, Component):
        return f"cfplug.{type(value).__name__} {value.name}"
    return "None" if value is None else f"{type(value).__name__} {reprlib.repr(value)}"


def _last_line(error: BaseException) -> str:
    """The last line of the traceback that lies in the plugin: what its author must look at."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"\n  at {error.filename}:{error.lineno}: {(error.text or '').strip()}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_foreign(frame.filename)]
    if not frames:
        return ""
    first = Path(frames[0].filename)
    home = f"{first.parent}{os.sep}" if first.name == "__init__.py" else str(first)
    last = [frame for frame in frames if frame.filename.startswith(home)][-1]
    return f"\n  at {last.filename}:{last.lineno}: {last.line}"


_MACHINERY = tuple(f"{Path(module.__file__ or '').parent}{os.sep}" for module in (importlib, pluggy, hookspecs))


def _is_foreign(file: str) -> bool:
    """Whether a frame belongs to a plugin rather than to what loads it."""
    return not file.startswith((*_MACHINERY, "<"))


def _register(manager: pluggy.PluginManager, name: str, module: ModuleType) -> tuple[tuple[str, Component], ...]:
    """Register `module` and collect its declarations; unregister it again if anything is wrong."""
    if other := manager.get_name(module):
        raise BrokenError(f"its module {module.__name__} is the plugin {other} already")
    try:
        with _blaming("registering it"):
            _check_hooks(module)
            manager.register(module, name)
            manager.check_pending()
            return tuple(_declarations(manager, module))
    except BaseException:
        if manager.has_plugin(name):
            manager.unregister(module, name)
        raise


_SPECS: Mapping[str, Callable[..., Any]] = {
    name: spec for name, spec in vars(hookspecs).items() if name.startswith("cfplug_")
}


def _check_hooks(module: ModuleType) -> None:
    """What pluggy would also refuse or pass over, with the signature found, the one expected and the nearest hook."""
    hooks = [
        (name, value) for name, value in vars(module).items() if inspect.isroutine(value) and _is_hook(name, value)
    ]
    for name, function in hooks:
        _check_hook(name, function)
    if not hooks:
        raise BrokenError("it has no hook; mark functions such as cfplug_models with @cfplug.hookimpl")


def _is_hook(name: str, function: Callable[..., Any]) -> bool:
    """Whether a function is a hook, or was meant to be one."""
    return _mark(function) is not None or (name.startswith("cfplug_") and nearest(name, _SPECS) is not None)


def _mark(function: Callable[..., Any]) -> dict[str, Any] | None:
    """What `@cfplug.hookimpl` left on `function`; None if it is not marked."""
    mark = getattr(function, "cfplug_impl", None)
    return mark if isinstance(mark, dict) else None


def _check_hook(name: str, function: Callable[..., Any]) -> None:
    found, mark = _signature(function, name), _mark(function)
    hook = (mark or {}).get("specname") or name
    if hook not in _SPECS:
        near = nearest(hook, _SPECS)
        advice = f"did you mean {_signature(_SPECS[near])}?" if near else f"the hooks are {', '.join(_SPECS)}"
        raise BrokenError(f"{found}: no hook is called {hook}; {advice}")
    if mark is None:
        raise BrokenError(f"{found} is not marked with @cfplug.hookimpl")
    if set(inspect.signature(function).parameters) - set(inspect.signature(_SPECS[hook]).parameters):
        raise BrokenError(f"{found} has an argument that the hook has not; expected {_signature(_SPECS[hook])}")


def _signature(function: Callable[..., Any], name: str = "") -> str:
    names = ", ".join(inspect.signature(function).parameters)
    return f"{name or function.__name__}({names})"


def _hooks(manager: pluggy.PluginManager, module: ModuleType) -> tuple[str, ...]:
    return tuple(sorted(caller.name for caller in manager.get_hookcallers(module) or ()))


def _declarations(manager: pluggy.PluginManager, module: ModuleType) -> Iterator[tuple[str, Component]]:
    others = [other for other in manager.get_plugins() if other is not module]
    hooks = _hooks(manager, module)
    for kind, hook in HOOK_OF.items():
        if hook in hooks:
            with _blaming(hook):
                answers = manager.subset_hook_caller(hook, others)()
            for answer in answers or [None]:  # pluggy leaves None out
                yield from _checked(kind, hook, answer)


def _checked(kind: str, hook: str, answer: object) -> Iterator[tuple[str, Component]]:
    wanted = KINDS[kind]
    if not isinstance(answer, list | tuple):
        raise BrokenError(f"{hook} must return a list of cfplug.{wanted.__name__}; returned {_shown(answer)}")
    names = set()
    for component in answer:
        if not isinstance(component, wanted):
            raise BrokenError(
                f"{hook} must return a list of cfplug.{wanted.__name__}; one entry is {_shown(component)}"
            )
        if component.name in names:
            raise BrokenError(f"{hook} declares {component.name} twice")
        names.add(component.name)
        yield kind, component
