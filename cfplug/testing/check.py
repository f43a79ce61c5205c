"""The checks of a plugin: one item for each check and component, and the outcome of running it."""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from attrs import field, frozen
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

from cfplug.errors import PluginError, did_you_mean
from cfplug.params import structure
from cfplug.plugin.components import Component
from cfplug.plugin.registry import Entry, Plugin, Registry, load

EXAMPLES = 5
"""The default number of examples of a property: checks of models train one or two for each."""

MODULES: Mapping[str, str] = {
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
"""The module whose `CHECKS` are for a whole plugin, for any component, and for each kind."""


class CheckError(AssertionError):
    """A component fails a check; the message says what was expected and what was found."""


@frozen(eq=False)
class Subject:
    """What is checked: a plugin, or one of its components with parameters.

    `entry` is None where the plugin as a whole is checked. `examples` is the number of examples of
    a property. `oracle` is a naive version of the component's function with the same arguments,
    written by its author; None without one.
    """

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
        """Import the component's function for `verb`."""
        return self.component.function(verb)

    def check_property(
        self, test: Callable[..., None], *cases: SearchStrategy[Any], examples: int | None = None
    ) -> None:
        """Run `test` on examples drawn from `cases`, the same ones in every run.

        Args:
            test: Takes one argument for each of `cases` and raises where the property fails.
            cases: Strategies of the arguments.
            examples: The number of examples; by default that of the subject.
        """
        given(*cases)(property_settings(examples or self.examples)(test))()


def property_settings(examples: int) -> settings:
    """Return settings for hypothesis without deadline, database and random seed."""
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


@contextmanager
def no_error(
    place: str,
    advice: str = "",
    kinds: type[Exception] = Exception,
    error: type[CheckError] = CheckError,
) -> Iterator[None]:
    """Turn an exception of one of `kinds` in the block into a CheckError about `place`."""
    try:
        yield
    except kinds as raised:
        found = f"{type(raised).__name__}: {raised}"
        raise error(with_advice(f"{place}: expected no error, got {found}", advice)) from raised


def with_advice(message: str, advice: str) -> str:
    """Return the message as a sentence, followed by the advice."""
    sentence = message if message.endswith((".", "?", "!")) else f"{message}."
    return f"{sentence} {advice}" if advice else sentence


def fail_if(difference: str, place: str, advice: str = "") -> None:
    """Raise a CheckError about `place` where there is a difference; an empty text is none."""
    if difference:
        raise CheckError(with_advice(f"{place}: {difference}", advice))


def always(_subject: Subject) -> bool:
    """Apply a check to every component of its kind."""
    return True


@frozen(eq=False)
class Check:
    """One check. `test` raises if the subject fails; its name and docstring describe the check.

    `applies` tells for which components it is run, such as those that declare a distribution.
    """

    test: Callable[[Subject], None]
    applies: Callable[[Subject], bool] = always

    @property
    def name(self) -> str:
        """The last part of an item's id, such as `answers-are-finite`."""
        return self.test.__name__.replace("_", "-")

    @property
    def summary(self) -> str:
        """What the component must do, in one sentence."""
        return (self.test.__doc__ or "").partition("\n")[0]


@frozen(eq=False)
class Item:
    """One check of one subject. `known_failure` is why it is known to fail; empty if it is not."""

    id: str
    check: Check
    subject: Subject
    known_failure: str = ""

    def run(self) -> None:
        """Run the check; whatever it raises gets a note with the id and the check's summary."""
        try:
            self.check.test(self.subject)
        except BaseException as error:
            error.add_note(f"check {self.id}: {self.check.summary}")
            raise


@frozen(eq=False)
class Outcome:
    """The result of an item.

    `state` is `passed`, `failed`, `known` (it fails, as declared) or `unexpected` (it passes
    although it was declared to fail).
    """

    item: Item
    state: str
    message: str = ""
    trace: str = field(default="", repr=False)

    @property
    def passed(self) -> bool:
        """Whether the result is as it should be."""
        return self.state in ("passed", "known")


def outcome(item: Item) -> Outcome:
    """Run an item and return its outcome, whatever it raises except a keyboard interrupt."""
    try:
        item.run()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plugin may raise anything, SystemExit too
        if item.known_failure:
            return Outcome(item, "known", item.known_failure)
        found = str(error) if isinstance(error, CheckError) else f"{type(error).__name__}: {error}"
        return Outcome(item, "failed", found, "".join(traceback.format_exception(error)))
    if not item.known_failure:
        return Outcome(item, "passed")
    expected = f"expected a failure ({item.known_failure}), but the check passes."
    return Outcome(item, "unexpected", f"{expected} Remove it from known_failures.")


def items(
    name: str,
    *,
    registry: Registry | None = None,
    params: Mapping[str, Mapping[str, Any]] | None = None,
    known_failures: Mapping[str, str] | None = None,
    examples: int = EXAMPLES,
    oracles: Mapping[str, Callable[..., Any]] | None = None,
) -> list[Item]:
    """Return every check of the plugin called `name`.

    Args:
        name: The plugin.
        registry: Where the plugin is; by default the installed plugins.
        params: Parameters of components whose defaults cannot be used, by `kind/name`.
        known_failures: Why a check fails, by its id, such as `model/mean/learns-planted-ratings`.
        examples: The number of examples of each property.
        oracles: A naive version of a component's function to compare it with, by `kind/name`.

    Raises:
        PluginError: There is no such plugin, or no component or check of a name in these tables.
    """
    registry = registry or load()
    plugin = _plugin(registry, name)
    subjects = {"plugin": Subject(registry, plugin, examples=examples)}
    components = dict(_subjects(registry, plugin, params or {}, examples, oracles or {}))
    _check_names("params", "a component (kind/name)", params or {}, list(components))
    _check_names("oracles", "a component (kind/name)", oracles or {}, list(components))

    known = known_failures or {}
    found: list[Item] = []
    for owner, subject in {**subjects, **components}.items():
        for check in _checks(subject):
            check_id = f"{owner}/{check.name}"
            found.append(Item(check_id, check, subject, known.get(check_id, "")))
    _check_names("known_failures", "the id of a check", known, [item.id for item in found])
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
    for kind, component in plugin.components:
        owner = f"{kind}/{component.name}"
        made = structure(component.params, params.get(owner, {}), owner=component.name)
        if made.faults:
            faults = "; ".join(fault.message for fault in made.faults)
            raise PluginError(f"{owner}: cannot be checked: {faults}. Give the values in params.")
        entry = Entry(kind, plugin, component)
        yield owner, Subject(registry, plugin, entry, made.value, examples, oracles.get(owner))


def _checks(subject: Subject) -> Iterator[Check]:
    kinds = ("plugin",) if subject.entry is None else ("component", subject.entry.kind)
    for kind in kinds:
        for check in importlib.import_module(MODULES[kind]).CHECKS:
            if check.applies(subject):
                yield check


def _check_names(what: str, expected: str, names: Mapping[str, Any], known: list[str]) -> None:
    for name in names:
        if name not in known:
            guess = did_you_mean(name, known)
            raise PluginError(f"{what}: expected {expected}, got {name!r}{guess}")
