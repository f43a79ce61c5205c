"""The commands that look after plugins: what they print, where, and with which exit code."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import cfplug
from cfplug.cli.main import main
from cfplug.plugin.registry import load

ZOO = Path(__file__).parents[1] / "zoo"

OFF = "CFPLUG_PLUGINS=-"

METRICS = """\
import cfplug


@cfplug.hookimpl
def cfplug_metrics():
    return [cfplug.Metric(name, score="zoo:score", help="A score.") for name in {names}]
"""


def call(*arguments: str | Path, variables: Mapping[str, str] | None = None) -> Result:
    """Carry out one command in this process; an error that is no SystemExit comes through."""
    given = [str(argument) for argument in arguments]
    result = CliRunner().invoke(
        main, given, prog_name="cfplug", env={"COLUMNS": "80", **(variables or {})}
    )
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def answer(*arguments: str | Path, code: int = 0) -> Any:
    """The JSON that a command prints, alone, on standard output."""
    result = call(*arguments, "--json")
    assert result.exit_code == code, result.stderr
    return json.loads(result.stdout)


def usage_error(result: Result) -> str:
    """What click says of a bad option, without its box."""
    assert result.exit_code == 2
    assert result.stdout == ""
    lines = [line.strip("│ ") for line in result.stderr.splitlines() if line.startswith("│")]
    return " ".join(lines)


def folder_of(tmp_path: Path, **files: str) -> Path:
    """Fill a folder with single-file plugins; a text is a path in the zoo or the file itself."""
    for name, text in files.items():
        source = ZOO / text
        (tmp_path / f"{name}.py").write_text(source.read_text() if text.endswith(".py") else text)
    return tmp_path


# list, describe


def test_list_shows_the_components_of_a_kind_in_the_singular_and_the_plural() -> None:
    plural, singular = answer("list", "models"), answer("list", "model")
    assert plural == singular
    assert isinstance(plural, list)
    assert {
        "name": "mean",
        "plugin": "factors",
        "what it is": "The mean of the training ratings, for every pair.",
    } in plural
    shown = call("list", "cold-starts").stdout
    assert shown.startswith("name ")
    assert re.search(
        r"global-mean +coldstart +The mean of the training ratings, for every pair with a "
        r"newcomer.\n",
        shown,
    )


def test_an_unknown_kind_names_the_nearest_one_and_all_kinds() -> None:
    kinds = "(source, split, model, loss, metric, cold-start, analyzer)"
    for command in (["list", "modles"], ["describe", "modles", "pmf"]):
        assert usage_error(call(*command)) == (
            f"Invalid value for 'KIND': there is no kind modles; did you mean models? {kinds}"
        )


def test_describe_shows_every_parameter_with_default_bounds_unit_and_help() -> None:
    assert answer("describe", "cold-start", "item-mean") == [
        {
            "parameter": "damping",
            "type": "a number",
            "required": False,
            "default": 5.0,
            "bounds": "at least 0",
            "unit": "ratings",
            "help": "pull of each mean towards the mean of all",
        }
    ]
    assert call("describe", "cold-start", "coldstart/item-mean").stdout == (
        "coldstart/item-mean: "
        "The item's damped mean rating; the user's for an unrated item; else the mean of all.\n"
        "\n"
        "It provides distribution.\n"
        "\n"
        "parameter  default  takes                             what it is\n"
        "damping    5.0      a number, at least 0, in ratings  pull of each mean towards "
        "the mean of all\n"
    )


def test_describe_shows_required_parameters_capabilities_and_no_parameters() -> None:
    (ratings, *_), shown = (
        answer("describe", "source", "csv"),
        call("describe", "source", "csv").stdout,
    )  # type: ignore[misc]
    assert (ratings["required"], ratings["default"]) == (True, None)
    assert "\nratings          (required)  a path " in shown
    assert (
        "It provides embeddings, biases, terms, vectors.\n"
        in call("describe", "model", "pmf").stdout
    )
    assert call("describe", "metric", "mae").stdout == (
        "metrics/mae: Mean absolute error.\n\n1/n · Σ |r̂ - r|\n\nLower is better. Unit: "
        "rating points.\n\n"
        "It takes no parameters.\n"
    )
    assert answer("describe", "metric", "mae") == []


def test_an_unknown_component_is_a_bad_option_and_names_the_nearest_one() -> None:
    result = call("describe", "model", "pfm")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == 'no model called "pfm"; did you mean pmf? (cfplug list models)\n'


# plugins


def test_plugins_shows_where_each_comes_from_and_whether_it_works() -> None:
    rows = answer("plugins", "--plugins-dir", ZOO / "broken")
    states = {row["name"]: row["state"] for row in rows}
    assert (states["factors"], states["leaves"], states["twice"]) == ("ok", "broken", "broken")
    (factors,) = (row for row in rows if row["name"] == "factors")
    assert len(factors.pop("declares")) == 5
    assert factors.pop("file").endswith("__init__.py")
    assert "attrs" in " ".join(factors.pop("requires"))
    assert factors == {
        "name": "factors",
        "distribution": "cfplug",
        "version": cfplug.__version__,
        "state": "ok",
        "hooks": ["cfplug_models"],
        "components": 5,
        "why": "",
        "switch_off": "CFPLUG_PLUGINS=-factors",
    }


def test_plugins_says_below_its_table_why_a_plugin_is_broken_and_how_to_switch_it_off(
    tmp_path: Path,
) -> None:
    folder = folder_of(
        tmp_path, zoo_best=METRICS.format(names=["a", "b"]), leaves="broken/leaves.py"
    )
    result = call(
        "plugins", "--plugins-dir", folder, variables={"CFPLUG_PLUGINS": "-tables,-zebra"}
    )
    assert (result.exit_code, result.stderr) == (0, "")
    heading, *_ = result.stdout.splitlines()
    assert heading.split() == ["name", "from", "version", "state", "components", "hooks"]
    assert re.search(
        rf"\nmetrics +cfplug +{re.escape(cfplug.__version__)} +ok +12 +metrics\b", result.stdout
    )
    assert re.search(r"\nzoo-best +\S+zoo_best.py +ok +2 +metrics\b", result.stdout)
    assert re.search(rf"\ntables +cfplug +{re.escape(cfplug.__version__)} +off *\n", result.stdout)
    assert result.stdout.endswith(
        f"\n\nplugin leaves ({folder / 'leaves.py'}) is broken: importing it raised SystemExit: 3\n"
        f"  at {folder / 'leaves.py'}:5: sys.exit(3)\n"
        "  switch it off with CFPLUG_PLUGINS=-tables,-zebra,-leaves\n"
        "CFPLUG_PLUGINS names a plugin 'zebra' that is not installed\n"
    )
    (row,) = (row for row in answer("plugins", "--plugins-dir", folder) if row["name"] == "leaves")
    assert row["why"].endswith(f"\n  switch it off with {OFF}leaves")
    assert row["switch_off"] == f"{OFF}leaves"


def test_plugins_shows_one_in_full(tmp_path: Path) -> None:
    text = (
        '# /// script\n# dependencies = ["cfplug>=0.0.1,<99", "attrs"]\n# ///\n'
        + METRICS.format(names=["b", "a"])
    )
    folder = folder_of(tmp_path, zoo_full=text)
    result = call("plugins", "zoo-full", "--plugins-dir", folder)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        f"zoo-full ({folder / 'zoo_full.py'}): ok\n"
        f"  file       {folder / 'zoo_full.py'}\n"
        "  requires   cfplug>=0.0.1,<99, attrs\n"
        "  hooks      cfplug_metrics\n"
        "  switch off CFPLUG_PLUGINS=-zoo-full\n"
        "\n"
        "kind    name  what it is\n"
        "metric  b     A score.\n"
        "metric  a     A score.\n"
    )
    (reported,) = answer("plugins", "zoo-full", "--plugins-dir", folder)
    assert reported["declares"] == [
        {"kind": "metric", "name": name, "what it is": "A score."} for name in ("b", "a")
    ]
    assert (reported["file"], reported["requires"]) == (
        str(folder / "zoo_full.py"),
        ["cfplug>=0.0.1,<99", "attrs"],
    )


def test_plugins_shows_one_that_is_broken_and_one_that_is_off(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, leaves="broken/leaves.py")
    broken = call("plugins", "leaves", "--plugins-dir", folder)
    assert (broken.exit_code, broken.stderr) == (0, "")
    assert broken.stdout == (
        f"plugin leaves ({folder / 'leaves.py'}) is broken: importing it raised SystemExit: 3\n"
        f"  at {folder / 'leaves.py'}:5: sys.exit(3)\n"
        "  switch it off with CFPLUG_PLUGINS=-leaves\n"
        "\n"
    )
    off = call(
        "plugins", "leaves", "--plugins-dir", folder, variables={"CFPLUG_PLUGINS": "-leaves"}
    )
    assert off.stdout == f"leaves ({folder / 'leaves.py'}): switched off by CFPLUG_PLUGINS\n"


def test_plugins_shows_both_where_two_have_one_name(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, metrics=METRICS.format(names=["a"]))
    first, second = answer("plugins", "metrics", "--plugins-dir", folder)
    assert (first["distribution"], first["state"], second["state"]) == ("cfplug", "ok", "broken")
    assert second["switch_off"] == f"{OFF}{folder / 'metrics.py'}:metrics"
    shown = call("plugins", "metrics", "--plugins-dir", folder).stdout
    assert f"\nplugin metrics ({folder / 'metrics.py'}) is broken: " in shown
    assert second["why"].endswith(
        f"remove or rename one\n  switch it off with {second['switch_off']}"
    )


def test_an_unknown_plugin_is_a_bad_option_and_names_the_nearest_one() -> None:
    result = call("plugins", "facotrs")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "no plugin called facotrs; did you mean factors? (cfplug plugins)\n"


def test_the_shell_completes_the_names_of_plugins() -> None:
    asked = {
        "_CFPLUG_COMPLETE": "bash_complete",
        "COMP_WORDS": "cfplug plugins m",
        "COMP_CWORD": "2",
    }
    given = call(variables=asked).stdout.splitlines()
    assert given == [f"plain,{each.name}" for each in load().plugins if each.name.startswith("m")]


# What other commands say of plugins


def test_a_broken_plugin_is_mentioned_in_one_line_by_what_it_does_not_concern(
    tmp_path: Path,
) -> None:
    shutil.copy(ZOO / "broken" / "leaves.py", tmp_path)
    for command in (["list", "metrics"], ["check", "pmf"]):
        result = call(*command, "--plugins-dir", tmp_path)
        assert (result.exit_code, result.stderr) == (
            0,
            "1 plugin is broken: leaves (cfplug doctor says why; switch it off with "
            "CFPLUG_PLUGINS=-leaves)\n",
        )
    shutil.copy(ZOO / "broken" / "twice.py", tmp_path)
    assert call("list", "metrics", "--plugins-dir", tmp_path).stderr == (
        "2 plugins are broken: leaves, twice "
        "(cfplug doctor says why; switch them off with CFPLUG_PLUGINS=-leaves,-twice)\n"
    )
    assert (
        call(
            "list",
            "metrics",
            "--plugins-dir",
            tmp_path,
            variables={"CFPLUG_PLUGINS": "-leaves,-twice"},
        ).stderr
        == ""
    )


def test_cfplug_plugins_with_a_wrong_name_is_mentioned() -> None:
    result = call("list", "metrics", variables={"CFPLUG_PLUGINS": "metrics,factor"})
    assert result.exit_code == 0
    assert (
        result.stderr
        == "CFPLUG_PLUGINS names a plugin 'factor' that is not installed; did you mean factors?\n"
    )


def test_the_help_of_cfplug_and_of_doctor_explains_the_variables() -> None:
    shown, doctor = (" ".join(call(*words, "--help").stdout.split()) for words in ((), ("doctor",)))
    assert (
        "CFPLUG_PLUGINS=-NAME leaves a plugin out; CFPLUG_TRACE=1 prints every call of a "
        "plugin's hook" in shown
    )
    for words in (
        "`-tables` all but that one",
        "`-cfplug-x:tables`",
        "CFPLUG_TRACE=1 prints",
    ):
        assert words in doctor


def test_a_trace_goes_to_standard_error_and_leaves_the_answer_alone() -> None:
    traced = call(
        "list",
        "losses",
        "--json",
        variables={"CFPLUG_TRACE": "1", "CFPLUG_PLUGINS": "losses,tables"},
    )
    assert json.loads(traced.stdout) == answer("list", "losses")
    assert [line.split(" -> ")[0] for line in traced.stderr.splitlines()] == [
        "trace: losses: cfplug_losses",
        "trace: tables: cfplug_sources",
    ]


# doctor


def test_doctor_finds_nothing_wrong_where_nothing_is() -> None:
    result = call("doctor", variables={"CFPLUG_CACHE": "/var/films"})
    assert (result.exit_code, result.stderr) == (0, "")
    assert "\nNothing is wrong.\n" in result.stdout
    assert f"\ncfplug          {cfplug.__version__}\n" in result.stdout
    assert (
        "\nCFPLUG_PLUGINS  not set\nCFPLUG_TRACE    not set\nCFPLUG_CACHE    /var/films\n"
        in result.stdout
    )


def test_doctor_reports_what_is_wrong_what_clashes_and_what_is_switched_off(tmp_path: Path) -> None:
    needy = '# /// script\n# dependencies = ["nobody-has>=2"]\n# ///\n' + METRICS.format(
        names=["mae"]
    )
    folder = folder_of(tmp_path, leaves="broken/leaves.py", rival=needy)
    variables = {"CFPLUG_PLUGINS": "-movielens,-zebra", "CFPLUG_PLUGIN": "tables"}
    result = call("doctor", "--plugins-dir", folder, variables=variables)
    assert result.exit_code == 1
    wrong, notes = result.stdout.split("\nWorth knowing:\n")
    assert wrong.endswith(
        "\n\nCFPLUG_PLUGINS names a plugin 'zebra' that is not installed\n"
        f"plugin leaves ({folder / 'leaves.py'}) is broken: importing it raised SystemExit: 3\n"
        f"  at {folder / 'leaves.py'}:5: sys.exit(3)\n"
        "  switch it off with CFPLUG_PLUGINS=-movielens,-zebra,-leaves\n"
        f"{folder / 'rival.py'} lacks some of its requirements\n"
        "  expected nobody-has>=2, got nothing\n"
        "  install it: python -m pip install 'nobody-has>=2'\n"
    )
    assert notes == "2 plugins have a metric called mae; write metrics/mae or rival/mae\n"
    assert re.search(r"\nmovielens +cfplug +\S+ +off\s", result.stdout)


def test_doctor_is_content_where_there_are_only_notes(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, zoo_rival=METRICS.format(names=["mae"]))
    result = call("doctor", "--plugins-dir", folder)
    assert result.exit_code == 0
    assert (
        "\nNothing is wrong.\n\nWorth knowing:\n2 plugins have a metric called mae; "
        in result.stdout
    )


def test_a_plugins_folder_that_is_not_there_is_a_bad_option() -> None:
    assert usage_error(call("doctor", "--plugins-dir", "nowhere")) == (
        "Invalid value for '--plugins-dir': Directory 'nowhere' does not exist."
    )


# schema


def test_schema_is_printed_or_written_whole_and_knows_the_plugins_that_are_there(
    tmp_path: Path,
) -> None:
    folder = folder_of(tmp_path, zoo_scores=METRICS.format(names=["zoo-best"]))
    printed = call("schema", "--plugins-dir", folder)
    assert printed.exit_code == 0
    assert "zoo-best" in printed.stdout
    assert json.loads(printed.stdout)["$schema"].startswith("https://json-schema.org/")
    file = tmp_path / "recipe.json"
    written = call("schema", "--out", file)
    assert (written.exit_code, written.stdout) == (0, f"{file}\n")
    assert "zoo-best" not in file.read_text()
    assert json.loads(file.read_text()) == json.loads(call("schema").stdout)
    nowhere = call("schema", "--out", tmp_path / "no" / "recipe.json")
    assert nowhere.exit_code == 1
    assert nowhere.stderr.startswith("cannot write ")


# From outside


WATCH = """
import sys
from cfplug.cli.main import main
try:
    main(sys.argv[1:])
