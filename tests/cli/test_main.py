"""Check the command line: what it prints, where, and with which exit code."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import click
import pandas as pd
import pytest
from click.testing import CliRunner, Result

import cfplug
from cfplug.cli import output
from cfplug.cli.main import main
from cfplug.progress import Bar, Lines

ZOO = Path(__file__).parents[1] / "zoo"
ODD = str(ZOO / "odd")

RECIPE = """\
# A tiny run.
title: Tiny
data: {use: synthetic, users: 30, items: 17, ratings: 200}
models:
  - use: pmf
    factors: 3
  - use: mean
    name: plain
metrics: [mae, mse]
train: {epochs: 2, batch_size: 32}
claims:
  - {metric: mae, model: plain, at_most: 2, source: nobody}
device: cpu
analyzers: [learning-curve]
seed: 7
"""

TINY = ("--set", "users=12", "--set", "items=7", "--set", "ratings=50")


def call(*arguments: str | Path, variables: Mapping[str, str] | None = None) -> Result:
    """Carry out one command in this process; an error that is no SystemExit comes through."""
    given = [str(argument) for argument in arguments]
    result = CliRunner().invoke(
        main, given, prog_name="cfplug", env={"COLUMNS": "80", **(variables or {})}
    )
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def answer(*arguments: str | Path, code: int = 0) -> object:
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


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with tiny.yaml in it, as the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(RECIPE)
    return tmp_path


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """The folder of a run of tiny.yaml, and what the command said. Not to be changed."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "tiny.yaml").write_text(RECIPE)
    result = call("run", folder / "tiny.yaml", "--out", folder / "runs")
    assert result.exit_code == 0, result.stderr
    (run,) = (folder / "runs").iterdir()
    return run, result


@pytest.fixture(scope="module")
def run(finished: tuple[Path, Result]) -> Path:
    return finished[0]


# The commands as a whole


def commands(group: click.Group = main, *before: str) -> list[tuple[str, ...]]:
    found = []
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        found.append((*before, name))
        if isinstance(command, click.Group):
            found += commands(command, *before, name)
    return found


def test_these_are_all_the_commands_in_the_order_of_work() -> None:
    assert [" ".join(path) for path in commands()] == [
        "run",
        "resume",
        "check",
        "find-rate",
        "recipes",
        "recipes list",
        "recipes show",
        "recipes copy",
        "list",
        "describe",
        "plugins",
        "doctor",
        "schema",
        "data",
        "data list",
        "data fetch",
        "data show",
        "new",
        "new file",
        "new plugin",
        "check-plugin",
        "predict",
        "recommend",
        "similar",
        "explain",
        "compare",
        "report",
        "questions",
        "newcomer",
    ]
    shown = call("--help").stdout
    places = [
        shown.index(f" {name} ")
        for name in ("run", "resume", "check", "recipes", "list", "data", "recommend")
    ]
    assert places == sorted(places)


@pytest.mark.parametrize("path", commands(), ids=" ".join)
def test_every_command_explains_itself_within_80_columns(path: tuple[str, ...]) -> None:
    for flag in ("--help", "-h"):
        result = call(*path, flag)
        assert result.exit_code == 0
        assert f"cfplug {' '.join(path)}" in result.stdout
        assert max(map(len, result.stdout.splitlines())) <= 80


def test_an_unknown_command_names_the_nearest_one() -> None:
    assert usage_error(call("chck")) == "No such command 'chck'. Did you mean 'check'?"
    assert usage_error(call("recipes", "lst")) == "No such command 'lst'. Did you mean 'list'?"


def test_the_version_is_cfplugs_own() -> None:
    assert call("--version").stdout == f"cfplug, version {cfplug.__version__}\n"


# What plugins print


def test_what_a_plugin_prints_never_ends_up_in_what_was_asked(here: Path) -> None:
    sys.modules.pop("talkative", None)
    rows = answer("list", "metrics", "--plugins-dir", ODD)
    assert isinstance(rows, list)
    assert "talk" in [row["name"] for row in rows]
    options = (
        "--set",
        "models=[talker]",
        "--set",
        "metrics=[mae, talk]",
        "--set",
        "claims=[]",
        "--plugins-dir",
        ODD,
    )
    options = (*options, "--set", "train.epochs=1")
    (here / "quiet.yaml").write_text(RECIPE.replace("train: {epochs: 2, batch_size: 32}\n", ""))
    ran = answer("run", "quiet.yaml", *options[:-2])
    assert isinstance(ran, dict)
    asked = answer("predict", ran["path"], "--user", "1", "--item", "2", "--plugins-dir", ODD)
    assert asked == [{"user": "1", "item": "2", "prediction": 2.5, "origin": "warm"}]
    best = answer("recommend", ran["path"], "--user", "1", "-n", "2", "--plugins-dir", ODD)
    assert isinstance(best, list)
    assert len(best) == 2


# check


