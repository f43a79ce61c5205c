"""Check new users on the command line: ratings, metadata, strategies and the interview."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

import cfplug
from cfplug.cli.main import main

RECIPE = """\
title: For newcomers
data: {use: synthetic, users: 60, items: 31, ratings: 900}
models:
  - {use: pmf, factors: 3}
  - {use: mean, name: plain}
metrics: [rmse]
train: {epochs: 4, batch_size: 64, learning_rate: 0.02}
device: cpu
seed: 7
"""


def call(
    *arguments: str | Path, typed: str | None = None, variables: Mapping[str, str] | None = None
) -> Result:
    """Carry out one command in this process; an error that is no SystemExit comes through."""
    given = [str(argument) for argument in arguments]
    env = {"COLUMNS": "80", **(variables or {})}
    result = CliRunner().invoke(main, given, prog_name="cfplug", env=env, input=typed)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def answer(*arguments: str | Path) -> list[dict[str, object]]:
    """The JSON that a command prints, alone, on standard output."""
    result = call(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    rows: list[dict[str, object]] = json.loads(result.stdout)
    return rows


def refused(*arguments: str | Path) -> tuple[int, str]:
    """The exit code of a command that fails, and what it says on standard error."""
    result = call(*arguments)
    assert result.stdout == ""
    return result.exit_code, result.stderr


def usage(*arguments: str | Path) -> str:
    """What click says of a bad option, without its box."""
    code, text = refused(*arguments)
    assert code == 2
    return " ".join(line.strip("│ ") for line in text.splitlines() if line.startswith("│"))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("introducing")
    (folder / "recipe.yaml").write_text(RECIPE)
    result = call("run", folder / "recipe.yaml", "--out", folder / "runs")
    assert result.exit_code == 0, result.stderr
    (path,) = (folder / "runs").iterdir()
    return path


@pytest.fixture(scope="module")
def titles(run: Path) -> list[str]:
    """The titles of the items, in the order of their codes; the ids are 1, 2, 3 and so on."""
    vocabulary = cfplug.open_run(run).model.catalogue.item
    return [vocabulary.label(code) for code in range(len(vocabulary))]


@pytest.fixture
def ratings(tmp_path: Path, titles: list[str]) -> Path:
    """Three ratings of somebody new, and one item that they have not seen."""
    path = tmp_path / "mine.csv"
    with path.open("w", newline="") as file:
        rows = [
            ("item", "rating"),
            (titles[3], "5"),
            (titles[8], "1.5"),
            (str(ids(titles, 5)), "4"),
            (titles[6], ""),
        ]
        csv.writer(file).writerows(rows)
    return path


def ids(titles: list[str], code: int) -> int:
    """The id of a code: ids of this source count from one."""
    return code + 1


# recommend and predict


def test_a_newcomers_ratings_lead_to_recommendations_that_are_folded_in(
    run: Path, ratings: Path
) -> None:
    rows = answer("recommend", run, "--ratings", ratings, "-n", "4")
    assert [row["rank"] for row in rows] == [1, 2, 3, 4]
    assert {row["origin"] for row in rows} == {"folded-in"}
    assert not {row["item"] for row in rows} & {4, 9, 6}, "what was rated is not recommended again"
    model = cfplug.open_run(run).model
    assert rows != answer("recommend", run, "--user", str(model.new_user()), "-n", "4")


def test_recommendations_change_with_what_the_newcomer_rated(
    run: Path, tmp_path: Path, titles: list[str]
) -> None:
    def scores(rating: str) -> dict[object, object]:
        path = tmp_path / f"{rating}.csv"
        path.write_text(f'item,rating\n"{titles[2]}",{rating}\n"{titles[4]}",{rating}\n')
        rows = answer("recommend", run, "--ratings", path, "-n", "20")
        return {row["item"]: row["prediction"] for row in rows}

    high, low = scores("5"), scores("1")
    assert all(float(str(high[item])) > float(str(low[item])) for item in set(high) & set(low))


def test_predict_describes_a_new_user_by_metadata(run: Path) -> None:
    (row,) = answer("predict", run, "--item", "3", "--metadata", "age=34,group=students")
    assert row["user"] == "61"
    assert row["origin"] in ("metadata", "mean")


def test_a_named_strategy_answers_and_its_word_is_the_origin(run: Path, ratings: Path) -> None:
    (row,) = answer(
        "predict", run, "--item", "3", "--ratings", ratings, "--cold-start", "item-mean"
    )
    assert row["origin"] == "mean"
    code, text = refused(
        "predict", run, "--item", "3", "--ratings", ratings, "--cold-start", "item-meen"
    )
    assert code == 2
    assert 'no cold-start called "item-meen"; did you mean item-mean?' in text


def test_a_model_that_cannot_be_adapted_is_reported(run: Path, ratings: Path) -> None:
    code, text = refused("recommend", run, "--model", "plain", "--ratings", ratings)
    assert (code, text) == (1, "fold-in needs vectors, and plain (factors/mean) gives none\n")


@pytest.mark.parametrize(
    ("metadata", "text"),
    [
        (
            "group=student",
            "users, row 0, column group: no user has 'student'; did you mean students?",
        ),
        ("age=-3", "users, row 0, column age: must not be below 0; is -3"),
        ("age=abc", "column age: must be a number; is 'abc'"),
        (
            "agee=34",
            "nothing called agee is known of users; did you mean age? (known are: age, group)",
        ),
    ],
)
def test_wrong_metadata_is_refused(run: Path, metadata: str, text: str) -> None:
    code, said = refused("recommend", run, "--metadata", metadata)
    assert code == 1
    assert text in said


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (
            "item,rating\n3,7\n",
            "row 0, column rating: must be a number from 1 to 5, or missing for what was not seen",
        ),
        ("item,rating\n3,good\n", "row 0, column rating: must be a number from 1 to 5"),
        ("item,rating\n3,4\n99,4\n", "row 2: "),
        ("film,rating\n3,4\n", "needs a column called item; found film, rating"),
        ("item,rating\n3,4\n3,5\n", "row 1: this pair of user and item was rated before"),
    ],
)
def test_ratings_that_cannot_be_are_refused_with_their_row(
    run: Path, tmp_path: Path, lines: str, text: str
) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(lines)
    code, said = refused("recommend", run, "--ratings", path)
    assert code == 1
    assert text in said


def test_a_known_user_is_not_a_new_one(run: Path, ratings: Path) -> None:
    code, text = refused("recommend", run, "--user", "5", "--ratings", ratings)
    assert code == 1
    assert "user '5' is not new: it has " in text


def test_a_user_or_a_description_is_required(run: Path) -> None:
    assert (
        usage("recommend", run) == "give --user, or describe a new user by --ratings or --metadata"
    )
    assert (
        usage("predict", run, "--item", "3")
        == "give either --pairs, or --user and --item equally often"
    )
    two = ("--user", "61", "--item", "1", "--user", "62", "--item", "2")
    message = usage("predict", run, *two, "--metadata", "age=34")
    assert message == "--ratings and --metadata describe one user; the pairs have 2"
    assert "must look like age=34,occupation=engineer; got 'age'" in usage(
        "recommend", run, "--metadata", "age"
    )


def test_a_missing_file_of_ratings_is_refused(run: Path, tmp_path: Path) -> None:
    code, text = refused("recommend", run, "--ratings", tmp_path / "none.csv")
    assert (code, text) == (
        1,
        f"{tmp_path / 'none.csv'} cannot be read: No such file or directory\n",
    )


# questions


def test_questions_are_a_list_of_known_items(run: Path, titles: list[str]) -> None:
    rows = answer("questions", run, "-n", "6")
    assert [row["question"] for row in rows] == [1, 2, 3, 4, 5, 6]
    items = [int(str(row["item"])) for row in rows]
    assert len(set(items)) == 6
    assert [row["label"] for row in rows] == [titles[item - 1] for item in items]
    assert {row["rating"] for row in rows} == {""}


def test_questions_can_be_chosen_by_popularity_and_written_to_a_file(
    run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "form.csv"
    result = call("questions", run, "-n", "3", "--set", "choose=popular", "--out", out)
    assert (result.exit_code, result.stdout) == (0, f"{out}: 3 questions\n")
    form = pd.read_csv(out)
    count = cfplug.open_run(run).model.support.count["item"]
    assert form["ratings"].tolist() == sorted(count, reverse=True)[:3]


def test_a_filled_in_form_is_a_file_of_ratings(run: Path, tmp_path: Path) -> None:
    form = tmp_path / "form.csv"
    call("questions", run, "-n", "3", "--out", form)
    filled = pd.read_csv(form).assign(rating=[5, None, 1])
    filled.to_csv(form, index=False)
    assert {row["origin"] for row in answer("recommend", run, "--ratings", form, "-n", "2")} == {
        "folded-in"
    }


def test_a_strategy_that_asks_nothing_is_reported(run: Path) -> None:
    code, text = refused("questions", run, "--cold-start", "item-mean")
    assert (code, text) == (
        1,
        "item-mean asks no questions; use interview (cfplug list cold-starts)\n",
    )


# newcomer


def test_an_interview_asks_takes_answers_and_recommends(run: Path) -> None:
    result = call("newcomer", run, "--questions", "3", "-n", "4", typed="5\n\n2\n")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == "Rate from 1 to 5; press Enter for what you have not seen, q to stop."
    assert [line.split(".")[0] for line in lines[2:5]] == ["1", "2", "3"]
    assert "You rated 2 of 3 items. For you:" in lines
    assert sum("folded-in" in line for line in lines) == 4


def test_an_answer_off_the_scale_is_asked_for_again(run: Path) -> None:
    result = call("newcomer", run, "--questions", "1", "-n", "1", typed="6\nwell\n4\n")
    assert "   expected a rating from 1 to 5, got '6'." in result.stdout
    assert "   expected a rating from 1 to 5, got 'well'." in result.stdout
    assert "You rated 1 of 1 items. For you:" in result.stdout


@pytest.mark.parametrize(
    ("typed", "words"), [("q\n", "You answered no question"), ("4\n", "You rated 1 of 1 items")]
)
def test_stopping_early_still_gives_recommendations(run: Path, typed: str, words: str) -> None:
    result = call("newcomer", run, "-n", "2", typed=typed)
    assert result.exit_code == 0, result.stderr
    assert words in result.stdout
    assert result.stdout.splitlines()[-1].startswith("2 ")


def test_wrong_metadata_is_refused_before_the_first_question(run: Path) -> None:
    code, text = refused("newcomer", run, "--metadata", "age=-3")
    assert code == 1
    assert "must not be below 0" in text