finally:
    watched = ("cfplug_", "cfplug.plugin.registry", "zoo_")
    loaded = [name for name in sys.modules if name.startswith(watched)]
    print(*sorted(loaded), file=sys.stderr)
"""

LOUD = """\
import sys
import cfplug

print("imported")
sys.stdout.write("written")


@cfplug.hookimpl
def cfplug_metrics():
    print("asked")
    return [cfplug.Metric(f"loud-{number}", score="zoo_loud:score") for number in range(1000)]
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fill a folder with distributions: one that prints, one that exits, and one too new."""
    site = tmp_path_factory.mktemp("site")
    texts = {
        "zoo_loud": LOUD,
        "zoo_leaves": "raise SystemExit(0)\n",
        "zoo_late": METRICS.format(names=["late"]),
    }
    for name, text in texts.items():
        (site / f"{name}.py").write_text(text)
        info = site / f"{name}-0.1.dist-info"
        info.mkdir()
        need = "cfplug>=9" if name == "zoo_late" else "cfplug"
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1\nRequires-Dist: {need}\n"
        )
        (info / "entry_points.txt").write_text(f"[cfplug]\n{name.replace('_', '-')} = {name}\n")
    return site


def outside(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command in its own process, which ends by printing the plugins' modules to stderr."""
    environment = {**os.environ, "PYTHONPATH": str(site), "COLUMNS": "80"}
    process = [sys.executable, "-c", WATCH, *arguments]
    return subprocess.run(process, env=environment, capture_output=True, text=True, check=False)