def test_check_finds_every_problem_and_runs_nothing(here: Path) -> None:
    assert call("check", "tiny.yaml").stdout == "tiny.yaml: no problems\n"
    assert answer("check", "tiny.yaml") == []
    result = call("check", "tiny.yaml", "--set", "metrics=[rsme]", "--set", "train.epochs=0")
    assert (result.exit_code, result.stdout) == (2, "")
    assert (
        '--set argument 1: metrics[0]: no metric called "rsme"; did you mean rmse? (cfplug list '
        "metrics)\n" in (result.stderr)
    )
    assert "--set argument 2: train.epochs: must be at least 1; is 0\n" in result.stderr
    assert result.stderr.endswith(" problems; nothing was run.\n")
    assert [path.name for path in here.iterdir()] == ["tiny.yaml"]


def test_check_gives_a_program_the_place_of_each_problem(here: Path) -> None:
    (here / "bad.yaml").write_text(RECIPE.replace("factors: 3", "factros: 3"))
    assert answer("check", "bad.yaml", code=2) == [
        {
            "source": "bad.yaml",
            "line": 6,
            "column": 5,
            "path": "models[0].factros",
            "message": "unknown parameter of pmf; did you mean factors?",
        }
    ]


def test_a_recipe_is_a_file_or_the_name_of_one_of_cfplugs_own(here: Path) -> None:
    assert call("check", "pmf").exit_code == 0
    assert call("check", "pfm").exit_code == 2
    assert (
        call("check", "pfm").stderr
        == "no recipe called pfm; did you mean pmf? (cfplug recipes list)\n"
    )
    result = call("check", "tiny.yml")
    assert (result.exit_code, result.stderr) == (
        2,
        "tiny.yml: cannot be read: No such file or directory; did you mean tiny.yaml?\n1 "
        "problem; nothing was run.\n",
    )


# recipes


def test_recipes_are_listed_shown_and_copied_and_nothing_is_overwritten(here: Path) -> None:
    rows = answer("recipes", "list")
    assert isinstance(rows, list)
    assert {
        "name": "pmf",
        "what it is": "PMF with biases, as in chapter 8 of the fast.ai book.",
    } in rows
    text = call("recipes", "show", "pmf").stdout
    assert "\ntitle: PMF on MovieLens 100K\n" in text
    assert call("recipes", "copy", "pmf").stdout == "pmf.yaml\n"
    assert (here / "pmf.yaml").read_text() == text
    (here / "pmf.yaml").write_text("mine")
    result = call("recipes", "copy", "pmf")
    assert (result.exit_code, result.stdout, result.stderr) == (
        1,
        "",
        "cannot write pmf.yaml: File exists\n",
    )
    assert (here / "pmf.yaml").read_text() == "mine"
    assert call("recipes", "copy", "pmf", "other.yaml").stdout == "other.yaml\n"
    assert (here / "other.yaml").read_text() == text
    assert call("recipes", "copy", "pmf", "no/where.yaml").stderr == (
        "cannot write no/where.yaml: No such file or directory\n"
    )


def test_an_unknown_recipe_names_the_nearest_one() -> None:
    for command in (["recipes", "show", "pfm"], ["recipes", "copy", "pfm"]):
        result = call(*command)
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr == "no recipe called pfm; did you mean pmf? (cfplug recipes list)\n"


# run, resume


def test_run_reports_its_steps_and_prints_one_table_of_claims_and_results(
    finished: tuple[Path, Result],
) -> None:
    run, result = finished
    rows = json.loads((run / "metrics.json").read_text())
    mae = {
        row["model"]: [f"{row['value']:.4f}", f"{row['low']:.4f}", "to", f"{row['high']:.4f}"]
        for row in rows
        if row["metric"] == "mae"
    }
    title, columns, *table = result.stdout.splitlines()
    assert title == "Tiny"
    assert re.split("  +", columns) == [
        "model",
        "part",
        "metric",
        "measured",
        "95 % interval",
        "claimed",
        "met",
        "source",
    ]
    assert table[0].split() == ["pmf", "valid", "mae", *mae["pmf"]]
    assert table[2].split() == [
        "plain",
        "valid",
        "mae",
        *mae["plain"],
        "at",
        "most",
        "2",
        "yes",
        "nobody",
    ]
    assert table[4:6] == ["", "mse on valid, compared with pmf"]
    assert table[6].split("  ")[0] == "model"
    assert [line.split()[0] for line in table[7:9]] == ["pmf", "plain"]
    assert table[9].startswith(
        "difference: mse minus that of pmf on the same ratings; below 0 is better than pmf."
    )
    assert table[10:] == ["", str(run), str(run / "report.html")]
    said = result.stderr.splitlines()
    assert said[:2] == ["loading torch and fastai", "synthetic: 200 ratings, 30 users, 17 items"]
    assert [line.split(":")[1] for line in said if line.startswith("pmf: epoch")] == [
        " epoch 1 of 2",
        " epoch 2 of 2",
    ]


