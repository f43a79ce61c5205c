"""Which laws a plugin must keep, and what comes of holding them against it: one item for each law and component."""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from attrs import field, frozen
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

from cfplug.errors import PluginError, did_you_mean
from cfplug.params import structure
from cfplug.plugin.components import Component
from cfplug.plugin.registry import Entry, Plugin, Registry, load

EXAMPLES = 5
"""How many examples of a property are tried where nobody says: laws about models train one or two for each."""

ROOMS: Mapping[str, str] = {
    "plugin": "cfplug.testing.checks.manifests",
    "component": "cfplug.testing.checks.declarations",
    "source": "cfplug.testing.checks.sources",
    "split": "cfplug.testing.checks.splits",
    "model": "cfplug.testing.checks.models",
    "loss": "cfplug.testing.checks.losses",
    "metric": "cfplug.testing.checks.metrics",
    "cold-start": "cfplug.testing.checks.cold_starts",
    "analyzer": "cfplug.testing.checks.analyzers",
}
"""Where the checks of a whole plugin, of any component and of each kind lie, in `CHECKS` of that module."""


class BrokenLawError(AssertionError):
    """A component breaks a law; the text says what was expected and what was found."""


@frozen(eq=False)
class Subject:
    """What a check looks at: a plugin, and one of its components with the parameters that it is tried with.

    `entry` is None where the law is about the plugin as a whole. `examples` is how often a property
    is tried. `oracle` is a naive version of the component's function, with the same arguments, that
    its author gives; None without one."""

    registry: Registry
    plugin: Plugin
    entry: Entry | None = None
    params: Any = None
    examples: int = EXAMPLES
    oracle: Callable[..., Any] | None = None

    @property
    def component(self) -> Component:
        assert self.entry is not None
        return self.entry.component

    def function(self, verb: str) -> Callable[..., Any]:
        """The component's function for `verb`, imported now."""
        return self.component.function(verb)

    def hold(
        self, law: Callable[..., None], *cases: SearchStrategy[Any], examples: int | None = None
    ) -> None:
        """Try `law` on examples of `cases`, drawn without luck: what failed once fails again."""
        given(*cases)(law_settings(examples or self.examples)(law))()


def law_settings(examples: int) -> settings:
    """No deadline, no database, no search for luck: a check is the same wherever it runs."""
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
    )


def always(_subject: Subject) -> bool:
    """A law for every component of its kind."""
    return True


@frozen(eq=False)
class Check:
    """One law. `test` raises if the subject breaks it; its docstring's first line is the law in words.

    `applies` says for which components it is a law at all, such as those that declare a
    distribution."""

    name: str
    test: Callable[[Subject], None]
    applies: Callable[[Subject], bool] = always

    @property
    def law(self) -> str:
        return (self.test.__doc__ or "").partition("\n")[0]


@frozen(eq=False)
class Item:
    """One check of one subject. `known` is why it is known to fail; empty if it is not."""

    id: str
    check: Check
    subject: Subject
    known: str = ""

    def run(self) -> None:
        """Hold the law; whatever it raises gets a note with the law in words."""
        try:
            self.check.test(self.subject)
        except BaseException as error:
            error.add_note(f"the law {self.id}: {self.check.law}")
            raise


@frozen(eq=False)
class Outcome:
    """What came of an item: `passed`, `failed`, `known` (it fails, as declared) or `unexpected` (it should fail)."""

    item: Item
    state: str
    message: str = ""
    trace: str = field(default="", repr=False)

    @property
    def good(self) -> bool:
        return self.state in ("passed", "known")


def outcome(item: Item) -> Outcome:
    """Run an item and tell what came of it, whatever it raises but a keyboard interrupt."""
    try:
        item.run()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plugin under test may raise anything, SystemExit too
        words = (
            str(error) if isinstance(error, BrokenLawError) else f"{type(error).__name__}: {error}"
        )
        if item.known:
            return Outcome(item, "known", item.known)
        return Outcome(item, "failed", words, "".join(traceback.format_exception(error)))
    if item.known:
        return Outcome(item, "unexpected", f"it passes, and was declared to fail: {item.known}")
    return Outcome(item, "passed")


def items(
    name: str,
    *,
    registry: Registry | None = None,
    params: Mapping[str, Mapping[str, Any]] | None = None,
    known_failures: Mapping[str, str] | None = None,
    examples: int = EXAMPLES,
    oracles: Mapping[str, Callable[..., Any]] | None = None,
) -> list[Item]:
    """Every check of the plugin called `name`.

    `params` has the values of parameters with which a component is tried, by `kind/name`, where its
    defaults will not do; `known_failures` the reason why a check fails, by the check's id, such as
    `model/mean/learns-planted-ratings`; `oracles` a naive version of a component's function, by
    `kind/name`, with which it is compared. PluginError if no such plugin is there, or if one of the
    names in these tables is of nothing."""
    registry = registry or load()
    plugin = _plugin(registry, name)
    subjects = dict(_subjects(registry, plugin, dict(params or {}), examples, dict(oracles or {})))
    known = dict(known_failures or {})
    for what, names in (("params", params), ("oracles", oracles)):
        _check_names(what, names or {}, [each for each in subjects if "/" in each])
    found = [
        Item(f"{owner}/{check.name}", check, subject, known.get(f"{owner}/{check.name}", ""))
        for owner, subject in subjects.items()
        for room in _rooms(subject)
        for check in _checks(room)
        if check.applies(subject)
    ]
    _check_names("known_failures", known, [item.id for item in found])
    return found


def _plugin(registry: Registry, name: str) -> Plugin:
    for plugin in registry.plugins:
        if plugin.name == name:
            return plugin
    guess = did_you_mean(name, [plugin.name for plugin in registry.plugins])
    raise PluginError(f'no plugin called "{name}"{guess} (cfplug plugins)')


def _subjects(
    registry: Registry,
    plugin: Plugin,
    params: Mapping[str, Mapping[str, Any]],
    examples: int,
    oracles: Mapping[str, Callable[..., Any]],
) -> Iterator[tuple[str, Subject]]:
    yield "plugin", Subject(registry, plugin, examples=examples)
    for kind, component in plugin.components:
        owner = f"{kind}/{component.name}"
        made = structure(component.params, params.get(owner, {}), owner=component.name)
        if made.faults:
            told = "; ".join(fault.message for fault in made.faults)
            raise PluginError(f"{owner} cannot be tried: {told} (say which values in params)")
        entry = Entry(kind, plugin, component)
        yield owner, Subject(registry, plugin, entry, made.value, examples, oracles.get(owner))


def _rooms(subject: Subject) -> tuple[str, ...]:
    return ("plugin",) if subject.entry is None else ("component", subject.entry.kind)


def _checks(room: str) -> tuple[Check, ...]:
    checks: tuple[Check, ...] = importlib.import_module(ROOMS[room]).CHECKS
    return checks


def _check_names(what: str, names: Mapping[str, Any], there: list[str]) -> None:
    for name in names:
        if name not in there:
            raise PluginError(
                f"{what} names {name!r}, which is nothing here{did_you_mean(name, there)}"
            )
