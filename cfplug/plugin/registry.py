"""Find plugins, load each alone, keep the healthy ones, remember why the others are broken."""

from __future__ import annotations

import contextlib
import gc
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pluggy
from attrs import field, frozen

from cfplug.errors import PluginError, did_you_mean
from cfplug.plugin import hookspecs
from cfplug.plugin.components import KINDS, Component
from cfplug.plugin.declarations import HOOK_OF, Manager, last_line
from cfplug.plugin.discovery import Candidate, in_folders, installed, words_of
from cfplug.plugin.loader import LIMIT, Loader, Plugin, switching_off
from cfplug.plugin.tracing import TRACE, trace

__all__ = ["HOOK_OF", "LIMIT", "Entry", "Plugin", "Registry", "assemble", "load", "plural"]


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
    limit: str = ""

    @property
    def broken(self) -> list[Plugin]:
        return [plugin for plugin in self.plugins if plugin.state == "broken"]

    def switching_off(self, *plugins: Plugin) -> str:
        """What the environment must hold for these to be left out, beside those that it leaves out now."""
        return switching_off(self.limit, *(plugin.word for plugin in plugins))

    def in_short(self, broken: Sequence[Plugin]) -> str:
        """The names of broken plugins, who tells why, and how to switch them off, in one line."""
        names, them = (
            ", ".join(plugin.name for plugin in broken),
            "it" if len(broken) == 1 else "them",
        )
        return f"{names} (cfplug doctor says why; switch {them} off with {self.switching_off(*broken)})"

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
        broken = self.broken
        if broken and guessed:
            yield f"or it belongs to a plugin that is broken: {self.in_short(broken)}"
        elif broken:
            yield from (
                f"perhaps it belongs to a plugin that is broken\n{plugin.why}" for plugin in broken
            )
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
                except (
                    BaseException
                ) as error:  # whatever an observer raises, be it SystemExit, must not cost the run
                    yield f"the observer {hook} of plugin {plugin.title} raised {words_of(error)}{last_line(error)}"

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

    CFPLUG_PLUGINS is a list of names with commas: `movielens,tables` loads these only, `-tables`
    all but that one, `-cfplug-x:tables` only not that of the distribution cfplug-x. CFPLUG_TRACE
    has every hook call told."""
    candidates = [*installed(), *in_folders(folders)]
    return assemble(candidates, environment.get(LIMIT, ""), environment.get(TRACE, ""))


def assemble(candidates: Iterable[Candidate], limit: str = "", tracing: str = "") -> Registry:
    """A registry of `candidates`, loaded one at a time in a fixed order."""
    manager = Manager("cfplug")
    manager.add_hookspecs(hookspecs)
    trace(manager, tracing)
    ordered = sorted(candidates, key=lambda candidate: candidate.order)
    counts = Counter(candidate.name for candidate in ordered)
    shared = frozenset(name for name, count in counts.items() if count > 1)
    loader, allowed = Loader(manager, limit.strip(), shared), _Limit.of(limit)
    plugins: list[Plugin] = []
    with _uncollected():
        for candidate in ordered:
            plugins.append(
                loader.load(candidate, plugins)
                if allowed.lets(candidate)
                else loader.off(candidate)
            )
    return Registry(tuple(plugins), manager, tuple(allowed.unknown(ordered)), limit.strip())


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """What plugins import stays: to look for garbage among it would take a tenth of the time to load them."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@frozen
class _Limit:
    """CFPLUG_PLUGINS: the words that are wanted (none: all) and those that are not."""

    only: frozenset[str]
    without: frozenset[str]

    @classmethod
    def of(cls, text: str) -> _Limit:
        words = {word.strip() for word in text.split(",") if word.strip()}
        without = {word for word in words if word.startswith("-")}
        return cls(frozenset(words - without), frozenset(word[1:] for word in without))

    def lets(self, candidate: Candidate) -> bool:
        bears = {candidate.name, candidate.exact_name}
        return not bears & self.without and (not self.only or bool(bears & self.only))

    def unknown(self, candidates: Sequence[Candidate]) -> Iterator[str]:
        """What a person is told of each word that nothing bears."""
        names = {each.name for each in candidates}
        for word in sorted(
            (self.only | self.without) - names - {each.exact_name for each in candidates}
        ):
            yield f"{LIMIT} names a plugin {word!r} that is not installed{did_you_mean(word, names)}"