def test_a_run_without_claims_has_no_empty_columns(here: Path) -> None:
    result = call("run", "tiny.yaml", "--set", "claims=[]", "--set", "train.epochs=1")
    assert result.stdout.splitlines()[1].split() == [
        "model",
        "part",
        "metric",
        "measured",
        "95",
        "%",
        "interval",
    ]


def test_run_tells_a_program_the_folder_the_metrics_and_the_claims(here: Path) -> None:
    reported = answer("run", "tiny.yaml", "--out", "elsewhere")
    assert isinstance(reported, dict)
    folder = here / reported["path"]
    assert folder.parent == here / "elsewhere"
    assert reported["metrics"] == json.loads((folder / "metrics.json").read_text())
    assert reported["claims"] == json.loads((folder / "claims.json").read_text())
    assert [claim["met"] for claim in reported["claims"]] == [True]
    assert [(row["model"], row["reference"], row["metric"]) for row in reported["comparison"]] == [
        ("pmf", "pmf", "mse"),
        ("plain", "pmf", "mse"),
    ]
    alone = answer(
        "run", "tiny.yaml", "--set", "models=[pmf]", "--set", "claims=[]", "--set", "train.epochs=1"
    )
    assert isinstance(alone, dict)
    assert alone["comparison"] == []


def test_check_turns_a_missed_claim_into_exit_code_1_and_only_then(here: Path) -> None:
    missed = ("run", "tiny.yaml", "--set", "claims.0.at_most=0.01")
    met, reported, failed = (
        call("run", "tiny.yaml", "--check"),
        call(*missed),
        call(*missed, "--check"),
    )
    assert [result.exit_code for result in (met, reported, failed)] == [0, 0, 1]
    rows = json.loads(next(here.glob("runs/*/metrics.json")).read_text())
    (mae,) = (row["value"] for row in rows if (row["model"], row["metric"]) == ("plain", "mae"))
    sentence = f"missed: plain: mae is {mae:.4f}, claimed at most 0.01\n"
    assert reported.stderr.endswith(sentence)
    assert failed.stderr.endswith(sentence)
    assert "missed" not in met.stderr
    assert len(list(here.glob("runs/*/report.html"))) == 3


def test_a_bad_recipe_is_exit_code_2_before_anything_is_written(here: Path) -> None:
    result = call("run", "tiny.yaml", "--set", "train.epochs=0", "--set", "epochs")
    assert (result.exit_code, result.stdout, result.stderr) == (
        2,
        "",
        "--set argument 1: train.epochs: must be at least 1; is 0\n"
        "--set argument 2: must look like key.path=value; is 'epochs'\n"
        "2 problems; nothing was run.\n",
    )
    assert not (here / "runs").exists()


def test_a_component_that_fails_leaves_its_own_traceback_with_notes(here: Path) -> None:
    options = ("--set", "metrics=[mae, fragile]", "--plugins-dir", ODD)
    with pytest.raises(OSError, match="the glass broke") as caught:
        call("run", "tiny.yaml", *options, variables={"ZOO_FRAGILE": "raise"})
    (partial,) = (here / "runs").iterdir()
    assert caught.value.__notes__ == [
        f"in step score: fragile/fragile of plugin fragile ({ZOO / 'odd' / 'fragile.py'}), --set "
        f"argument 1",
        f"what was finished is kept; go on with: cfplug resume runs/{partial.name}",
    ]
    assert caught.traceback[-1].path == ZOO / "odd" / "fragile.py"


def test_resume_goes_on_with_a_run_that_was_stopped_and_gives_the_same_numbers(here: Path) -> None:
    options = ("--set", "metrics=[mae, fragile]", "--plugins-dir", ODD)
    whole = answer("run", "tiny.yaml", *options, "--out", "whole")
    stopped = call("run", "tiny.yaml", *options, variables={"ZOO_FRAGILE": "stop"})
    (partial,) = (here / "runs").iterdir()
    assert stopped.exit_code == 1
    assert stopped.stdout == ""
    assert stopped.stderr.endswith(
        f"stopped; go on with: cfplug resume runs/{partial.name}\n\nAborted.\n"
    )
    resumed = answer("resume", partial, "--plugins-dir", ODD)
    assert isinstance(whole, dict)
    assert isinstance(resumed, dict)
    assert resumed["metrics"] == whole["metrics"]
    assert resumed["path"] == str(partial).removesuffix(".partial")
    again = call("resume", resumed["path"], "--plugins-dir", ODD)
    assert again.exit_code == 1
    assert again.stderr.endswith(
        f"{Path(resumed['path']).name} is whole already; there is nothing to resume\n"
    )


def test_a_folder_that_is_not_a_run_is_reported(here: Path) -> None:
    assert call("resume", "nowhere").stderr == f"{here / 'nowhere'}: there is no such run\n"
    for command in (
        ["predict", "nowhere", "--user", "1", "--item", "2"],
        ["recommend", "nowhere", "--user", "1"],
    ):
        result = call(*command)
        assert (result.exit_code, result.stdout, result.stderr) == (
            1,
            "",
            "nowhere: there is no such run\n",
        )


