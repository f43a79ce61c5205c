"""Find what is wrong with the plugins that are here, and what is worth knowing about them."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping, Sequence

from attrs import frozen

from cfplug.plugin.loader import LIMIT, Plugin
from cfplug.plugin.registry import TRACE, Registry
from cfplug.plugin.requirements import install_line, unmet

VARIABLES = (LIMIT, TRACE)
"""The environment variables that the core reads."""

SLOW = 300.0
"""Milliseconds of import above which a plugin is slow; importing attrs and cfplug takes a few."""

MANY = 5
"""Clashes of names that are listed one by one."""


@frozen
class Diagnosis:
    """`wrong` must be mended; `notes` cost time or could surprise. Texts of one or more lines."""

    wrong: tuple[str, ...]
    notes: tuple[str, ...]


def diagnose(registry: Registry, environment: Mapping[str, str] = os.environ) -> Diagnosis:
    """Return all that can be found without running a component."""
    broken = [plugin.why for plugin in registry.broken]
    wrong = [*registry.messages, *broken, *_missing(registry.plugins)]
    notes = [*_clashes(registry), *_slow(registry.plugins), *_unread(environment)]
    return Diagnosis(tuple(wrong), tuple(notes))


def variables(environment: Mapping[str, str] = os.environ) -> list[tuple[str, str]]:
    """Return the variables that the core reads, set or not, and any other CFPLUG_ that is set."""
    others = {name for name in environment if name.startswith("CFPLUG_")} - set(VARIABLES)
    names = [*VARIABLES, *sorted(others)]
    return [(name, environment.get(name) or "not set") for name in names]


def _missing(plugins: Sequence[Plugin]) -> Iterator[str]:
    """Yield unmet requirements, once for a distribution, if no broken plugin says so already."""
    reported = "\n".join(plugin.why for plugin in plugins)
    owners = {plugin.distribution: plugin for plugin in plugins if plugin.state != "off"}
    for plugin in owners.values():
        found = [each for each in unmet(plugin.requires) if f"it requires {each}" not in reported]
        if found:
            owner = f"{plugin.distribution} {plugin.version}".rstrip()
            reasons = "\n".join(f"  it requires {each}" for each in found)
            command = install_line([each.text for each in found])
            yield f"{owner} lacks some of its requirements\n{reasons}\n  {command}"


def _clashes(registry: Registry) -> Iterator[str]:
    clashes = registry.clashes()
    yield from clashes[:MANY]
    more = len(clashes) - MANY
    if more > 0:
        yield f"and {more:,} more names of two plugins; each full name, plugin/name, still works"


def _slow(plugins: Sequence[Plugin]) -> Iterator[str]:
    for plugin in plugins:
        took = f"plugin {plugin.title} took {plugin.milliseconds:,.0f} ms to import"
        if plugin.heavy:
            yield (
                f"{took}: its manifest loads {', '.join(plugin.heavy)}\n"
                "  every command waits for that; import inside the functions that do the work"
            )
        elif plugin.milliseconds > SLOW:
            yield f"{took}; every command waits for that"


def _unread(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield variables that are not read but look like one that is."""
    for name in sorted(set(environment) - set(VARIABLES)):
        # 0.9: CFPLUG_CACHE, which a plugin reads, must not look like CFPLUG_TRACE
        near = difflib.get_close_matches(name, VARIABLES, n=1, cutoff=0.9)
        if near:
            yield f"the variable {name} is not read by cfplug; did you mean {near[0]}?"
