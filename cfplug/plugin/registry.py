"""Find plugins, load each alone, keep the healthy ones, and remember why others are broken."""

from __future__ import annotations

import functools
import os
import reprlib
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pluggy
from attrs import field, frozen

from cfplug.errors import PluginError, did_you_mean, error_text, listed, plural, with_article
from cfplug.plugin import hookspecs
from cfplug.plugin.components import KINDS, Component
from cfplug.plugin.discovery import Candidate, in_folders, installed, plugin_files
from cfplug.plugin.loader import HOOK_OF, LIMIT, Loader, Plugin, last_line, switching_off

__all__ = ["HOOK_OF", "LIMIT", "TRACE", "Entry", "Plugin", "Registry", "assemble", "load"]

TRACE = "CFPLUG_TRACE"


@frozen
class Entry:
    """A component and the plugin that declares it."""

    kind: str
    plugin: Plugin
    component: Component

    @property
    def full_name(self) -> str:
        """Return `plugin/name`."""
        return f"{self.plugin.name}/{self.component.name}"


@frozen
class Registry:
    """The plugins that were found, and the components of the healthy ones.

    `messages` are about CFPLUG_PLUGINS, whose value is `limit`.
    """

    plugins: tuple[Plugin, ...]
    manager: pluggy.PluginManager = field(eq=False, repr=False)
    messages: tuple[str, ...] = ()
    limit: str = ""

    @property
    def broken(self) -> list[Plugin]:
        """Return the broken plugins."""
        return [plugin for plugin in self.plugins if plugin.state == "broken"]

    def switching_off(self, *plugins: Plugin) -> str:
        """Return the setting that leaves out these plugins and those that are off now."""
        keys = [plugin.key for plugin in plugins]
        return switching_off(self.limit, *keys)

    def in_short(self, broken: Sequence[Plugin]) -> str:
        """Return the names of broken plugins and what to do about them, in one line."""
        names = ", ".join(plugin.name for plugin in broken)
        them = "it" if len(broken) == 1 else "them"
        setting = self.switching_off(*broken)
        return f"{names} (cfplug doctor says why; switch {them} off with {setting})"

    def entries(self, kind: str) -> list[Entry]:
        """Return every component of `kind`, by name."""
        found = []
        for plugin in self.plugins:
            for its_kind, component in plugin.components:
                if its_kind == kind:
                    found.append(Entry(kind, plugin, component))
        return sorted(found, key=lambda entry: (entry.component.name, entry.plugin.name))

    def find(self, kind: str, name: str) -> Entry:
        """Return the component of `kind` called `name`.

        Args:
            kind: a key of KINDS.
            name: `name` or `plugin/name`.

        Raises:
            PluginError: no plugin has it, two plugins have it, or its plugin is broken or off.
        """
        entries = self.entries(kind)
        found = [entry for entry in entries if name in (entry.component.name, entry.full_name)]
        if len(found) == 1:
            return found[0]
        if found:
            raise PluginError(_clash(kind, name, found))
        raise PluginError(self._missing(kind, name, entries))

    def _missing(self, kind: str, name: str, entries: Sequence[Entry]) -> str:
        names = {entry.component.name for entry in entries}
        if "/" in name:
            names = {entry.full_name for entry in entries}
            plugin_name = name.partition("/")[0]
            states = {each.state: each for each in self.plugins if each.name == plugin_name}
            if not states:
                guess = did_you_mean(plugin_name, [plugin.name for plugin in self.plugins])
                return f'no plugin called "{plugin_name}"{guess} (cfplug plugins)'
            if "broken" in states and "ok" not in states:
                return f"{name} needs a plugin that is broken\n{states['broken'].why}"
            if "ok" not in states:
                return f"{name} needs the plugin {plugin_name}, which {LIMIT} switches off"
        guess = did_you_mean(name, names)
        lines = [f'no {kind} called "{name}"{guess} (cfplug list {plural(kind)})']
        if self.broken:
            lines.append(f"perhaps its plugin is broken: {self.in_short(self.broken)}")
        if off := [plugin.name for plugin in self.plugins if plugin.state == "off"]:
            lines.append(f"perhaps its plugin is switched off by {LIMIT}: {', '.join(off)}")
        return "\n".join(lines)

    def clashes(self) -> list[str]:
        """Return a message for each short name that two plugins give to one kind."""
        messages = []
        for kind in KINDS:
            owners: dict[str, list[Entry]] = {}
            for entry in self.entries(kind):
                owners.setdefault(entry.component.name, []).append(entry)
            messages += [_clash(kind, name, its) for name, its in owners.items() if len(its) > 1]
        return messages

    def notify(self, hook: str, event: object) -> Iterator[str]:
        """Call every observer; yield a warning, naming its plugin, for each one that raises."""
        for plugin in self.plugins:
            if hook not in plugin.hooks:
                continue
            try:
                self._alone(plugin.name, hook)(event=event)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # not even SystemExit in an observer may cost the run
                raised = f"{error_text(error)}{last_line(error)}"
                yield f"the observer {hook} of plugin {plugin.title} raised {raised}"

    def _alone(self, name: str, hook: str) -> Any:
        others = [module for other, module in self.manager.list_name_plugin() if other != name]
        return self.manager.subset_hook_caller(hook, others)