# compare


def test_compare_shows_the_models_of_a_run_against_the_first_or_the_named_one(run: Path) -> None:
    shown = call("compare", run)
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert shown.stdout == f"{cfplug.open_run(run).comparison_table()}\n"
    other = call("compare", run, "--reference", "plain", "--metric", "mae").stdout.splitlines()
    assert other[0] == "mae on valid, compared with plain"
    assert other[3].split()[2] == "reference"


def test_compare_gives_a_program_every_number(run: Path) -> None:
    rows = answer("compare", run, "--metric", "rmse")
    assert isinstance(rows, list)
    metrics = json.loads((run / "metrics.json").read_text())
    mse = {row["model"]: row["value"] for row in metrics if row["metric"] == "mse"}
    assert [(row["model"], row["mean"] ** 2) for row in rows] == [
        (name, pytest.approx(value, rel=1e-12)) for name, value in mse.items()
    ]
    assert rows[0]["difference"] is None
    assert rows[1]["difference"] == pytest.approx(mse["plain"] ** 0.5 - mse["pmf"] ** 0.5)


def test_compare_shows_several_runs_side_by_side(run: Path, here: Path) -> None:
    (here / "means.yaml").write_text(RECIPE.replace("train: {epochs: 2, batch_size: 32}\n", ""))
    one = ("--set", "metrics=[mae]", "--set", "claims=[]")
    ran = answer("run", "means.yaml", *one, "--set", "models=[bias, {use: mean, name: plain}]")
    assert isinstance(ran, dict)
    rows = answer("compare", run, ran["path"], "--reference", "bias")
    assert isinstance(rows, list)
    assert [row["model"] for row in rows] == [
        "pmf",
        f"{run.name}/plain",
        "bias",
        f"{Path(ran['path']).name}/plain",
    ]
    assert rows[1]["difference"] == rows[3]["difference"]
    other = answer("run", "means.yaml", *one, "--set", "models=[mean]", "--set", "seed=8")
    assert isinstance(other, dict)
    result = call("compare", run, other["path"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "pmf and mean were not measured on the same ratings: 40 of 40 of pmf are not among "
        "those of mean, and 40 of 40 "
        "the other way round (the same are seed, fold, part, user, item and rating); the seeds "
        "are 7 here and 8 there; "
        "compare runs of the same data, split and seeds\n"
    )


def test_compare_reports_what_is_missing(run: Path) -> None:
    wrong = call("compare", run, "--reference", "plane")
    assert (wrong.exit_code, wrong.stdout) == (2, "")
    assert (
        wrong.stderr
        == "reference: no model called 'plane'; did you mean plain? (there are pmf, plain)\n"
    )
    missing = call("compare", run, "nowhere")
    assert (missing.exit_code, missing.stderr) == (1, "nowhere: there is no such run\n")
    assert usage_error(call("compare")) == "Missing argument 'RUN...'."
    assert usage_error(call("compare", run, "--metric", "auc")) == (
        "Invalid value for '--metric': 'auc' is not one of 'mse', 'rmse', 'mae'."
    )


def test_a_run_of_one_model_alone_cannot_be_compared(here: Path) -> None:
    ran = answer(
        "run", "tiny.yaml", "--set", "models=[pmf]", "--set", "claims=[]", "--set", "train.epochs=1"
    )
    assert isinstance(ran, dict)
    result = call("compare", ran["path"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "a comparison needs at least two models; there is only pmf\n"


# data


def test_data_lists_every_source() -> None:
    assert answer("data", "list") == answer("list", "sources")


def test_data_show_shows_the_first_rows_and_the_role_of_each_column() -> None:
    result = call("data", "show", "synthetic", *TINY, "--rows", "2")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[:4] == [
        "synthetic: 50 ratings, 12 users, 7 items",
        "",
        "ratings: 50 rows",
        "user (id)  item (id)  rating (target)  time (time)",
    ]
    assert lines[6:9] == ["", "users: 12 rows", "user (id)  age (number)  group (category)"]
    assert lines[11:14] == [
        "",
        "items: 7 rows",
        "item (id)  title (label)       year (number)  genres (set)",
    ]
    assert len(lines) == 16


def test_data_show_names_the_members_of_a_set_and_leaves_the_unknown_empty(here: Path) -> None:
    (here / "ratings.csv").write_text("user,item,rating\nann,7,3\nbob,8,4.5\nann,8,1\n")
    (here / "items.csv").write_text(
        "item,title,genres,year\n7,[bold]Seven[/bold],crime|drama,1995\n8,Eight,,\n"
    )
    given = (
        "--set",
        "ratings=ratings.csv",
        "--set",
        "items=items.csv",
        "--set",
        "roles={items.genres: set}",
    )
    result = call("data", "show", "csv", *given)
    assert result.exit_code == 0, result.stderr
    assert result.stderr.splitlines()[:2] == ["reading ratings.csv", "reading items.csv"]
    assert result.stdout.endswith(
        "items: 2 rows\n"
        "item (id)  title (label)       genres (set)  year (number)\n"
        "7          [bold]Seven[/bold]  crime, drama  1995.0\n"
        "8          Eight\n"
    )


def test_data_fetch_says_what_there_is(here: Path) -> None:
    assert (
        call("data", "fetch", "synthetic", *TINY).stdout
        == "synthetic: 50 ratings, 12 users, 7 items\n"
    )


def test_data_reports_an_unknown_source_or_parameter_and_a_missing_file(here: Path) -> None:
    unknown = call("data", "show", "synthetc")
    assert unknown.exit_code == 2
    assert (
        'no source called "synthetc"; did you mean synthetic? (cfplug list sources)\n'
        in unknown.stderr
    )
    wrong = call("data", "fetch", "synthetic", "--set", "ratings=0", "--set", "itms=3")
    assert (wrong.exit_code, wrong.stderr) == (
        2,
        "--set argument 1: ratings: must be at least 1; is 0\n"
        "--set argument 2: itms: unknown parameter of synthetic; did you mean items?\n"
        "2 problems; nothing was run.\n",
    )
    (here / "ratings.csv").write_text("user,item,rating\n")
    missing = call("data", "show", "csv", "--set", "ratings=rating.csv")
    assert missing.exit_code == 1
    assert missing.stderr.endswith("rating.csv: there is no such file; did you mean ratings.csv?\n")


# predict


def test_predict_answers_options_in_their_order_and_labels_the_unknown(run: Path) -> None:
    options = (
        "--user",
        "1",
        "--item",
        "2",
        "--user",
        "777",
        "--item",
        "2",
        "--user",
        "3",
        "--item",
        "16",
    )
    rows = answer("predict", run, *options)
    model = cfplug.open_run(run).model
    frame = model.predict(pd.DataFrame({"user": [1, 777, 3], "item": [2, 2, 16]}))
    assert rows == [
        {"user": user, "item": item, "prediction": prediction, "origin": origin}
        for user, item, prediction, origin in zip(
            ("1", "777", "3"),
            ("2", "2", "16"),
            frame["prediction"],
            ("warm", "mean", "warm"),
            strict=True,
        )
    ]
    shown = call("predict", run, *options).stdout.splitlines()
    assert shown[0].split() == ["user", "item", "prediction", "origin"]
    assert shown[2].split() == ["777", "2", f"{frame['prediction'][1]:.4f}", "mean"]


def test_predict_asks_the_first_model_unless_another_is_named(run: Path) -> None:
    (first,), (other,) = (
        answer("predict", run, "--user", "1", "--item", "2", *model)  # type: ignore[misc]
        for model in ((), ("--model", "plain"))
    )
    assert first["prediction"] != other["prediction"]
    result = call("predict", run, "--user", "1", "--item", "2", "--model", "plane")
    assert (result.exit_code, result.stdout) == (2, "")
    assert (
        result.stderr
        == "the run has no model called 'plane'; did you mean plain? (it has plain, pmf)\n"
    )


def test_predict_answers_a_file_with_a_file(run: Path, here: Path) -> None:
    (here / "pairs.csv").write_text("item,user,rating\n2,1,5\n16,3,4\n2,777,1\n")
    pd.DataFrame({"user": [1, 3, 777], "item": [2, 16, 2]}).to_parquet(here / "pairs.parquet")
    result = call("predict", run, "--pairs", "pairs.csv", "--out", "answers.csv")
    assert (result.exit_code, result.stdout) == (0, "answers.csv: 3 predictions\n")
    written = pd.read_csv(here / "answers.csv")
    assert list(written.columns) == ["user", "item", "prediction", "origin"]
    assert written["origin"].tolist() == ["warm", "warm", "mean"]
    rows = answer("predict", run, "--pairs", "pairs.parquet")
    assert isinstance(rows, list)
    assert [row["prediction"] for row in rows] == written["prediction"].tolist()
    assert [row["user"] for row in rows] == [1, 3, 777]


def test_ids_that_look_like_numbers_are_kept_as_in_the_file(here: Path) -> None:
    (here / "ratings.csv").write_text(
        "user,item,rating\n" + "".join(f"00{n % 5},{n % 3}e2,{n % 4 + 1}\n" for n in range(15))
    )
    (here / "ids.yaml").write_text(
        "data: {use: csv, ratings: ratings.csv}\nmodels: [bias]\nunknown: error\n"
    )
    ran = answer("run", "ids.yaml")
    assert isinstance(ran, dict)
    (here / "pairs.csv").write_text("user,item\n003,2e2\n")
    rows = answer("predict", ran["path"], "--pairs", "pairs.csv")
    assert isinstance(rows, list)
    assert [(row["user"], row["item"], row["origin"]) for row in rows] == [("003", "2e2", "warm")]


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--user", "1"),
        ("--item", "2"),
        ("--user", "1", "--item", "2", "--item", "3"),
        ("--pairs", "pairs.csv", "--user", "1", "--item", "2"),
    ],
    ids=" ".join,
)
def test_predict_takes_pairs_from_a_file_or_from_options_that_match(
    run: Path, options: tuple[str, ...]
) -> None:
    assert (
        usage_error(call("predict", run, *options))
        == "give either --pairs, or --user and --item equally often"
    )


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        (
            "pairs.csv",
            "usr,item\n1,2\n",
            "pairs need a column called user; found usr, item; did you mean usr?\n",
        ),
        ("pairs.csv", "", "pairs.csv cannot be read: No columns to parse from file\n"),
        ("pairs.csv", None, "pairs.csv cannot be read: No such file or directory\n"),
        (
            "pairs.csv",
            "user,item\n1,2\none,3\n",
            "row 1, column user: the user ids are whole numbers, such as 1; asked for 'one'\n",
        ),
    ],
)
def test_a_wrong_file_of_pairs_is_refused(
    run: Path, here: Path, name: str, text: str | None, words: str
) -> None:
    if text is not None:
        (here / name).write_text(text)
    result = call("predict", run, "--pairs", name, "--out", "answers.csv")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", words)
    assert not (here / "answers.csv").exists()


