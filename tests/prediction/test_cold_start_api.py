"""New users in Python: strategies by name, ratings and metadata from files, interviews."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cfplug
from cfplug import CfplugError, DataError, FittedModel, RecipeError
from cfplug.errors import CapabilityError
from cfplug.plugin.registry import Registry, load

RECIPE = """\
data: {use: synthetic, users: 60, items: 31, ratings: 900}
models: [{use: pmf, factors: 3}, {use: mean, name: plain}]
metrics: [rmse]
train: {epochs: 2, batch_size: 64}
device: cpu
seed: 7
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> cfplug.Run:
    folder = tmp_path_factory.mktemp("cold-start")
    (folder / "recipe.yaml").write_text(RECIPE)
    return cfplug.run(folder / "recipe.yaml", out=folder / "runs")


@pytest.fixture(scope="module")
def model(run: cfplug.Run) -> FittedModel:
    return run.model


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load()


def title(model: FittedModel, code: int) -> str:
    return model.catalogue.item.label(code)


@pytest.fixture
def ratings(model: FittedModel, tmp_path: Path) -> Path:
    """Ratings of a new user, and an item that the user has not seen."""
    path = tmp_path / "mine.csv"
    items = [title(model, 3), str(model.catalogue.item.ids[5]), title(model, 6)]
    pd.DataFrame({"item": items, "rating": ["5", "2", ""]}).to_csv(path, index=False)
    return path


def test_a_strategy_by_name_answers_for_new_users(model: FittedModel, ratings: Path) -> None:
    folding = model.with_cold_start("fold-in")
    newcomers = folding.newcomers_from_files(ratings=ratings, metadata={"age": 34})
    user = newcomers.users["user"].tolist()[0]
    best = folding.recommend(user, 3, newcomers=newcomers)
    assert set(best["origin"]) == {"folded-in"}
    assert not set(best["item"]) & set(model.catalogue.item.decode([3, 5]))
    assert model.policy is not None
    assert model.policy.name == "item-mean", "the model itself stays as it is"


def test_parameters_of_a_strategy_are_a_mapping(model: FittedModel, registry: Registry) -> None:
    pairs = pd.DataFrame({"user": [999] * 2, "item": [1, 2]})
    damped = model.with_cold_start("item-mean", {"damping": 1e9}, registry).predict(pairs)
    assert damped["prediction"].tolist() == pytest.approx([model.support.mean] * 2)
    plain = model.with_cold_start("item-mean", {"damping": 0}, registry).predict(pairs)
    count, total = model.support.count["item"][:2], model.support.sum["item"][:2]
    assert plain["prediction"].tolist() == pytest.approx((total / count).tolist())


def test_unknown_strategy_names_the_nearest_one(model: FittedModel, registry: Registry) -> None:
    with pytest.raises(
        RecipeError, match=r'no cold-start called "fold-inn"; did you mean fold-in\?'
    ):
        model.with_cold_start("fold-inn", registry=registry)
    with pytest.raises(RecipeError, match=r"did you mean damping\?"):
        model.with_cold_start("item-mean", {"dampin": 3}, registry)


def test_a_strategy_that_does_not_fit_the_model_is_refused(
    run: cfplug.Run, registry: Registry
) -> None:
    message = r"^fold-in needs vectors, and plain \(factors/mean\) gives none$"
    with pytest.raises(CapabilityError, match=message):
        run.find("plain").with_cold_start("fold-in", registry=registry)


def test_files_give_the_same_newcomers_as_tables(model: FittedModel, ratings: Path) -> None:
    read = model.newcomers_from_files(ratings, {"age": "34"}, user=61)
    items = model.catalogue.item.decode([3, 5, 6])
    given = pd.DataFrame({"user": [61] * 3, "item": items, "rating": [5.0, 2.0, np.nan]})
    users = pd.DataFrame({"user": [61], "age": [34]})
    expected = model.newcomers(users=users, ratings=given)
    pd.testing.assert_frame_equal(read.users, expected.users)
    pd.testing.assert_frame_equal(
        read.ratings[["user", "item", "rating"]], expected.ratings, check_dtype=False
    )


def test_a_file_that_cannot_be_read_is_refused(model: FittedModel, tmp_path: Path) -> None:
    path = tmp_path / "none.csv"
    with pytest.raises(CfplugError, match=r"cannot be read: No such file or directory$"):
        model.newcomers_from_files(path)
    path.write_text("film,rating\n3,4\n")
    with pytest.raises(CfplugError, match=r"needs a column called item; found film, rating$"):
        model.newcomers_from_files(path)
    with pytest.raises(DataError, match="must not be below 0; is -3"):
        model.newcomers_from_files(metadata={"age": -3})


def test_a_new_id_is_not_in_the_catalogue(model: FittedModel) -> None:
    assert model.new_user() == 61


@pytest.mark.parametrize(
    ("ids", "new"),
    [
        ((3, 17, 5), 18),
        (("anna", "bert"), "newcomer"),
        (("newcomer", "newcomer1"), "newcomer2"),
    ],
)
def test_a_new_id_has_the_type_of_the_others(ids: tuple[int | str, ...], new: object) -> None:
    from cfplug.data.vocabulary import Vocabulary
    from cfplug.prediction.newcomer_files import new_id

    assert new_id(Vocabulary("user", ids)) == new


def test_an_interview_asks_and_its_answers_are_ratings(
    model: FittedModel, registry: Registry
) -> None:
    form = model.interview("interview", {"choose": "greedy"}, registry)
    table = form.table(5)
    assert list(table.columns) == ["question", "item", "label", "ratings", "rating"]
    assert table["item"].nunique() == 5
    answers = {form.next({}): 4.0}
    answers[form.next(answers)] = 1.0
    assert list(answers) == table["item"].tolist()[:2]
    answered = pd.DataFrame({"user": 61, "item": list(answers), "rating": list(answers.values())})
    newcomers = form.model.newcomers(ratings=answered)
    best = form.model.recommend(61, 4, newcomers=newcomers)
    assert set(best["origin"]) == {"folded-in"}


def test_a_strategy_that_asks_no_questions_is_refused(
    model: FittedModel, registry: Registry
) -> None:
    with pytest.raises(CapabilityError, match=r"^item-mean asks no questions; use interview"):
        model.interview("item-mean", registry=registry)
