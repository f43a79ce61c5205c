"""Run every recipe whole on the real data, and write the figures into recipes/README.md.

They take some forty minutes on two cores, so only `make claims` and `make test-all` run them.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import cfplug
from cfplug.progress import Lines
from cfplug.recipe.parser import read_recipe
from cfplug.runs.run import Run
from cfplug.runs.runner import read_data

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "recipes" / "README.md"
NAMES = sorted(path.stem for path in (ROOT / "recipes").glob("*.yaml"))
DATA = ROOT.parent / "shared" / "data"
ARCHIVES = {
    "movielens/movielens-100k": DATA / "ml-100k.zip",
    "movielens/movielens-small": DATA / "ml-latest-small-2016.zip",
    "movielens/movielens-1m": DATA / "ml-1m.zip",
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.claims,
    pytest.mark.skipif(
        not DATA.exists(), reason="there is no ../shared/data with the real archives"
    ),
]


@pytest.fixture(scope="module")
def page() -> ModuleType:
    spec = importlib.util.spec_from_file_location("figures", ROOT / "recipes" / "claims.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def runs(page: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Run]]:
    """Collect every run; at the end write their figures into the page and keep the others."""
    made: dict[str, Run] = {}
    yield made
    text = PAGE.read_text(encoding="utf-8")
    for lines, marks in ((page.lines, page.FIGURES), (page.tried, page.NEWCOMERS)):
        measured = {name: lines(name, run) for name, run in made.items()}
        text = page.with_figures(text, measured, NAMES, marks)
    PAGE.write_text(text, encoding="utf-8")


def whole(name: str, runs: dict[str, Run], folder: Path, *overrides: str, key: str = "") -> Run:
    """The run of a recipe on the archive, made once."""
    key = key or name
    if key not in runs:
        path = ROOT / "recipes" / f"{name}.yaml"
        archive = ARCHIVES.get(read_recipe(path).data.full_name)
        data = [f"data.path={archive}"] if archive else []
        runs[key] = cfplug.run(
            path, set=[*data, "device=cpu", *overrides], out=folder, reporter=Lines()
        )
    return runs[key]


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_keeps_its_promises(name: str, runs: dict[str, Run], tmp_path: Path) -> None:
    run = whole(name, runs, tmp_path)
    assert [claim for claim in run.claim_results() if not claim.met] == []


def test_metadata_and_time_make_the_network_better(runs: dict[str, Run], tmp_path: Path) -> None:
    run = whole("metadata", runs, tmp_path)
    (row,) = [
        row for row in run.comparison(reference="embedding-nn").rows if row.model == "tabular"
    ]
    assert len(run.recipe.seeds) == 10
    assert row.high is not None
    assert row.p_holm is not None
    assert row.high < 0
    assert row.p_holm < 0.05


def test_a_classifier_rates_as_well_as_the_same_model_with_mse(
    runs: dict[str, Run], tmp_path: Path
) -> None:
    run = whole("classifier", runs, tmp_path)
    rows = [row for row in run.comparison(reference="mse").rows if row.difference is not None]
    assert {row.model for row in rows} == {"cross-entropy", "ordinal"}
    assert [row for row in rows if row.difference > 0.005] == []


def test_each_rung_of_the_ladder_is_as_the_book_says(runs: dict[str, Run], tmp_path: Path) -> None:
    run = whole("ladder", runs, tmp_path)
    mse = {use.name: float(run.values(use.name, "mse").mean()) for use in run.recipe.models}
    assert mse["with weight decay"] < mse["dot product"]
    assert mse["with weight decay"] < mse["with range"]
    assert mse["with weight decay"] < mse["with biases"]
    assert mse["library pmf"] < mse["library network"]


def test_the_first_fold_is_the_hardest(runs: dict[str, Run], tmp_path: Path) -> None:
    run = whole("folds", runs, tmp_path)
    for model in ("bias", "pmf"):
        rmse = {
            fold: float(run.values(model, "rmse", fold=fold).mean())
            for fold in ("u1", "u2", "u3", "u4", "u5")
        }
        assert max(rmse, key=lambda fold: rmse[fold]) == "u1"


# What PMF learned, as statements about the result: which titles come first differs from seed to
# seed

BOTH_LISTS = {
    "Titanic (1997)",
    "Schindler's List (1993)",
    "Shawshank Redemption, The (1994)",
    "L.A. Confidential (1997)",
    "Silence of the Lambs, The (1991)",
    "Star Wars (1977)",
}
"""The highest biases that were published, in one run or another of the book's chapter 8."""

LOWEST = {
    "Children of the Corn: The Gathering (1996)",
    "Lawnmower Man 2: Beyond Cyberspace (1996)",
    "Beautician and the Beast, The (1997)",
    "Crow: City of Angels, The (1996)",
    "Home Alone 3 (1997)",
}
"""The lowest ones."""


def test_the_highest_and_lowest_biases_are_those_that_the_book_saw(
    runs: dict[str, Run], tmp_path: Path
) -> None:
    (section,) = [
        each for each in whole("pmf", runs, tmp_path).sections if each.analyzer == "bias-ranking"
    ]
    assert section.text[0] == "Among the 1,000 most rated of 1,682 items."
    lowest, highest = (
        [dict(zip(table.columns, row, strict=True)) for row in table.rows]
        for table in section.tables[:2]
    )
    assert len({row["item"] for row in highest} & BOTH_LISTS) >= 3
    assert [
        row["item"]
        for row in lowest
        if row["item"] not in LOWEST and row["mean rating"].value >= 2.5
    ] == []


def test_the_nearest_to_the_silence_of_the_lambs_are_thrillers_or_dramas_of_repute(
    runs: dict[str, Run], tmp_path: Path
) -> None:
    run = whole("pmf", runs, tmp_path)
    items = read_data(run.recipe.data).items.set_index("item")
    nearest = run.model.similar("Silence of the Lambs", 10, most_rated=1000)["item"]
    kinds = [
        set(genres) & {"Thriller", "Drama", "Crime", "Film-Noir"}
        for genres in items.loc[nearest, "genres"]
    ]
    assert sum(map(bool, kinds)) >= 8
    codes = run.model.catalogue.item.encode(nearest)
    support = run.model.support
    means = support.sum["item"][codes] / support.count["item"][codes]
    assert (means > support.mean).mean() >= 0.8