def test_a_file_that_cannot_be_written_is_reported(run: Path, here: Path) -> None:
    result = call("predict", run, "--user", "1", "--item", "2", "--out", "no/answers.csv")
    assert (result.exit_code, result.stderr) == (
        1,
        "cannot write no/answers.csv: No such file or directory\n",
    )


# recommend


def rated(run: Path, user: int) -> set[int]:
    """The items that a user has rated in the data of tiny.yaml."""
    catalogue = cfplug.open_run(run).model.catalogue
    (code,) = catalogue.user.encode([user])
    return set(catalogue.item.decode(catalogue.rated_by(code)))  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [1, 3])
def test_recommend_gives_exactly_n_items_with_titles_and_none_that_the_user_has_rated(
    run: Path, count: int
) -> None:
    rows = answer("recommend", run, "--user", "5", "-n", str(count))
    assert isinstance(rows, list)
    assert [row["rank"] for row in rows] == list(range(1, count + 1))
    assert {row["item"] for row in rows}.isdisjoint(rated(run, 5))
    assert all(f" {row['item']} (" in row["label"] for row in rows)
    assert [row["prediction"] for row in rows] == sorted(
        (row["prediction"] for row in rows), reverse=True
    )


def test_recommend_includes_what_the_user_has_rated_when_asked(run: Path) -> None:
    rows = answer("recommend", run, "--user", "5", "-n", "17", "--include-seen")
    assert isinstance(rows, list)
    assert {row["item"] for row in rows} == set(range(1, 18))
    seen = rated(run, 5)
    assert seen
    few = call("recommend", run, "--user", "5", "-n", "17")
    assert (few.exit_code, few.stdout) == (1, "")
    assert few.stderr == f"asked for 17 items; {17 - len(seen)} can be recommended to user '5'\n"


