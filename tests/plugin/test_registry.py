"""Plugins are found, loaded one at a time and remembered, whatever is wrong with them."""

from __future__ import annotations

import functools
import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cfplug
from cfplug.plugin import loader
from cfplug.plugin.components import KINDS
from cfplug.plugin.discovery import Candidate, in_folders, installed
from cfplug.plugin.hookspecs import RunStarted
from cfplug.plugin.registry import Plugin, Registry, assemble, load
from cfplug.recipe.parser import parse_recipe

ZOO = Path(__file__).parents[1] / "zoo"
BROKEN = ZOO / "broken"

WHY = {
    "bad_name": """\
cfplug_metrics raised ValueError: name: must be a kebab-case noun such as `item-mean`; got \
'Best At 10'
  at {file}:8: return [cfplug.Metric("Best At 10", score="bad_name:best")]""",
    "bad_signature": """\
cfplug_metrics raised PluginError: score: best takes (truth, prediction); expected (params, \
truth, prediction)
  at {file}:12: return [cfplug.Metric("best", score=best)]""",
    "bad_target": """\
cfplug_metrics raised ValueError: score: must look like `package.module:function`; got \
'bad_target.best'
  at {file}:8: return [cfplug.Metric("best", score="bad_target.best")]""",
    "circular": """\
importing it raised ImportError: cannot import name 'METRICS' from 'circular' ({file})
  at {file}:3: from circular import METRICS""",
    "hook_leaves": """\
cfplug_metrics raised SystemExit: no licence
  at {file}:8: raise SystemExit("no licence")""",
    "hook_raises": """\
cfplug_metrics raised FileNotFoundError: metrics.txt
  at {file}:12: raise FileNotFoundError("metrics.txt")""",
    "import_error": """\
importing it raised ModuleNotFoundError: No module named 'a_package_that_nobody_has'
  at {file}:3: import a_package_that_nobody_has""",
    "leaves": """\
importing it raised SystemExit: 3
  at {file}:5: sys.exit(3)""",
    "made_for_newer": """\
it is made for another version of cfplug
  expected cfplug>=9, got cfplug {cfplug}
  install it: python -m pip install 'cfplug>=9'""",
    "misspelt": "hook: expected cfplug_metrics(), got cfplug_metrcs()",
    "misspelt_unmarked": "cfplug_analysers is not marked; write cfplug_analyzers() below "
    "@cfplug.hookimpl",
    "no_hook": "it has no hook; mark functions such as cfplug_models with @cfplug.hookimpl",
    "panics": """\
importing it raised PanicException: called unwrap on a None value
  at {file}:8: raise PanicException("called unwrap on a None value")""",
    "plain_class": """\
cfplug_metrics raised ValueError: params: must be a frozen attrs class; got <class \
'plain_class.Best'>
  at {file}:12: return [cfplug.Metric("best", Best, score="plain_class:best")]""",
    "raises_deep": """\
importing it raised JSONDecodeError: Expecting property name enclosed in double quotes: line 1 \
column 2 (char 1)
  at {file}:5: SETTINGS = json.loads("{{")""",
    "reserved_word": """\
cfplug_metrics raised ValueError: params: use is a key of recipes and cannot be a parameter of Best
  at {file}:15: return [cfplug.Metric("best", Best, score="reserved_word:best")]""",
    "returns_class": """\
cfplug_metrics must return a list of cfplug.Metric; one entry is <class \
'returns_class.Best'>""",
    "returns_nothing": "cfplug_metrics must return a list of cfplug.Metric; got None",
    "returns_one": "cfplug_metrics must return a list of cfplug.Metric; "
    "got Metric(name='..., requires=())",
    "returns_table": """\
cfplug_metrics must return a list of cfplug.Metric; got {{'best': Metric(name='..., \
requires=())}}""",
    "speechless": """\
importing it raised SpeechlessError: (it has no readable text)
  at {file}:9: raise SpeechlessError""",
    "thawed": """\
cfplug_metrics raised ValueError: params: must be a frozen attrs class; got <class 'thawed.Best'>
  at {file}:15: return [cfplug.Metric("best", Best, score="thawed:best")]""",
    "twice": "cfplug_metrics declares best twice",
    "unlike_any": """\
hook: expected one of cfplug_sources, cfplug_splits, cfplug_models, cfplug_losses, \
cfplug_metrics, cfplug_cold_starts, cfplug_analyzers, cfplug_run_started, cfplug_step_finished, \
cfplug_epoch_finished, cfplug_run_finished, cfplug_run_failed, got register""",
    "unmarked": "cfplug_metrics is not marked; write cfplug_metrics() below @cfplug.hookimpl",
    "unmet": """\
importing it raised ModuleNotFoundError: No module named 'a_module_of_that_package'
  at {file}:12: import a_module_of_that_package
  expected a-package-that-nobody-has>=2, got nothing
  expected numpy>=99, got numpy {numpy}
  install it: python -m pip install 'a-package-that-nobody-has>=2' 'numpy>=99'""",
    "uses_newer": """\
importing it raised ImportError: cannot import name 'Forecaster' from 'cfplug' ({init})
  at {file}:3: from cfplug import Forecaster""",
    "wrong_argument": """\
hook: expected cfplug_metrics(), got cfplug_metrics(config)""",
    "wrong_kind": "cfplug_models must return a list of cfplug.Model; one entry is "
    "Metric(name='..., requires=())",
    "wrong_word": """\
hook: expected cfplug_run_finished(event), got cfplug_run_finished(result)""",
}
"""Why each plugin of zoo/broken is broken, in full."""

HERE = {"cfplug": version("cfplug"), "numpy": version("numpy"), "init": cfplug.__file__}


def full_text(stem: str) -> str:
    """Return the whole message about one plugin of zoo/broken."""
    name = stem.replace("_", "-")
    file = BROKEN / f"{stem}.py"
    why = WHY[stem].format(file=file, **HERE)
    switch = f"switch it off with CFPLUG_PLUGINS=-{name}"
    return f"plugin {name} ({file}) is broken: {why}\n  {switch}"


