"""Run the checks on the broken plugins of tests/zoo/mutants, and compare which of them fail."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cfplug.plugin.registry import load
from cfplug.testing import Check, Item, items, outcome

MUTANTS = Path(__file__).parents[1] / "zoo" / "mutants"

OURS = "coldstart,factors,losses,metrics,networks,splits,tables"
"""The plugins that the checks themselves use."""

Expected = Mapping[str, Mapping[str, str]]
"""The checks that each mutant fails, with their messages; `...` is any text, '' any message."""


def items_of(plugin: str, **options: Any) -> dict[str, list[Item]]:
    """Return the checks of one plugin of the zoo, by component (kind/name or plugin)."""
    registry = load([MUTANTS], {"CFPLUG_PLUGINS": f"{plugin},{OURS}"})
    found: dict[str, list[Item]] = {}
    for item in items(plugin, registry=registry, **options):
        found.setdefault(item.id.rpartition("/")[0], []).append(item)
    return found


def failures(found: Iterable[Item]) -> dict[str, str]:
    """Return the name and message of each check that fails."""
    outcomes = {item.check.name: outcome(item) for item in found}
    return {name: each.message for name, each in outcomes.items() if not each.passed}


def assert_fails(found: Iterable[Item], expected: Mapping[str, str]) -> None:
    """Assert that the expected checks fail, with these messages, and no others."""
    messages = failures(found)
    assert list(messages) == list(expected)
    for name, text in expected.items():
        if "..." in text:
            assert all(part in messages[name] for part in text.split("...")), messages[name]
        elif text:
            assert messages[name] == text


def assert_every_check_fails(checks: Iterable[Check], expected: Expected) -> None:
    """Assert that every check has a mutant that it catches."""
    caught = {name for names in expected.values() for name in names}
    assert caught == {check.name for check in checks}
