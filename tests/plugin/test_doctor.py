"""What a doctor tells of plugins: what must be mended, and what is worth knowing."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import attrs
import pytest

import cfplug
from cfplug.plugin.discovery import Candidate, in_folders
from cfplug.plugin.doctor import MANY, SLOW, Diagnosis, diagnose, variables
from cfplug.plugin.registry import Registry, assemble

NOTHING: Mapping[str, str] = {}


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

    return Candidate(name, f"cfplug-{name}", "1.2", fail, module=name, requires=requires)


def of(
    *candidates: Candidate, limit: str = "", environment: Mapping[str, str] = NOTHING
) -> Diagnosis:
    return diagnose(assemble(candidates, limit), environment)


def quick(registry: Registry, **milliseconds: float) -> Registry:
    """The same plugins, as if each had taken this long to import, or no time."""
    plugins = [
        attrs.evolve(each, milliseconds=milliseconds.get(each.name, 0.0))
        for each in registry.plugins
    ]
    return attrs.evolve(registry, plugins=tuple(plugins))


def test_of_healthy_plugins_there_is_nothing_to_tell() -> None:
    registry = quick(
        assemble(
            [plugin("ant", "best", requires=("attrs>=20", "cfplug")), plugin("bee", "worst")],
            "-bee",
        )
    )
    assert diagnose(registry, NOTHING) == Diagnosis((), ())


def test_broken_plugins_and_names_that_nobody_bears_are_wrong() -> None:
    found = of(plugin("ant"), failing("bee", OSError("no hive")), limit="-cow")
    assert found.wrong == (
        "CFPLUG_PLUGINS names a plugin 'cow' that is not installed",
        "plugin bee (cfplug-bee 1.2) is broken: importing it raised OSError: no hive\n"
        f"  at {__file__}:{failing.__code__.co_firstlineno + 2}: raise error\n"
        "  switch it off with CFPLUG_PLUGINS=-cow,-bee",
    )


def test_a_requirement_that_is_not_met_is_wrong_though_the_plugin_works() -> None:
    here = version("attrs")
    found = of(plugin("ant", requires=("attrs<1", "nobody>=2", "pluggy", "other; extra == 'x'")))
    assert found.wrong == (
        "cfplug-ant 1.2 lacks some of its requirements\n"
        f"  it requires attrs<1, and attrs {here} is installed\n"
        "  it requires nobody>=2, which is not installed\n"
        "  python -m pip install 'attrs<1' 'nobody>=2'",
    )


def test_a_requirement_is_told_once_for_all_plugins_of_a_distribution_and_not_again_where_one_is_broken() -> (
    None
):
    needs = ("nobody>=2",)
    (alone,) = of(
        *(plugin(name, requires=needs, distribution="cfplug-farm") for name in ("ant", "bee"))
    ).wrong
    assert alone.startswith("cfplug-farm 1.2 lacks some of its requirements\n")
    (broken,) = of(
        failing("cow", ModuleNotFoundError("No module named 'nobody'", name="nobody"), needs)
    ).wrong
    assert broken.startswith("plugin cow (cfplug-cow 1.2) is broken")
    assert broken.count("it requires nobody>=2, which is not installed") == 1


def test_a_requirement_that_may_be_why_a_plugin_is_broken_is_told_beside_it() -> None:
    broken, needed = of(
        failing("ant", AttributeError("module has no attribute"), ("attrs<1",))
    ).wrong
    assert "AttributeError" in broken
    assert "it requires attrs<1, and attrs " in needed


def test_what_is_switched_off_needs_nothing() -> None:
    assert of(plugin("ant", requires=("nobody",)), limit="-ant").wrong == ()


def test_names_that_clash_are_notes_and_many_of_them_are_cut() -> None:
    names = [f"best-{number}" for number in range(MANY + 7)]
    registry = quick(assemble([plugin("ant", *names, "own"), plugin("bee", *names)]))
    found = diagnose(registry, NOTHING)
    assert found.wrong == ()
    assert found.notes == (
        *registry.clashes()[:MANY],
        "and 7 more names of two plugins; each full name, plugin/name, still works",
    )
    assert found.notes[0] == "2 plugins have a metric called best-0; write ant/best-0 or bee/best-0"


@pytest.fixture
def heavy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a plugin whose manifest loads a module that is heavy elsewhere and empty here."""
    monkeypatch.syspath_prepend(tmp_path / "modules")
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "tensorflow.py").touch()
    manifest = "import cfplug\nimport tensorflow\n\n\n@cfplug.hookimpl\ndef cfplug_metrics():\n    return []\n"
    for name in ("zoo_heavy", "zoo_later"):
        (tmp_path / f"{name}.py").write_text(manifest)
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    return tmp_path


def test_a_manifest_that_loads_something_heavy_is_told_with_what_and_how_long(heavy: Path) -> None:
    registry = quick(assemble(in_folders([heavy])), **{"zoo-heavy": 1234.5})
    assert [each.heavy for each in registry.plugins] == [("tensorflow",), ()], (
        "whoever comes later finds it there"
    )
    found = diagnose(registry, NOTHING)
    assert found.wrong == ()
    assert found.notes == (
        f"plugin zoo-heavy ({heavy / 'zoo_heavy.py'}) took 1,234 ms to import: its manifest loads tensorflow\n"
        "  every command waits for that; import inside the functions that do the work",
    )


def test_a_manifest_that_is_slow_for_no_reason_that_we_know_is_told_too() -> None:
    registry = quick(assemble([plugin("ant"), plugin("bee")]), ant=SLOW, bee=SLOW + 1)
    assert diagnose(registry, NOTHING).notes == (
        f"plugin bee (cfplug-bee 1.2) took {SLOW + 1:.0f} ms to import; every command waits for that",
    )


def test_a_variable_that_nobody_reads_is_told_if_it_looks_like_one_that_is_read() -> None:
    given = {
        "CFPLUG_PLUGIN": "x",
        "CFPLUG_PICTURES": "docs",
        "CFPLUG_CACHE": "y",
        "CFPLUG_TRACE": "1",
        "PLUGINS": "z",
    }
    assert diagnose(assemble([]), given).notes == (
        "the variable CFPLUG_PLUGIN is not read by cfplug; did you mean CFPLUG_PLUGINS?",
    )


def test_the_variables_are_those_that_are_read_and_all_that_are_set() -> None:
    assert variables({"CFPLUG_TRACE": "1", "CFPLUG_CACHE": "/tmp", "HOME": "/root"}) == [
        ("CFPLUG_PLUGINS", "not set"),
        ("CFPLUG_TRACE", "1"),
        ("CFPLUG_CACHE", "/tmp"),
    ]