def candidate(
    name: str, *metrics: str, distribution: str = "cfplug-zoo", version: str = "1.2"
) -> Candidate:
    """A healthy plugin that declares `metrics`."""
    module = ModuleType(name)

    @cfplug.hookimpl
    def cfplug_metrics() -> list[cfplug.Metric]:
        return [cfplug.Metric(metric, score="zoo:score") for metric in metrics]

    vars(module)["cfplug_metrics"] = cfplug_metrics
    return Candidate(name, distribution, version, lambda: module)


def failing(name: str, distribution: str = "cfplug-zoo", version: str = "1.2") -> Candidate:
    """A plugin whose import fails."""

    def fail() -> ModuleType:
        raise ImportError("no module called left-pad")

    return Candidate(name, distribution, version, fail)


def raising(name: str, distribution: str = "cfplug-zoo", version: str = "1.2") -> Candidate:
    """A plugin that is refused only after it was registered: its hook raises."""
    module = ModuleType(name)

    @cfplug.hookimpl
    def cfplug_metrics() -> list[cfplug.Metric]:
        raise LookupError("no metric today")

    vars(module)["cfplug_metrics"] = cfplug_metrics
    return Candidate(name, distribution, version, lambda: module)


@functools.cache
def specimens() -> Mapping[str, Candidate]:
    return {each.name.replace("-", "_"): each for each in in_folders([BROKEN])}


def states(registry: Registry) -> dict[str, str]:
    return {plugin.name: plugin.state for plugin in registry.plugins}


def only(registry: Registry) -> Plugin:
    (plugin,) = registry.plugins
    return plugin


# The zoo


def test_every_broken_plugin_of_the_zoo_has_its_message_here() -> None:
    assert set(specimens()) == set(WHY)


@pytest.mark.parametrize("stem", sorted(WHY))
def test_a_broken_plugin_is_reported_with_its_origin_and_what_to_do(stem: str) -> None:
    plugin = only(assemble([specimens()[stem]]))
    assert plugin.state == "broken"
    assert plugin.why == full_text(stem)
    assert plugin.components == ()


def test_a_syntax_error_is_reported_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "half_written.py"
    file.write_text("import cfplug\n\nmetrics = [\n")
    assert only(assemble(in_folders([tmp_path]))).why == (
        f"plugin half-written ({file}) is broken: importing it raised SyntaxError: '[' was "
        f"never closed "
        f"(half_written.py, line 3)\n"
        f"  at {file}:3: metrics = [\n"
        "  switch it off with CFPLUG_PLUGINS=-half-written"
    )


def test_the_reported_line_is_in_the_plugin_and_not_in_a_library(tmp_path: Path) -> None:
    package = tmp_path / "cfplug_layered"
    package.mkdir()
    (package / "__init__.py").write_text("from cfplug_layered import names\n")
    (package / "names.py").write_text("import json\n\nNAMES = json.loads('no json')\n")
    announce(tmp_path, "cfplug-layered", "0.3", "layered = cfplug_layered")
    with on_path(tmp_path):
        plugin = only(
            assemble(each for each in installed() if each.distribution == "cfplug-layered")
        )
    assert plugin.why == (
        "plugin layered (cfplug-layered 0.3) is broken: importing it raised JSONDecodeError: "
        "Expecting value: line 1 column 1 (char 0)\n"
        f"  at {package / 'names.py'}:3: NAMES = json.loads('no json')\n"
        "  switch it off with CFPLUG_PLUGINS=-layered"
    )


def test_what_a_plugin_prints_while_it_loads_goes_to_standard_error(
    capfd: pytest.CaptureFixture[str],
) -> None:
    sys.modules.pop("talkative", None)
    assert (
        only(assemble(each for each in in_folders([ZOO / "odd"]) if each.name == "talkative")).state
        == "ok"
    )
    shown = capfd.readouterr()
    assert shown.out == ""
    assert shown.err == "talkative was imported\ntalkative was asked\n"


def test_odd_but_healthy_plugins_are_loaded() -> None:
    registry = assemble(in_folders([ZOO / "odd"]))
    assert states(registry) == {
        "fragile": "ok",
        "magical": "ok",
        "renamed": "ok",
        "talkative": "ok",
    }
    assert [entry.full_name for entry in registry.entries("metric")] == [
        "fragile/fragile",
        "magical/magic",
        "renamed/renamed-best",
        "talkative/talk",
    ]


def test_ctrl_c_while_plugins_load_is_not_taken_for_a_fault() -> None:
    def interrupted() -> ModuleType:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        assemble([Candidate("slow", "cfplug-slow", "1.0", interrupted)])


# Laws


@st.composite
def shuffled(draw: st.DrawFn) -> tuple[list[Candidate], list[Candidate], list[str]]:
    """Healthy and broken plugins in two orders, and the names of the healthy ones.

    Some of the broken ones bear the name of a healthy one.
    """
    stems = draw(st.lists(st.sampled_from(sorted(WHY)), unique=True, max_size=5))
    names = draw(st.lists(st.sampled_from(["ant", "bee", "cat", "dog"]), unique=True, min_size=1))
    namesakes = draw(st.lists(st.sampled_from(names), unique=True))
    animals = [candidate(name, "best", f"{name}-metric") for name in names]
    broken = [specimens()[stem] for stem in stems]
    fault = st.sampled_from([failing, raising])
    broken += [
        draw(fault)(name, draw(st.sampled_from(["aaa", "cfplug", "zzz"]))) for name in namesakes
    ]
    every = [*animals, *broken]
    return every, draw(st.permutations(every)), names


