"""The commands for authors of plugins: their output, their files and their exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cfplug.cli.main import main
from cfplug.scaffold import new
from cfplug.testing import check


def call(*arguments: str | Path, code: int = 0) -> Result:
    """Run one command in this process and check its exit code."""
    result = CliRunner().invoke(
        main, list(map(str, arguments)), prog_name="cfplug", env={"COLUMNS": "80"}
    )
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def boxed(result: Result) -> str:
    """Return the message of click about a bad option, without its box."""
    return " ".join(result.stderr.replace("│", "").split())


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return an empty home and current folder; forget single-file plugins afterwards."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    known = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - known:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


# cfplug new


def test_a_new_plugin_ends_with_the_three_commands_to_type(here: Path) -> None:
    result = call(
        "new", "plugin", "cfplug-scores", "--kind", "analyzer", "--kind", "loss", "--out", "my work"
    )
    assert result.stdout == (
        "my work/cfplug-scores: the plugin scores, with an analyzer, a loss\n"
        "\nWhat to type next:\n"
        "  cd 'my work/cfplug-scores'\n"
        '  python -m pip install --editable ".[test]"\n'
        "  python -m pytest\n"
    )
    assert result.stderr == ""
    sources = sorted(
        path.name for path in (here / "my work/cfplug-scores/src/cfplug_scores").iterdir()
    )
    assert sources == ["__init__.py", "analyzer.py", "loss.py"]


def test_a_new_plugin_starts_with_a_model_and_a_metric_by_default(here: Path) -> None:
    assert call("new", "plugin", "scores").stdout.startswith(
        "cfplug-scores: the plugin scores, with a model, a metric\n"
    )
    assert {"model.py", "metric.py"} < {path.name for path in here.glob("cfplug-scores/src/*/*")}


@pytest.mark.parametrize("command", ["plugin", "file"])
def test_an_invalid_name_is_a_bad_argument(command: str, here: Path) -> None:
    result = call("new", command, "Bad Name", code=2)
    expected = (
        "plugin name: expected a kebab-case noun such as item-mean, got 'Bad Name'; "
        "did you mean bad-name?\n"
    )
    assert (result.stdout, result.stderr) == ("", expected)
    assert list(here.iterdir()) == []


def test_an_unknown_kind_is_a_bad_option(here: Path) -> None:
    result = call("new", "plugin", "scores", "--kind", "metrics", code=2)
    assert "'metrics' is not one of 'source', 'split', 'model'" in boxed(result)
    assert list(here.iterdir()) == []


def test_a_new_file_ends_with_commands_that_work(here: Path) -> None:
    result = call("new", "file", "tea-time")
    message, _, commands = result.stdout.partition("\n\nWhat to type next:\n")
    assert message == "my_plugins/tea_time.py: the plugin tea-time, with a metric"
    typed = [line.split()[1:] for line in commands.splitlines()]
    assert [words[0] for words in typed] == ["list", "check-plugin", "run"]
    assert "tea-time-median-error" in call(*typed[0]).stdout
    assert "0 failed" not in call(*typed[1], "--check", "plugin/*").stdout
    assert "--plugins-dir" in typed[2]


# cfplug check-plugin

WRONG = '''
import cfplug

def score(params, truth, prediction):
    """Return the first error, which measures nothing."""
    return float(abs(prediction.rating - truth)[0])

@cfplug.hookimpl
def cfplug_metrics():
    return [cfplug.Metric("first-error", score=score, help="The first error alone.")]
'''

FAILS = "metric/first-error/row-order-does-not-matter"


@pytest.fixture
def wrong(here: Path) -> tuple[str, ...]:
    """Return the arguments that check a plugin whose metric reads the first row only."""
    (here / "mine").mkdir()
    (here / "mine" / "wrong.py").write_text(WRONG)
    return ("check-plugin", "wrong", "--plugins-dir", "mine")


def test_a_correct_plugin_passes_with_a_line_for_each_check(here: Path) -> None:
    call("new", "file", "tea")
    result = call("check-plugin", "tea", "--plugins-dir", "my_plugins", "--examples", "1")
    *rows, empty, count = result.stdout.splitlines()
    assert rows[0].split() == ["check", "result"]
    assert {row.split()[1] for row in rows[1:]} == {"passed"}
    assert (empty, count) == ("", f"{len(rows) - 1} checks: {len(rows) - 1} passed")
    assert any(row.startswith("metric/tea-median-error/perfect-is-best ") for row in rows)


def test_a_failed_check_reports_what_was_expected_and_found(wrong: tuple[str, ...]) -> None:
    result = call(*wrong, "--check", FAILS, code=1)
    prefix = "  expected: "
    _, row, _, name, summary, *found, _, count = result.stdout.splitlines()
    assert row.split() == [FAILS, "failed"]
    assert name == f"{FAILS}: failed"
    assert summary.startswith(prefix)
    assert len(summary) > len(prefix)
    assert found
    assert all(line.startswith("  ") for line in found)
    assert count == "1 check: 1 failed; --traceback shows where a failure comes from"


def test_checks_are_selected_by_their_id_or_its_last_part(wrong: tuple[str, ...]) -> None:
    for glob in (FAILS, "row-order-does-not-matter", "metric/*/row-order-*"):
        assert [
            each["check"]
            for each in json.loads(call(*wrong, "--check", glob, "--json", code=1).stdout)
        ] == [FAILS]
    several = call(*wrong, "--check", "has-help", "--check", "plugin/*", "--json")
    ids = [each["check"] for each in json.loads(several.stdout)]
    assert ids[0] == "plugin/loads"
    assert ids[-1] == "metric/first-error/has-help"


def test_an_unknown_check_names_the_nearest_one(wrong: tuple[str, ...]) -> None:
    message = "no check is called has-halp; did you mean has-help?\n"
    assert call(*wrong, "--check", "has-halp", code=2).stderr == message


def test_a_known_failure_is_accepted_as_long_as_it_fails(wrong: tuple[str, ...]) -> None:
    result = call(*wrong, "--check", FAILS, "--known-failure", f"{FAILS}=it is a joke", "--json")
    (message,) = json.loads(result.stdout)
    assert (message["result"], message["message"]) == ("known", "it is a joke")
    holds = "metric/first-error/has-help"
    result = call(*wrong, "--check", holds, "--known-failure", f"{holds}=it has none", code=1)
    assert "expected a failure (it has none), but the check passes" in result.stdout


@pytest.mark.parametrize("given", ["", "has-help", "has-help=", "has-help= ", "=why"])
def test_a_known_failure_needs_a_check_and_a_reason(given: str, wrong: tuple[str, ...]) -> None:
    result = call(*wrong, "--known-failure", given, code=2)
    assert f"expected CHECK=REASON, got {given!r}" in boxed(result)


def test_a_known_failure_of_an_unknown_check_is_an_error(wrong: tuple[str, ...]) -> None:
    message = f"known_failures: expected the id of a check, got '{FAILS}s'; did you mean {FAILS}?\n"
    assert call(*wrong, "--known-failure", f"{FAILS}s=why", code=2).stderr == message


def test_traceback_shows_where_a_failure_comes_from(wrong: tuple[str, ...], here: Path) -> None:
    (here / "mine" / "wrong.py").write_text(
        WRONG.replace("return float", "raise RuntimeError('nothing works')\n    return float")
    )
    short = call(*wrong, "--check", "measures-ordinary-predictions", code=1).stdout
    assert "RuntimeError: nothing works" in short
    assert "Traceback" not in short
    whole = call(*wrong, "--check", "measures-ordinary-predictions", "--traceback", code=1).stdout
    assert f'File "{here / "mine" / "wrong.py"}", line 6, in score' in whole


NEEDY = """
import attrs
import cfplug