def test_recommend_shows_the_titles_in_a_table(run: Path) -> None:
    head, *rows = call("recommend", run, "--user", "5", "-n", "2").stdout.splitlines()
    assert head.split() == ["rank", "item", "label", "prediction", "origin"]
    assert [row.split()[0] for row in rows] == ["1", "2"]
    assert all(row.endswith(("  warm", "  mean")) for row in rows)


def test_recommend_labels_items_for_an_untrained_user(run: Path) -> None:
    rows = answer("recommend", run, "--user", "777", "-n", "4")
    assert isinstance(rows, list)
    assert [row["origin"] for row in rows] == ["mean"] * 4


def test_recommend_needs_a_user_and_at_least_one_item(run: Path) -> None:
    reported = "give --user, or describe a new user by --ratings or --metadata"
    assert usage_error(call("recommend", run)) == reported
    assert usage_error(call("recommend", run, "--user", "1", "-n", "0")) == (
        "Invalid value for '-n': 0 is not in the range x>=1."
    )


# similar, explain, report


def title_of(run: Path, item: int) -> str:
    vocabulary = cfplug.open_run(run).model.catalogue.item
    return vocabulary.label(int(vocabulary.encode([item])[0]))


@pytest.mark.parametrize("measure", ["cosine", "euclidean"])
def test_similar_lists_the_most_similar_items(run: Path, measure: str) -> None:
    rows = answer("similar", run, "--item", title_of(run, 3), "-n", "4", "--measure", measure)
    assert isinstance(rows, list)
    asked = cfplug.open_run(run).model.similar(3, 4, measure=measure, most_rated=1000)
    assert rows == asked.astype(object).to_dict("records")
    assert 3 not in {row["item"] for row in rows}
    first, gap, head, *lines = call("similar", run, "--item", "3", "-n", "2").stdout.splitlines()
    assert (first, gap) == (f"Most similar to {title_of(run, 3)}:", "")
    assert head.split() == ["rank", "item", "label", "similarity", "ratings"]
    assert len(lines) == 2