@settings(deadline=None, max_examples=25)
@given(shuffled())
def test_any_set_of_broken_plugins_leaves_the_healthy_ones_usable(
    drawn: tuple[list[Candidate], list[Candidate], list[str]],
) -> None:
    every, _, names = drawn
    registry = assemble(every)
    for name in names:
        assert registry.find("metric", f"{name}-metric").full_name == f"{name}/{name}-metric"
        assert registry.find("metric", f"{name}/best").full_name == f"{name}/best"
    assert sum(plugin.state == "ok" for plugin in registry.plugins) == len(names)
    assert all(plugin.why for plugin in registry.plugins if plugin.state == "broken")


@settings(deadline=None, max_examples=25)
@given(shuffled())
def test_the_listing_does_not_depend_on_the_order_of_installation(
    drawn: tuple[list[Candidate], list[Candidate], list[str]],
) -> None:
    every, other_way, _ = drawn
    one, other = assemble(every), assemble(other_way)
    assert one.plugins == other.plugins
    for kind in KINDS:
        assert [entry.full_name for entry in one.entries(kind)] == [
            entry.full_name for entry in other.entries(kind)
        ]
    assert one.clashes() == other.clashes()


@settings(deadline=None, max_examples=25)
@given(shuffled(), st.sets(st.sampled_from(["ant", "dog", "twice"])))
def test_the_advised_setting_removes_the_broken_plugins_and_keeps_the_others(
    drawn: tuple[list[Candidate], list[Candidate], list[str]], unwanted: set[str]
) -> None:
    every, _, _ = drawn
    before = assemble(every, ",".join(f"-{name}" for name in sorted(unwanted)))
    after = assemble(every, before.switching_off(*before.broken).removeprefix("CFPLUG_PLUGINS="))
    assert after.broken == []
    assert after.messages == before.messages
    message = [
        [plugin.title for plugin in each.plugins if plugin.state == "ok"]
        for each in (before, after)
    ]
    assert message[0] == message[1]


def test_what_is_switched_off_already_stays_off_in_the_advice() -> None:
    registry = assemble([candidate("ant", "best"), failing("bee"), failing("cat")], " -ant ")
    assert registry.plugins[1].why.endswith("\n  switch it off with CFPLUG_PLUGINS=-ant,-bee")
    assert registry.in_short(registry.broken) == (
        "bee, cat (cfplug doctor says why; switch them off with CFPLUG_PLUGINS=-ant,-bee,-cat)"
    )


words = st.sets(st.sampled_from(["ant", "bee", "cat", "dog", "eel"]))


@settings(deadline=None, max_examples=25)
@given(words, words, st.booleans())
def test_cfplug_plugins_decides_what_is_loaded_and_what_is_not_even_imported(
    wanted: set[str], unwanted: set[str], spaced: bool
) -> None:
    imported = []

    def watched(name: str) -> Candidate:
        inner = candidate(name, f"{name}-metric")

        def load_and_tell() -> ModuleType:
            imported.append(name)
            return inner.load()

        return attrs.evolve(inner, load=load_and_tell)

    limit = (" , " if spaced else ",").join(
        [*sorted(wanted), *(f"-{name}" for name in sorted(unwanted))]
    )
    registry = assemble(map(watched, ["dog", "cat", "bee", "ant"]), limit)
    expected = [
        name
        for name in ("ant", "bee", "cat", "dog")
        if name not in unwanted and name in (wanted or {name})
    ]
    assert imported == expected
    assert [plugin.name for plugin in registry.plugins if plugin.state == "ok"] == expected
    assert [plugin.why for plugin in registry.plugins if plugin.state == "off"] == [
        "switched off by CFPLUG_PLUGINS"
    ] * (4 - len(expected))
    assert len(registry.messages) == ("eel" in wanted | unwanted)


def test_an_unknown_name_in_cfplug_plugins_names_the_nearest_one() -> None:
    registry = assemble(
        [candidate("movielens", "best"), candidate("tables", "worst")], "movilens, -zebra"
    )
    assert registry.messages == (
        "CFPLUG_PLUGINS names a plugin 'movilens' that is not installed; did you mean movielens?",
        "CFPLUG_PLUGINS names a plugin 'zebra' that is not installed",
    )
    assert states(registry) == {"movielens": "off", "tables": "off"}


def test_load_reads_cfplug_plugins_from_the_environment_that_it_is_given() -> None:
    registry = load([ZOO / "odd"], {"CFPLUG_PLUGINS": "metrics,renamed"})
    assert [name for name, state in states(registry).items() if state == "ok"] == [
        "metrics",
        "renamed",
    ]


# Once in a process


def test_the_same_folders_and_settings_give_the_same_registry(tmp_path: Path) -> None:
    file = tmp_path / "zoo_once.py"
    file.write_text(METRIC_PLUGIN.format("zoo_once"))
    first = load([tmp_path], {})
    assert load([tmp_path], {"HOME": "/root"}) is first
    assert load([tmp_path], {"CFPLUG_PLUGINS": "zoo-once"}) is not first
    assert load([], {}) is not first
    sys.modules.pop("zoo_once")


def test_a_file_that_comes_or_changes_is_seen_by_the_next_load(tmp_path: Path) -> None:
    limit = {"CFPLUG_PLUGINS": "zoo-late"}
    before = load([tmp_path], limit)
    assert before.entries("metric") == []
    file = tmp_path / "zoo_late.py"
    file.write_text("raise ValueError('not yet')\n")
    os.utime(file, ns=(1, 1))
    assert [plugin.name for plugin in load([tmp_path], limit).broken] == ["zoo-late"]
    file.write_text(METRIC_PLUGIN.format("zoo_late"))
    assert load([tmp_path], limit).find("metric", "best").full_name == "zoo-late/best"
    sys.modules.pop("zoo_late")


def test_a_distribution_that_comes_on_the_path_is_seen_by_the_next_load(tmp_path: Path) -> None:
    announce(tmp_path, "cfplug-bee", "0.4", "bee = bee_plugin")
    (tmp_path / "bee_plugin.py").write_text(METRIC_PLUGIN.format("bee_plugin"))
    limit = {"CFPLUG_PLUGINS": "bee"}
    assert load([], limit).entries("metric") == []
    with on_path(tmp_path):
        assert load([], limit).find("metric", "best").full_name == "bee/best"