@attrs.frozen
class Limit:
    limit: float = cfplug.param(above=0, help="errors beyond it count as the limit")

def score(params, truth, prediction):
    import numpy as np

    return float(np.minimum(abs(prediction.rating - truth), params.limit).mean())

@cfplug.hookimpl
def cfplug_metrics():
    return [cfplug.Metric("limited-error", Limit, score=score, help="Error up to a limit.")]
"""


def test_a_required_parameter_is_set_as_in_a_recipe(here: Path) -> None:
    (here / "mine").mkdir()
    (here / "mine" / "needy.py").write_text(NEEDY)
    command = ("check-plugin", "needy", "--plugins-dir", "mine", "--check", "perfect-is-best")
    assert call(*command, code=2).stderr.startswith(
        "metric/limited-error: cannot be checked: limited-error needs limit"
    )
    call(*command, "--set", "metric/limited-error.limit=2.5")
    assert (
        "must be above 0; is -1"
        in call(*command, "--set", "metric/limited-error.limit=-1", code=2).stderr
    )
    message = boxed(call(*command, "--set", "limit=1", code=2))
    assert "expected KIND/NAME.KEY=VALUE such as " in message
    assert "source/shop.path=shop.csv, got 'limit=1'" in message


def test_an_unknown_plugin_names_the_nearest_one(here: Path) -> None:
    message = 'no plugin called "loses"; did you mean losses? (cfplug plugins)\n'
    assert call("check-plugin", "loses", code=2).stderr == message


def test_a_broken_plugin_fails_the_check_that_it_loads(here: Path) -> None:
    (here / "mine").mkdir()
    (here / "mine" / "broken.py").write_text("import cfplug\n1 / 0\n")
    result = call("check-plugin", "broken", "--plugins-dir", "mine", code=1)
    assert "plugin/loads: failed" in result.stdout
    assert "ZeroDivisionError" in result.stdout


def test_what_a_plugin_prints_stays_out_of_the_table(wrong: tuple[str, ...], here: Path) -> None:
    (here / "mine" / "wrong.py").write_text(
        WRONG.replace("return float", "print('noise')\n    return float")
    )
    result = call(*wrong, "--check", FAILS, "--json", code=1)
    assert len(json.loads(result.stdout)) == 1


def test_progress_goes_to_standard_error(wrong: tuple[str, ...]) -> None:
    result = call(*wrong, "--check", "plugin/*")
    assert result.stderr.startswith("wrong: check 1 of ")


def test_ctrl_c_prints_the_outcomes_so_far(
    wrong: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    found, whole = [], check.outcome

    def impatient(item: check.Item) -> check.Outcome:
        found.append(item)
        if len(found) == 3:
            raise KeyboardInterrupt
        return whole(item)

    monkeypatch.setattr(check, "outcome", impatient)
    result = call(*wrong, "--json", code=130)
    assert [each["check"] for each in json.loads(result.stdout)] == [item.id for item in found[:2]]
    assert result.stderr.splitlines()[-1].startswith("stopped after 2 of ")


def test_without_hypothesis_it_says_what_to_install(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("cfplug.testing")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    message = 'the checks need hypothesis: python -m pip install "cfplug[author]"\n'
    assert call("check-plugin", "losses", code=2).stderr == message


# A generated package


def test_the_tests_of_a_new_package_pass_as_it_is_generated(tmp_path: Path) -> None:
    folder = new.make_plugin("scores", ["metric"], tmp_path)
    info = folder / "src" / "cfplug_scores-0.1.0.dist-info"  # as if it were installed
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: cfplug-scores\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[cfplug]\nscores = cfplug_scores\n")
    path = os.pathsep.join([str(info.parent), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-W",
        "error::pytest.PytestWarning",
    ]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "failed" not in done.stdout
    assert "skipped" not in done.stdout