def _clash(kind: str, name: str, entries: Sequence[Entry]) -> str:
    names = listed((entry.full_name for entry in entries), "or")
    return f"{len(entries)} plugins have {with_article(kind)} called {name}; write {names}"


def load(folders: Iterable[Path] = (), environment: Mapping[str, str] = os.environ) -> Registry:
    """Load the plugins that are installed or in `folders`, each of them once in a process.

    Args:
        folders: folders of single-file plugins.
        environment: CFPLUG_PLUGINS is a list of names with commas: `movielens,tables` loads only
            these, `-tables` all but that one, `-cfplug-x:tables` all but that of the distribution
            cfplug-x. CFPLUG_TRACE=1 prints every call of a hook on standard error.

    Returns:
        The same registry again for the same folders, files, settings and `sys.path`.

    Raises:
        PluginError: a folder does not exist.
    """
    folders = tuple(folders)
    files = tuple((file.resolve(), file.stat().st_mtime_ns) for file in plugin_files(folders))
    traced = environment.get(TRACE, "") not in ("", "0")
    return _load(folders, files, environment.get(LIMIT, ""), traced, tuple(sys.path))


@functools.lru_cache(maxsize=8)
def _load(
    folders: tuple[Path, ...],
    files: tuple[tuple[Path, int], ...],
    limit: str,
    traced: bool,
    path: tuple[str, ...],
) -> Registry:
    """Load plugins; the times of `files` and `path` are here only to tell calls apart."""
    return assemble([*installed(), *in_folders(folders)], limit, traced=traced)


def assemble(candidates: Iterable[Candidate], limit: str = "", *, traced: bool = False) -> Registry:
    """Return a registry of `candidates`, loaded one at a time in a fixed order.

    Args:
        candidates: what was found.
        limit: which of them to load, as in CFPLUG_PLUGINS.
        traced: print every call of a hook on standard error.
    """
    manager = pluggy.PluginManager("cfplug")
    manager.add_hookspecs(hookspecs)
    if traced:
        manager.add_hookcall_monitoring(lambda *_: None, _print_call)
    ordered = sorted(
        candidates, key=lambda each: (each.distribution != "cfplug", each.name, each.distribution)
    )
    counts = Counter(candidate.name for candidate in ordered)
    shared = {name for name, count in counts.items() if count > 1}
    loader = Loader(manager, limit.strip(), shared)
    names = {name.strip() for name in limit.split(",")} - {""}
    without = {name.removeprefix("-") for name in names if name.startswith("-")}
    only = {name for name in names if not name.startswith("-")}
    plugins: list[Plugin] = []
    for candidate in ordered:
        its_names = {candidate.name, candidate.exact_name}
        if its_names & without or (only and not its_names & only):
            plugins.append(loader.off(candidate))
        else:
            plugins.append(loader.load(candidate, plugins))
    known = {*counts, *(candidate.exact_name for candidate in ordered)}
    messages = [
        f"{LIMIT} names a plugin {name!r} that is not installed{did_you_mean(name, counts)}"
        for name in sorted((only | without) - known)
    ]
    return Registry(tuple(plugins), manager, tuple(messages), limit.strip())


def _print_call(
    outcome: pluggy.Result[Any],
    hook: str,
    implementations: Sequence[pluggy.HookImpl],
    arguments: Mapping[str, Any],
) -> None:
    plugins = ", ".join(each.plugin_name for each in implementations)
    result = outcome.exception or outcome.get_result()
    print(f"trace: {plugins}: {hook} -> {reprlib.repr(result)}", file=sys.stderr)