def test_help_loads_no_plugin_and_not_what_loads_them(site: Path) -> None:
    shown = outside(site, "--help")
    assert (shown.returncode, shown.stderr) == (0, "\n")
    assert "plugins" in shown.stdout


def test_a_thousand_components_of_a_plugin_that_prints_are_listed_in_clean_json(site: Path) -> None:
    listed = outside(site, "list", "metrics", "--json")
    assert listed.returncode == 0
    names = [row["name"] for row in json.loads(listed.stdout) if row["plugin"] == "zoo-loud"]
    assert names == sorted(f"loud-{number}" for number in range(1000))
    assert listed.stderr.startswith(
        "imported\nwrittenasked\n2 plugins are broken: zoo-late, zoo-leaves (cfplug doctor "
    )
    assert "zoo_loud" in listed.stderr.splitlines()[-1]
    assert "zoo_late" not in listed.stderr.splitlines()[-1], (
        "a plugin made for another cfplug is not imported"
    )


def test_doctor_works_though_one_plugin_leaves_and_one_is_too_new(site: Path) -> None:
    reported = outside(site, "doctor")
    assert reported.returncode == 1
    assert reported.stdout.endswith(
        "\nplugin zoo-late (zoo_late 0.1) is broken: "
        "it is made for another version of cfplug\n"
        f"  expected cfplug>=9, got cfplug {cfplug.__version__}\n"
        "  install it: python -m pip install 'cfplug>=9'\n"
        "  switch it off with CFPLUG_PLUGINS=-zoo-late\n"
        "plugin zoo-leaves (zoo_leaves 0.1) is broken: importing it raised SystemExit: 0\n"
        f"  at {site / 'zoo_leaves.py'}:1: raise SystemExit(0)\n"
        "  switch it off with CFPLUG_PLUGINS=-zoo-leaves\n"
    )