def test_misspelt_title_names_the_nearest_one(run: Path) -> None:
    title = title_of(run, 3)
    for command in (("similar", run), ("explain", run, "--user", "5")):
        result = call(*command, "--item", title[:-1] + "x")
        assert (result.exit_code, result.stdout) == (2, "")
        assert f"did you mean {title}" in result.stderr or title in result.stderr
    assert usage_error(call("similar", run)) == "Missing option '--item'."


def test_a_model_without_factors_has_no_similar_items(run: Path) -> None:
    result = call("similar", run, "--model", "plain", "--item", "3")
    assert (result.exit_code, result.stderr) == (1, "plain (factors/mean) has no embeddings\n")


@pytest.mark.parametrize("model", ["pmf", "plain"])
def test_explain_takes_a_prediction_apart_into_parts_that_sum_to_it(run: Path, model: str) -> None:
    reported = answer("explain", run, "--model", model, "--user", "5", "--item", "3")
    assert isinstance(reported, dict)
    (asked,) = answer("predict", run, "--model", model, "--user", "5", "--item", "3")  # type: ignore[misc]
    assert reported["prediction"] == asked["prediction"]
    assert reported["base"] + sum(
        part["contribution"] for part in reported["parts"]
    ) == pytest.approx(reported["prediction"], abs=1e-5)
    shown = call("explain", run, "--model", model, "--user", "5", "--item", title_of(run, 3)).stdout
    assert shown.startswith(
        f"Why {model} predicts {reported['prediction']:.2f} for user 5 and {title_of(run, 3)}\n"
    )
    assert "item bias" in shown
    mean = "Ratings by user 5 of the items most similar to "
    assert (mean in shown) == (model == "pmf")
    if model == "pmf":
        _, _, head, *rows = shown[shown.index(mean) :].splitlines()
        assert head.split() == ["item", "label", "rating", "similarity"]
        assert {int(row.split()[0]) for row in rows} < rated(run, 5)


def test_report_makes_the_page_again_and_the_pictures_when_asked(run: Path, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(run, tmp_path / "copy"))
    before = (copied / "report.html").read_bytes()
    (copied / "report.html").unlink()
    assert call("report", copied).stdout == f"{copied / 'report.html'}\n"
    assert (copied / "report.html").read_bytes() == before
    first, *pictures = call("report", copied, "--figures").stdout.splitlines()
    assert first == str(copied / "report.html")
    assert (
        len(pictures) == sum(len(section.charts) for section in cfplug.open_run(run).sections) > 0
    )
    assert all(Path(picture).suffix == ".svg" and Path(picture).exists() for picture in pictures)
    assert (
        call("report", tmp_path / "nowhere").stderr
        == f"{tmp_path / 'nowhere'}: there is no such run\n"
    )


