"""The doctor reports what must be repaired and what is useful to know."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import pytest

import cfplug
from cfplug.plugin.discovery import Candidate, in_folders
from cfplug.plugin.doctor import notes, problems, variables
from cfplug.plugin.registry import assemble


def plugin(
    name: str, *metrics: str, requires: tuple[str, ...] = (), distribution: str = ""
) -> Candidate:
    module = ModuleType(name)

    @cfplug.hookimpl
    def cfplug_metrics() -> list[cfplug.Metric]:
        return [cfplug.Metric(metric, score="zoo:score") for metric in metrics]

    vars(module)["cfplug_metrics"] = cfplug_metrics
    return Candidate(
        name, distribution or f"cfplug-{name}", "1.2", lambda: module, requires=requires
    )


def failing(name: str, error: Exception, requires: tuple[str, ...] = ()) -> Candidate:
    def fail() -> ModuleType:
        raise error

    return Candidate(name, f"cfplug-{name}", "1.2", fail, requires=requires)


def wrong(*candidates: Candidate, limit: str = "") -> list[str]:
    return problems(assemble(candidates, limit))


def test_healthy_plugins_have_no_problems_and_no_notes() -> None:
    healthy = plugin("ant", "best", requires=("attrs>=20", "cfplug"))
    registry = assemble([healthy, plugin("bee", "worst")], "-bee")
    assert problems(registry) == []
    assert list(notes(registry)) == []


def test_broken_plugins_and_unknown_names_are_problems() -> None:
    assert wrong(plugin("ant"), failing("bee", OSError("no hive")), limit="-cow") == [
        "CFPLUG_PLUGINS names a plugin 'cow' that is not installed",
        "plugin bee (cfplug-bee 1.2) is broken: importing it raised OSError: no hive\n"
        f"  at {__file__}:{failing.__code__.co_firstlineno + 2}: raise error\n"
        "  switch it off with CFPLUG_PLUGINS=-cow,-bee",
    ]


def test_an_unmet_requirement_is_a_problem_though_the_plugin_works() -> None:
    here = version("attrs")
    requires = ("attrs<1", "nobody>=2", "pluggy", "other; extra == 'x'")
    assert wrong(plugin("ant", requires=requires)) == [
        "cfplug-ant 1.2 lacks some of its requirements\n"
        f"  expected attrs<1, got attrs {here}\n"
        "  expected nobody>=2, got nothing\n"
        "  install it: python -m pip install 'attrs<1' 'nobody>=2'",
    ]


def test_an_unmet_requirement_is_reported_once_for_a_distribution() -> None:
    needs = ("nobody>=2",)
    two = [plugin(name, requires=needs, distribution="cfplug-farm") for name in ("ant", "bee")]
    (alone,) = wrong(*two)
    assert alone.startswith("cfplug-farm 1.2 lacks some of its requirements\n")


def test_an_unmet_requirement_of_a_broken_plugin_is_reported_with_its_error() -> None:
    (broken,) = wrong(failing("ant", AttributeError("no attribute"), ("attrs<1",)))
    assert "AttributeError" in broken
    assert broken.count("expected attrs<1, got attrs ") == 1


def test_a_plugin_that_is_switched_off_requires_nothing() -> None:
    assert wrong(plugin("ant", requires=("nobody",)), limit="-ant") == []


def test_names_of_two_plugins_are_notes() -> None:
    registry = assemble([plugin("ant", "best", "own"), plugin("bee", "best")])
    assert problems(registry) == []
    assert list(notes(registry)) == [
        "2 plugins have a metric called best; write ant/best or bee/best"
    ]


def test_a_manifest_that_imports_something_heavy_is_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", ModuleType("tensorflow"))
    file = tmp_path / "zoo_heavy.py"
    file.write_text(
        "import cfplug\nimport tensorflow as tf\n\n\n"
        "@cfplug.hookimpl\ndef cfplug_metrics():\n    return []\n"
    )
    registry = assemble(in_folders([tmp_path]))
    sys.modules.pop("zoo_heavy")
    assert problems(registry) == []
    assert list(notes(registry)) == [
        f"plugin zoo-heavy ({file}) imports tensorflow; every command waits for that. "
        "Import inside the functions that do the work."
    ]


def test_variables_are_the_two_that_are_read_and_all_that_are_set() -> None:
    assert variables({"CFPLUG_TRACE": "1", "CFPLUG_CACHE": "/tmp", "HOME": "/root"}) == [
        ("CFPLUG_PLUGINS", "not set"),
        ("CFPLUG_TRACE", "1"),
        ("CFPLUG_CACHE", "/tmp"),
    ]