def test_a_trace_prints_which_plugin_returned_or_raised_what(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assemble([candidate("ant"), raising("bee")], traced=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == [
        "trace: ant: cfplug_metrics -> [[]]",
        "trace: bee: cfplug_metrics -> LookupError('no metric today')",
    ]


# Names


def test_two_plugins_with_one_component_name_break_nothing_until_the_short_name_is_used() -> None:
    registry = assemble([candidate("bee", "best", "sting"), candidate("ant", "best")])
    assert states(registry) == {"ant": "ok", "bee": "ok"}
    assert registry.find("metric", "sting").full_name == "bee/sting"
    assert registry.find("metric", "bee/best").plugin.name == "bee"
    with pytest.raises(cfplug.PluginError) as caught:
        registry.find("metric", "best")
    assert str(caught.value) == "2 plugins have a metric called best; write ant/best or bee/best"
    assert registry.clashes() == ["2 plugins have a metric called best; write ant/best or bee/best"]


def test_a_short_name_of_two_plugins_in_a_recipe_names_both_full_names() -> None:
    registry = assemble([*installed(), candidate("ant", "mse")])
    assert recipe_problems(registry, "mse") == (
        "zoo.yaml:3:11: metrics[0]: 2 plugins have a metric called mse; write ant/mse or "
        "metrics/mse\n"
        "1 problem; nothing was run."
    )
    assert recipe_problems(registry, "ant/mse") == ""


def test_two_distributions_with_one_plugin_name_keep_the_first_and_report_the_other() -> None:
    registry = assemble(
        [candidate("ant", "b", distribution="zz"), candidate("ant", "a", distribution="aa")]
    )
    first, second = registry.plugins
    assert (first.distribution, first.state) == ("aa", "ok")
    assert second.why == (
        "plugin ant (zz 1.2) is broken: another plugin has this name: ant (aa 1.2); "
        "remove or rename one\n"
        "  switch it off with CFPLUG_PLUGINS=-zz:ant"
    )
    assert [entry.full_name for entry in registry.entries("metric")] == ["ant/a"]


def test_of_two_plugins_of_one_name_either_can_be_switched_off() -> None:
    two = [
        candidate("ant", "b", distribution="zz"),
        candidate("ant", "a", distribution="aa"),
        candidate("bee", "c"),
    ]
    assert [each.state for each in assemble(two, "-zz:ant").plugins] == ["ok", "off", "ok"]
    assert [each.state for each in assemble(two, "-aa:ant").plugins] == ["off", "ok", "ok"]
    assert [each.state for each in assemble(two, "zz:ant").plugins] == ["off", "ok", "off"]
    assert [each.state for each in assemble(two, "-ant").plugins] == ["off", "off", "ok"]
    assert assemble(two, "-zz:ant, aa:ant").messages == ()


def test_two_files_of_one_name_must_be_renamed(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "zoo_namesake.py").write_text(METRIC_PLUGIN.format("zoo_namesake"))
    first, second = assemble(in_folders([tmp_path / "a", tmp_path / "b"])).plugins
    file, other = (tmp_path / folder / "zoo_namesake.py" for folder in ("a", "b"))
    assert (first.state, first.file) == ("ok", str(file))
    assert second.why == (
        f"plugin zoo-namesake ({other}) is broken: another plugin has this name: "
        f"zoo-namesake ({file}); remove or rename one\n"
        f"  switch it off with CFPLUG_PLUGINS=-{other}:zoo-namesake"
    )
    sys.modules.pop("zoo_namesake")


def test_a_plugin_cannot_take_the_name_of_one_of_cfplugs_own() -> None:
    registry = assemble(
        [
            candidate("metrics", "a", distribution="aaa"),
            candidate("metrics", "b", distribution="cfplug"),
        ]
    )
    assert [(plugin.distribution, plugin.state) for plugin in registry.plugins] == [
        ("cfplug", "ok"),
        ("aaa", "broken"),
    ]


def test_one_module_under_two_names_is_one_plugin() -> None:
    module = candidate("ant", "best").load()
    registry = assemble(
        Candidate(name, "cfplug-zoo", "1.2", lambda: module) for name in ("ant", "bee")
    )
    assert registry.plugins[1].why == (
        "plugin bee (cfplug-zoo 1.2) is broken: its module ant is the plugin ant already\n"
        "  switch it off with CFPLUG_PLUGINS=-bee"
    )
    assert registry.find("metric", "best").full_name == "ant/best"


def test_an_entry_point_must_name_a_module() -> None:
    registry = assemble([Candidate("ant", "cfplug-zoo", "1.2", lambda: {"metrics": 3})])  # type: ignore[arg-type, return-value]
    assert only(registry).why == (
        "plugin ant (cfplug-zoo 1.2) is broken: its entry point must name a module; got "
        "{'metrics': 3}\n"
        "  switch it off with CFPLUG_PLUGINS=-ant"
    )


def missing(registry: Registry, kind: str, name: str) -> str:
    with pytest.raises(cfplug.PluginError) as caught:
        registry.find(kind, name)
    return str(caught.value)


def test_an_unknown_component_names_the_nearest_one() -> None:
    registry = assemble([candidate("ant", "rmse", "precision")])
    assert (
        missing(registry, "metric", "rsme")
        == 'no metric called "rsme"; did you mean rmse? (cfplug list metrics)'
    )
    assert missing(registry, "loss", "mse") == 'no loss called "mse" (cfplug list losses)'
    assert missing(registry, "metric", "ant/rsme") == (
        'no metric called "ant/rsme"; did you mean ant/rmse? (cfplug list metrics)'
    )
    assert (
        missing(registry, "metric", "ann/rmse")
        == 'no plugin called "ann"; did you mean ant? (cfplug plugins)'
    )


def test_an_unknown_component_names_the_broken_plugins() -> None:
    registry = assemble([candidate("ant", "rmse"), failing("bee")])
    why = registry.plugins[1].why
    assert why.startswith(
        "plugin bee (cfplug-zoo 1.2) is broken: importing it raised ImportError: no module "
        "called left"
    )
    assert (
        missing(registry, "metric", "bee/best") == f"bee/best needs a plugin that is broken\n{why}"
    )
    assert missing(registry, "metric", "sting") == (
        'no metric called "sting" (cfplug list metrics)\n'
        "perhaps its plugin is broken: "
        "bee (cfplug doctor says why; switch it off with CFPLUG_PLUGINS=-bee)"
    )
    assert missing(registry, "metric", "rmse2") == (
        'no metric called "rmse2"; did you mean rmse? (cfplug list metrics)\n'
        "perhaps its plugin is broken: "
        "bee (cfplug doctor says why; switch it off with CFPLUG_PLUGINS=-bee)"
    )


def test_an_unknown_component_names_the_plugins_that_are_switched_off() -> None:
    registry = assemble([candidate("ant", "best"), candidate("bee", "sting")], "-bee")
    assert (
        missing(registry, "metric", "bee/sting")
        == "bee/sting needs the plugin bee, which CFPLUG_PLUGINS switches off"
    )
    assert missing(registry, "metric", "sting") == (
        'no metric called "sting" (cfplug list metrics)\n'
        "perhaps its plugin is switched off by CFPLUG_PLUGINS: bee"
    )


def recipe_problems(registry: Registry, metric: str) -> str:
    """What a recipe with this metric is told; nothing if it is good."""
    text = f"data: synthetic\nmodels: [mean]\nmetrics: [{metric}]\n"
    try:
        parse_recipe(text, "zoo.yaml", registry=registry)
    except cfplug.RecipeError as error:
        return str(error)
    return ""


def test_a_recipe_that_needs_a_broken_plugin_says_why_with_its_own_line() -> None:
    registry = assemble([*installed(), specimens()["import_error"]])
    assert recipe_problems(registry, "import-error/best") == (
        "zoo.yaml:3:11: metrics[0]: import-error/best needs a plugin that is broken\n"
        f"{full_text('import_error')}\n"
        "1 problem; nothing was run."
    )
    assert recipe_problems(registry, "import-error") == (
        'zoo.yaml:3:11: metrics[0]: no metric called "import-error" (cfplug list metrics)\n'
        "perhaps its plugin is broken: import-error "
        "(cfplug doctor says why; switch it off with CFPLUG_PLUGINS=-import-error)\n"
        "1 problem; nothing was run."
    )
    assert recipe_problems(registry, "mae") == ""


# Observers


def observer(name: str, message: list[object], error: BaseException | None = None) -> Candidate:
    module = ModuleType(name)

    @cfplug.hookimpl
    def cfplug_run_started(event: RunStarted) -> None:
        message.append((name, event))
        if error is not None:
            raise error

    vars(module)["cfplug_run_started"] = cfplug_run_started
    return Candidate(name, "cfplug-zoo", "1.2", lambda: module)


STARTED = RunStarted("Tiny", "tiny.yaml", Path("runs/tiny.partial"))


@pytest.mark.parametrize("error", [LookupError("no table"), SystemExit("enough"), GeneratorExit()])
def test_an_observer_that_raises_becomes_a_warning_and_the_others_are_still_called(
    error: BaseException,
) -> None:
    message: list[tuple[str, object]] = []
    registry = assemble(
        [observer("ant", message), observer("bee", message, error), observer("cat", message)]
    )
    (warning,) = registry.notify("cfplug_run_started", STARTED)
    words = f"{type(error).__name__}: {error}".removesuffix(": ")
    assert warning.split("\n")[0] == (
        f"the observer cfplug_run_started of plugin bee (cfplug-zoo 1.2) raised {words}"
    )
    assert warning.split("\n")[1].startswith(f"  at {__file__}:")
    assert warning.endswith(": raise error")
    assert [name for name, _ in message] == ["ant", "bee", "cat"]
    assert all(event is STARTED for _, event in message)


def test_an_observer_cannot_change_its_event() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        STARTED.title = "mine"  # type: ignore[misc]


def test_ctrl_c_in_an_observer_stops_the_run() -> None:
    registry = assemble([observer("ant", [], KeyboardInterrupt())])
    with pytest.raises(KeyboardInterrupt):
        list(registry.notify("cfplug_run_started", STARTED))


def test_an_observer_of_another_event_is_not_asked() -> None:
    message: list[object] = []
    assert list(assemble([observer("ant", message)]).notify("cfplug_run_finished", STARTED)) == []
    assert message == []


# Where plugins are found


class on_path:  # noqa: N801
    """Puts a folder on `sys.path`, and forgets afterwards what was imported from it."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def __enter__(self) -> None:
        self.before = set(sys.modules)
        sys.path.insert(0, self.folder)

    def __exit__(self, *_: object) -> None:
        sys.path.remove(self.folder)
        for name in set(sys.modules) - self.before:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(self.folder):
                del sys.modules[name]


def announce(
    site: Path,
    distribution: str,
    version: str,
    *points: str,
    metadata: bool = True,
    requires: Sequence[str] = (),
) -> Path:
    """Write what an installer leaves of a distribution with these entry points and requirements."""
    folder = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
    folder.mkdir(parents=True)
    if metadata:
        fields = ["Metadata-Version: 2.1", f"Name: {distribution}", f"Version: {version}"]
        readme = ["", "# A plugin", "", "Requires-Dist: cfplug>=99", "[cfplug]"]
        needs = [f"Requires-Dist: {need}" for need in requires]
        (folder / "METADATA").write_text("\n".join([*fields, *needs, *readme]))
    (folder / "entry_points.txt").write_text("\n".join(["[cfplug]", *points]))
    return folder


METRIC_PLUGIN = """\
import cfplug


@cfplug.hookimpl
def cfplug_metrics():
    return [cfplug.Metric("best", score="{0}:best")]
"""


def write_package(site: Path, name: str, **modules: str) -> Path:
    """Write a package with these modules; `manifest` is its own text."""
    folder = site / name
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(modules.pop("manifest"))
    for module, text in modules.items():
        (folder / f"{module}.py").write_text(text)
    return folder


def loaded(*sites: Path) -> Registry:
    """Load the distributions of these folders, and cfplug's own plugins."""
    with on_path(sites[-1]), on_path(sites[0]):
        return assemble(installed())


def found(*sites: Path) -> Mapping[str, Plugin]:
    """The plugins of these folders, without cfplug's own."""
    return {
        plugin.name: plugin for plugin in loaded(*sites).plugins if plugin.distribution != "cfplug"
    }


def test_a_third_party_is_found_by_its_entry_point(tmp_path: Path) -> None:
    announce(tmp_path, "cfplug-bee", "0.4", "bee = bee_plugin")
    (tmp_path / "bee_plugin.py").write_text(METRIC_PLUGIN.format("bee_plugin"))
    plugin = found(tmp_path)["bee"]
    assert (plugin.title, plugin.state) == ("bee (cfplug-bee 0.4)", "ok")
    assert [component.name for _, component in plugin.components] == ["best"]


def test_of_two_installed_versions_the_one_that_python_imports_counts(tmp_path: Path) -> None:
    for number in ("0.4", "0.5"):
        announce(tmp_path / number, "cfplug-bee", number, "bee = bee_plugin")
        (tmp_path / number / "bee_plugin.py").write_text(METRIC_PLUGIN.format("bee_plugin"))
    assert found(tmp_path / "0.5", tmp_path / "0.4")["bee"].title == "bee (cfplug-bee 0.5)"


def test_a_half_removed_distribution_breaks_only_itself(tmp_path: Path) -> None:
    announce(tmp_path, "cfplug-bee", "0.4", "bee = bee_plugin")
    (tmp_path / "bee_plugin.py").write_text(METRIC_PLUGIN.format("bee_plugin"))
    announce(tmp_path, "cfplug-gone", "0.1", "gone = gone_plugin", metadata=False)
    plugins = found(tmp_path)
    assert plugins["bee"].state == "ok"
    assert plugins["gone"].why == (
        "plugin gone (unknown) is broken: importing it raised ModuleNotFoundError: No "
        "module named 'gone_plugin'\n"
        "  switch it off with CFPLUG_PLUGINS=-gone"
    )


def test_a_damaged_entry_point_file_breaks_only_its_own_plugin(tmp_path: Path) -> None:
    announce(tmp_path, "cfplug-bee", "0.4", "bee = bee_plugin")
    (tmp_path / "bee_plugin.py").write_text(METRIC_PLUGIN.format("bee_plugin"))
    announce(tmp_path, "cfplug-torn", "0.1", "torn")
    plugins = found(tmp_path)
    assert plugins["bee"].state == "ok"
    assert plugins["cfplug-torn"].why.startswith(
        "plugin cfplug-torn (cfplug-torn 0.1) is broken: its entry_points.txt cannot be "
        "read: TypeError: "
    )


def test_undecodable_metadata_breaks_only_its_own_plugin(tmp_path: Path) -> None:
    announce(tmp_path, "cfplug-bee", "0.4", "bee = bee_plugin")
    (tmp_path / "bee_plugin.py").write_text(METRIC_PLUGIN.format("bee_plugin"))
    points = announce(tmp_path, "cfplug-fly", "0.1", "fly = fly_plugin") / "entry_points.txt"
    points.write_bytes(b"[cfplug]\nfl\xff = fly_plugin")
    (announce(tmp_path, "other", "1.0") / "entry_points.txt").write_bytes(b"\xff\xfe")
    wasp = announce(tmp_path, "cfplug-wasp", "0.1", "wasp = wasp_plugin") / "METADATA"
    wasp.write_bytes(b"Name: cfplug-w\xff")
    plugins = found(tmp_path)
    assert {name: (plugin.distribution, plugin.state) for name, plugin in plugins.items()} == {
        "bee": ("cfplug-bee", "ok"),
        "cfplug-fly": ("cfplug-fly", "broken"),
        "wasp": ("unknown", "broken"),
    }
    assert plugins["cfplug-fly"].why.startswith(
        "plugin cfplug-fly (cfplug-fly 0.1) is broken: its entry_points.txt cannot be "
        "read: UnicodeDecodeError: "
    )


# Distributions that do not fit


@pytest.mark.parametrize("needed", ["cfplug>=9", "cfplug<0.0.1", "cfplug (==7.*)", "CFPLUG>=9"])
def test_a_plugin_made_for_another_cfplug_is_broken_and_not_imported(
    tmp_path: Path, needed: str
) -> None:
    announce(tmp_path, "cfplug-bee", "0.4", "bee = bee_plugin", requires=["attrs", needed])
    (tmp_path / "bee_plugin.py").write_text("raise AssertionError('it was imported')")
    need = needed.replace(" (", "").replace(")", "")
    assert found(tmp_path)["bee"].why == (
        f"plugin bee (cfplug-bee 0.4) is broken: it is made for another version of cfplug\n"
        f"  expected {need}, got {need[:6]} {version('cfplug')}\n"
        f"  install it: python -m pip install '{need}'\n"
        "  switch it off with CFPLUG_PLUGINS=-bee"
    )


@pytest.mark.parametrize(
    "needed",
    [
        "cfplug",
        "cfplug>=0.1",
        "cfplug >=0.0.9, !=0.5",
        'cfplug>=9; extra == "later"',
        "cfplug-x>=9",
        "cfplug>=x",
    ],
)
def test_a_plugin_made_for_this_cfplug_is_loaded(tmp_path: Path, needed: str) -> None:
    announce(tmp_path, "cfplug-bee", "0.4", "bee = bee_plugin", requires=[needed])
    (tmp_path / "bee_plugin.py").write_text(METRIC_PLUGIN.format("bee_plugin"))
    assert (found(tmp_path)["bee"].state, found(tmp_path)["bee"].requires) == ("ok", (needed,))


def test_a_missing_requirement_is_reported_with_how_to_install_it(
    tmp_path: Path,
) -> None:
    needs = [
        "attrs>=20",
        "Left.Pad>=2",
        'winapi; sys_platform == "no such"',
        "numpy<1; extra == 'old'",
    ]
    announce(tmp_path, "cfplug-bee", "0.4", "bee = cfplug_bee", requires=needs)
    folder = write_package(
        tmp_path, "cfplug_bee", manifest="from cfplug_bee import pads\n", pads="import left_pad\n"
    )
    assert found(tmp_path)["bee"].why == (
        "plugin bee (cfplug-bee 0.4) is broken: importing it raised ModuleNotFoundError: "
        "No module named 'left_pad'\n"
        f"  at {folder / 'pads.py'}:1: import left_pad\n"
        "  expected Left.Pad>=2, got nothing\n"
        "  install it: python -m pip install 'Left.Pad>=2'\n"
        "  switch it off with CFPLUG_PLUGINS=-bee"
    )


def test_a_circular_import_is_reported_with_its_place(tmp_path: Path) -> None:
    announce(tmp_path, "cfplug-ring", "0.1", "ring = cfplug_ring")
    manifest, inner = (
        "from cfplug_ring.inner import RATES\n\nNAMES = ()\n",
        "from cfplug_ring import NAMES\n",
    )
    folder = write_package(tmp_path, "cfplug_ring", manifest=manifest, inner=inner)
    first, *rest = found(tmp_path)["ring"].why.splitlines()
    assert first.startswith(
        "plugin ring (cfplug-ring 0.1) is broken: importing it raised ImportError: cannot "
        "import name 'NAMES' from "
        "partially initialized module 'cfplug_ring' (most likely due to a circular import) ("
    )
    assert rest == [
        f"  at {folder / 'inner.py'}:1: from cfplug_ring import NAMES",
        "  switch it off with CFPLUG_PLUGINS=-ring",
    ]


def test_two_plugins_that_import_each_other_are_both_reported(tmp_path: Path) -> None:
    for name, other in (("ant", "bee"), ("bee", "ant")):
        announce(tmp_path, f"cfplug-{name}", "0.1", f"{name} = cfplug_{name}")
        write_package(
            tmp_path, f"cfplug_{name}", manifest=f"from cfplug_{other} import {other.upper()}\n"
        )
    plugins = found(tmp_path)
    assert {name: plugin.state for name, plugin in plugins.items()} == {
        "ant": "broken",
        "bee": "broken",
    }
    for name, plugin in plugins.items():
        assert "(most likely due to a circular import)" in plugin.why
        assert f"cfplug_{name}" in plugin.why.splitlines()[1]


def test_a_plugin_that_asks_for_all_plugins_while_it_is_imported_breaks_only_itself(
    tmp_path: Path,
) -> None:
    announce(tmp_path, "cfplug-asker", "0.1", "asker = cfplug_asker")
    asks = (
        "import cfplug\nfrom cfplug.plugin.registry import load\n\nload().find('metric', 'rmse')\n"
    )
    write_package(
        tmp_path, "cfplug_asker", manifest=asks + "METRIC = load().find('metric', 'asker/best')\n"
    )
    registry = loaded(tmp_path)
    assert [plugin.name for plugin in registry.broken] == ["asker"]
    assert (
        "importing it raised PluginError: asker/best needs a plugin that is broken"
        in registry.broken[0].why
    )


def test_two_installed_distributions_with_one_plugin_name_are_both_named(tmp_path: Path) -> None:
    for distribution, package in (("cfplug-zz", "cfplug_zz"), ("cfplug-aa", "cfplug_aa")):
        announce(tmp_path, distribution, "0.1", f"bee = {package}")
        write_package(tmp_path, package, manifest=METRIC_PLUGIN.format(package))
    one, two = (plugin for plugin in loaded(tmp_path).plugins if plugin.name == "bee")
    assert (one.title, one.state) == ("bee (cfplug-aa 0.1)", "ok")
    assert two.why == (
        "plugin bee (cfplug-zz 0.1) is broken: another plugin has this name: bee (cfplug-aa 0.1); "
        "remove or rename one\n"
        "  switch it off with CFPLUG_PLUGINS=-cfplug-zz:bee"
    )


MANY = """\
import cfplug


@cfplug.hookimpl
def cfplug_metrics():
    return [cfplug.Metric(f"best-{number}", score="cfplug_many:best") for number in range(1000)]
"""


def test_a_plugin_with_a_thousand_components_has_them_all(tmp_path: Path) -> None:
    for name in ("many", "more"):
        announce(tmp_path, f"cfplug-{name}", "0.1", f"{name} = cfplug_{name}")
        write_package(tmp_path, f"cfplug_{name}", manifest=MANY)
    registry = loaded(tmp_path)
    assert [len(each.components) for each in registry.plugins if each.name in ("many", "more")] == [
        1000,
        1000,
    ]
    assert registry.find("metric", "many/best-734").component.name == "best-734"
    assert missing(registry, "metric", "best-734") == (
        "2 plugins have a metric called best-734; write many/best-734 or more/best-734"
    )
    assert missing(registry, "metric", "bets-734").startswith(
        'no metric called "bets-734"; did you mean best-734?'
    )
    assert len(registry.clashes()) == 1000


# Single files


def test_a_file_with_an_unreadable_script_block_is_broken(tmp_path: Path) -> None:
    for name, line in (
        ("half", "dependencies = ["),
        ("texts", "dependencies = 'scipy'"),
        ("fine", "other = 1"),
    ):
        text = f"# /// script\n# {line}\n# ///\n" + METRIC_PLUGIN.format(name)
        (tmp_path / f"zoo_{name}.py").write_text(text)
    fine, half, texts = assemble(in_folders([tmp_path])).plugins
    assert half.why.startswith(
        f"plugin zoo-half ({tmp_path / 'zoo_half.py'}) is broken: its `# /// script` block "
        f"cannot be read: "
    )
    assert texts.why == (
        f"plugin zoo-texts ({tmp_path / 'zoo_texts.py'}) is broken: "
        "its `# /// script` block cannot be read: dependencies: expected a list, got 'scipy'\n"
        "  switch it off with CFPLUG_PLUGINS=-zoo-texts"
    )
    assert (fine.state, fine.requires) == ("ok", ())
    sys.modules.pop("zoo_fine")


def test_a_folder_gives_its_single_files_and_leaves_private_ones_out(tmp_path: Path) -> None:
    for name in ("green_bee", "_draft", "__init__"):
        (tmp_path / f"{name}.py").write_text(METRIC_PLUGIN.format(name))
    (tmp_path / "notes.txt").write_text("no plugin")
    assert [each.name for each in in_folders([tmp_path])] == ["green-bee"]
    assert [each.name for each in in_folders([tmp_path, tmp_path / "."])] == ["green-bee"]
    assert states(assemble(in_folders([tmp_path]))) == {"green-bee": "ok"}


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(cfplug.PluginError) as caught:
        list(in_folders([tmp_path / "nowhere"]))
    assert str(caught.value) == f"--plugins-dir {tmp_path / 'nowhere'}: there is no such folder"


@pytest.mark.parametrize("module", ["json", "this"])
def test_a_file_may_not_hide_a_module_whether_it_is_imported_yet_or_not(
    tmp_path: Path, module: str
) -> None:
    file = tmp_path / f"{module}.py"
    file.write_text(METRIC_PLUGIN.format(module))
    assert only(assemble(in_folders([tmp_path]))).why == (
        f"plugin {module} ({file}) is broken: {module}.py would hide the module {module}; "
        f"give the file another name\n"
        f"  switch it off with CFPLUG_PLUGINS=-{module}"
    )
    assert "this" not in sys.modules


def test_a_folder_can_be_loaded_again_in_the_same_program(tmp_path: Path) -> None:
    (tmp_path / "zoo_again.py").write_text(METRIC_PLUGIN.format("zoo_again"))
    first = only(assemble(in_folders([tmp_path])))
    module = sys.modules["zoo_again"]
    second = only(assemble(in_folders([tmp_path])))
    assert (first.state, second.state) == ("ok", "ok")
    assert sys.modules.pop("zoo_again") is module, "what one registry holds is what the other holds"


def test_a_file_that_failed_is_imported_afresh_the_next_time(tmp_path: Path) -> None:
    file = tmp_path / "zoo_mended.py"
    file.write_text("raise ValueError('not yet')\n")
    assert only(assemble(in_folders([tmp_path]))).state == "broken"
    file.write_text("# mended, and longer than it was\n" + METRIC_PLUGIN.format("zoo_mended"))
    assert only(assemble(in_folders([tmp_path]))).state == "ok"
    sys.modules.pop("zoo_mended")


# From outside


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with cfplug and a broken third party side by side, as in anyone's site-packages."""
    site = tmp_path_factory.mktemp("site")
    shutil.copytree(
        Path(cfplug.__file__).parent, site / "cfplug", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copytree(BROKEN, site / "cfplug_broken", ignore=shutil.ignore_patterns("__pycache__"))
    (site / "cfplug_broken" / "__init__.py").touch()
    points = [f"{stem.replace('_', '-')} = cfplug_broken.{stem}" for stem in sorted(WHY)]
    announce(site, "cfplug-broken", "0.9", *points)
    return site


def command(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    code = "import sys; from cfplug.cli.main import main; main(sys.argv[1:])"
    paths = os.pathsep.join([str(site), *sys.path[1:]])
    environment = {**os.environ, "PYTHONPATH": paths, "COLUMNS": "80"}
    call = [sys.executable, "-c", code, *arguments]
    return subprocess.run(
        call, env=environment, capture_output=True, text=True, cwd=site, check=False
    )


def test_plugins_and_doctor_work_whatever_is_broken(site: Path) -> None:
    listing, doctor = command(site, "plugins", "--json"), command(site, "doctor")
    assert listing.returncode == 0
    plugins = {plugin["name"]: plugin for plugin in json.loads(listing.stdout)}
    broken = {name for name, plugin in plugins.items() if plugin["distribution"] == "cfplug-broken"}
    assert broken == {stem.replace("_", "-") for stem in WHY}
    assert plugins["metrics"]["state"] == "ok"
    assert doctor.returncode == 1
    assert doctor.stderr == ""
    for name in sorted(broken):
        assert plugins[name]["state"] == "broken"
        assert plugins[name]["why"] in doctor.stdout


def test_the_last_line_is_reported_for_a_plugin_installed_next_to_cfplug(site: Path) -> None:
    (plugin,) = (
        each
        for each in json.loads(command(site, "plugins", "--json").stdout)
        if each["name"] == "leaves"
    )
    assert plugin["why"] == (
        "plugin leaves (cfplug-broken 0.9) is broken: importing it raised SystemExit: 3\n"
        f"  at {site / 'cfplug_broken' / 'leaves.py'}:5: sys.exit(3)\n"
        "  switch it off with CFPLUG_PLUGINS=-leaves"
    )


def test_frames_of_what_loads_a_plugin_are_not_taken_for_its_own() -> None:
    backport = "/env/lib/python3.11/site-packages/importlib_metadata/__init__.py"
    assert not loader._is_foreign(backport)
    assert not loader._is_foreign(importlib.__file__)
    assert loader._is_foreign("/env/lib/python3.11/site-packages/cfplug_bee/__init__.py")