# On a terminal


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Calls something with a terminal of 80 columns as standard output, and gives its lines."""
    for name, value in (("COLUMNS", "80"), ("LINES", "25"), ("TERM", "xterm")):
        monkeypatch.setenv(name, value)

    def shown(action: Callable[[], object]) -> list[str]:
        stream = Terminal()
        with contextlib.redirect_stdout(stream):
            action()
        return click.unstyle(stream.getvalue()).splitlines()

    return shown


@pytest.mark.parametrize(
    "command",
    [
        ["list", "models"],
        ["describe", "source", "csv"],
        ["describe", "source", "synthetic"],
        ["plugins"],
        ["recipes", "list"],
        ["data", "list"],
    ],
    ids=" ".join,
)
def test_tables_are_drawn_within_the_terminal_and_no_cell_is_cut(
    on_terminal: Callable[..., list[str]], command: list[str]
) -> None:
    lines = on_terminal(lambda: main(command, standalone_mode=False))
    drawn = [line for line in lines if line.startswith(("│", "╭", "├", "╰"))]
    assert len(drawn) >= 4
    assert max(map(len, drawn)) <= 80
    assert "…" not in "".join(drawn)


def test_a_drawn_table_has_its_title_left_numbers_right_names_whole_and_no_empty_column(
    on_terminal: Callable[..., list[str]],
) -> None:
    rows = [
        (
            "init_deviation",
            3,
            "what [bold]brackets[/bold] hold is shown as it stands in the data",
            "",
        ),
        ("x", 12, "", ""),
    ]
    table = cfplug.Table("Title", ("name", "count", "words", "nothing"), rows)
    assert [line.rstrip() for line in on_terminal(lambda: output.print_table(table))] == [
        "Title",
        "╭────────────────┬───────┬─────────────────────────────────────────────────────╮",
        "│ name           │ count │ words                                               │",
        "├────────────────┼───────┼─────────────────────────────────────────────────────┤",
        "│ init_deviation │     3 │ what [bold]brackets[/bold] hold is shown as it      │",
        "│                │       │ stands in the data                                  │",
        "│ x              │    12 │                                                     │",
        "╰────────────────┴───────┴─────────────────────────────────────────────────────╯",
    ]


def test_the_title_of_a_generated_table_is_not_markup(
    on_terminal: Callable[..., list[str]],
) -> None:
    table = cfplug.Table("PMF [/x] [bold]loud[/bold]", ("name",), [("x" * 40,)])
    assert (
        on_terminal(lambda: output.print_table(table))[0].rstrip() == "PMF [/x] [bold]loud[/bold]"
    )


def test_a_word_that_is_wider_than_its_column_goes_on_in_the_next_line(
    on_terminal: Callable[..., list[str]],
) -> None:
    word = "".join(chr(ord("a") + n % 26) for n in range(150))
    table = cfplug.Table("", ("name", "words"), [("path", word)])
    lines = on_terminal(lambda: output.print_table(table))
    assert (
        "".join(line.split("│")[2].strip() for line in lines if line.startswith("│"))[
            len("words") :
        ]
        == word
    )


def test_a_table_without_rows_keeps_its_columns(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_table(cfplug.Table("", ("name", "what it is"), []))
    assert capsys.readouterr().out == "name  what it is\n"


def test_headings_wrap_before_cells_and_a_note_follows_the_table(
    on_terminal: Callable[..., list[str]],
) -> None:
    columns = ("model", "mse", "difference", "95 % interval", "p (Wilcoxon, Holm)")
    cells = ("pmf", "0.8217 ± 0.0035", "-0.0121", "-0.0150 to -0.0093", "0.0312")
    table = cfplug.Table(
        "", columns, [cells], "[bold]below 0[/bold] is better " + "than the reference " * 4
    )
    lines = on_terminal(lambda: output.print_table(table))
    assert max(map(len, lines)) <= 80
    (row,) = (line for line in lines if "pmf" in line)
    assert tuple(cell.strip() for cell in row.strip("│").split("│")) == cells
    assert lines[-2].startswith("[bold]below 0[/bold] is better than the reference")


def test_a_run_has_a_live_bar_on_a_terminal_and_lines_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for stream, kind in ((Terminal(), Bar), (io.StringIO(), Lines)):
        monkeypatch.setattr(sys, "stderr", stream)
        with output.telling() as reporter:
            print("a component prints")
            reporter.say("it goes well")
            assert isinstance(reporter, kind)
        assert "a component prints\n" in stream.getvalue()
        assert "it goes well\n" in stream.getvalue()


# A model that looks at the time of a rating


@pytest.fixture(scope="module")
def timed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run whose model looks at the time. Not to be changed."""
    folder = tmp_path_factory.mktemp("timed")
    (folder / "timed.yaml").write_text(
        "data: {use: synthetic, users: 12, items: 7, ratings: 60}\n"
        "features: {time: [month, elapsed]}\nmodels: [tabular]\ntrain: {epochs: 1}\n"
    )
    result = call("run", folder / "timed.yaml", "--out", folder / "runs")
    assert result.exit_code == 0, result.stderr
    (run,) = (folder / "runs").iterdir()
    return run


def test_predict_takes_the_time_as_context_or_as_a_column(timed: Path, here: Path) -> None:
    pair = ("--user", "1", "--item", "2")
    early, late = (
        answer("predict", timed, *pair, "--context", f"time={year}-03-04") for year in (2001, 2020)
    )
    assert early != late
    (here / "pairs.csv").write_text("user,item,time\n1,2,2001-03-04\n")
    assert answer("predict", timed, "--pairs", "pairs.csv") == early
    without = call("predict", timed, *pair)
    assert without.stderr.endswith("pairs need a column called time, which the model looks at\n")
    wrong = call("predict", timed, *pair, "--context", "time=soon")
    assert wrong.stderr.endswith(
        "row 0, column time: must be a time such as 1998-04-01 12:30; is 'soon'\n"
    )
    assert (without.exit_code, wrong.exit_code) == (1, 1)


def test_recommend_asks_for_now_unless_context_says_another_time(timed: Path) -> None:
    model = cfplug.open_run(timed).model
    for given, context in (((), None), (("--context", "time=2020-03-04"), {"time": "2020-03-04"})):
        rows = answer("recommend", timed, "--user", "1", "-n", "2", *given)
        assert [row["item"] for row in rows] == model.recommend(1, 2, context=context)[
            "item"
        ].tolist()  # type: ignore[call-overload, union-attr]


def test_context_is_a_column_and_its_value(timed: Path) -> None:
    words = usage_error(call("recommend", timed, "--user", "1", "--context", "soon"))
    assert words == "Invalid value for '--context': must look like time=1998-04-01; got 'soon'"
