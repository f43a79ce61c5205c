"""Check the recipes that ship: each can be read and run; the first meets its claim."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import cfplug
from cfplug.progress import Quiet
from cfplug.recipe import builtin
from cfplug.recipe.parser import parse_recipe, read_recipe
from cfplug.runs.run import Run

ROOT = Path(__file__).parents[1]
RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))
ARCHIVE = ROOT.parent / "shared" / "data" / "ml-100k.zip"

each_recipe = pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
on_real_data = pytest.mark.skipif(
    not ARCHIVE.parent.exists(), reason="there is no ../shared/data with the real archives"
)


def test_there_are_recipes_and_they_are_those_that_the_command_line_lists() -> None:
    assert "pmf" in builtin.names()
    assert sorted(path.stem for path in RECIPES) == sorted(builtin.names())


@each_recipe
def test_a_recipe_says_what_it_is(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    recipe = read_recipe(path)
    assert text.startswith("# ")
    assert recipe.title != path.stem
    assert all(claim.source for claim in recipe.claims)


@each_recipe
def test_a_resolved_recipe_is_the_same_recipe(path: Path) -> None:
    recipe = read_recipe(path)
    again = parse_recipe(recipe.resolved(), str(path))
    assert again == recipe
    assert again.resolved() == recipe.resolved()


def users_up_to(last: int, lines: bytes, separator: bytes) -> bytes:
    """The lines whose first cell is a user up to `last`, and a heading."""
    rows = lines.splitlines(keepends=True)
    return b"".join(
        row for row in rows if not (user := row.split(separator)[0]).isdigit() or int(user) <= last
    )


def small_100k(name: str, data: bytes) -> bytes:
    if name == "u.user":
        return users_up_to(9, data, b"|")
    return (
        users_up_to(9, data, b"\t")
        if name == "u.data" or name.endswith((".base", ".test"))
        else data
    )


def small_small(name: str, data: bytes) -> bytes:
    return users_up_to(9, data, b",") if name == "ratings.csv" else data


def small_1m(name: str, data: bytes) -> bytes:
    if name == "users.dat":
        return users_up_to(9, data, b"::")
    return users_up_to(9, data, b",") if name == "ratings_no_time.csv" else data


SLICES: dict[str, tuple[str, Callable[[str, bytes], bytes]]] = {
    "movielens/movielens-100k": ("ml-100k.zip", small_100k),
    "movielens/movielens-small": ("ml-latest-small-2016.zip", small_small),
    "movielens/movielens-1m": ("ml-1m.zip", small_1m),
}
"""The archive that a source reads, and how each of its files becomes one of a few users."""


@pytest.fixture(scope="module")
def slices(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Make a small archive for each source: the same layout, all films, the first users."""
    folder, made = tmp_path_factory.mktemp("slices"), {}
    for source, (archive, small) in SLICES.items():
        made[source] = folder / archive
        with (
            zipfile.ZipFile(ARCHIVE.parent / archive) as whole,
            zipfile.ZipFile(made[source], "w") as part,
        ):
            for info in whole.infolist():
                if not info.is_dir():
                    part.writestr(info.filename, small(Path(info.filename).name, whole.read(info)))
    return made


@pytest.mark.skipif(
    not ARCHIVE.parent.exists(), reason="there is no ../shared/data to take a slice of"
)
@each_recipe
def test_a_recipe_runs_on_a_small_slice_of_its_data(
    path: Path, slices: dict[str, Path], tmp_path: Path
) -> None:
    recipe = read_recipe(path)
    data = [f"data.path={slices[recipe.data.full_name]}"] if recipe.data.full_name in slices else []
    seeds = ["seeds=[0, 1]"] if len(recipe.seeds) > 1 else []
    short = ["split.folds=2", "reveal=[2]", "claims=[]"] if recipe.cold_starts else []
    run = cfplug.run(
        path, set=[*data, *seeds, *short, "device=cpu"], out=tmp_path, reporter=Quiet()
    )
    able = [
        (model, use)
        for model in recipe.models
        for use in recipe.metrics
        if not model.lack(use.component.requires)
    ]  # type: ignore[attr-defined]
    folds = run.metrics["fold"].nunique()
    assert len(run.metrics) == len(able) * len(run.recipe.seeds) * folds
    assert folds == (5 if path.stem == "folds" else 2 if recipe.cold_starts else 1)
    assert run.metrics["value"].notna().all()
    assert run.recipe.text == path.read_text(encoding="utf-8")
    assert [section.text for section in run.sections if " failed: " in " ".join(section.text)] == []


def test_the_first_recipe_runs_where_there_is_no_data_and_no_network(tmp_path: Path) -> None:
    run = cfplug.run(
        ROOT / "recipes" / "synthetic.yaml", set=["device=cpu"], out=tmp_path, reporter=Quiet()
    )
    assert len(run.metrics) == len(run.recipe.models) * 2


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The run of pmf.yaml on the archive that GroupLens published."""
    overrides = [f"data.path={ARCHIVE}", "device=cpu"]
    return cfplug.run(
        ROOT / "recipes" / "pmf.yaml",
        set=overrides,
        out=tmp_path_factory.mktemp("real"),
        reporter=Quiet(),
    )


@on_real_data
def test_pmf_keeps_its_promise_on_movielens(real: Run) -> None:
    (claim,) = real.claim_results()
    assert (claim.claim.at_most, claim.claim.metric) == (0.8217, "mse")
    assert real.claims_met
    assert 0.79 < claim.value <= 0.8217
    kept = pd.read_parquet(real.path / "predictions.parquet")
    assert len(kept) == 20_000
    assert ((kept["prediction"] - kept["rating"]) ** 2).mean() == pytest.approx(
        claim.value, rel=1e-12
    )
    assert kept["prediction"].between(0, 5.5).all()


@on_real_data
def test_the_opened_run_gives_the_same_answers(real: Run) -> None:
    opened = cfplug.open_run(real.path)
    kept = pd.read_parquet(real.path / "predictions.parquet")
    message = opened.model.predict(kept)
    assert message["prediction"].tolist() == kept["prediction"].tolist()
    assert message["origin"].tolist() == kept["origin"].tolist()
    assert 0 < (message["origin"] == "mean").sum() < 100
    pd.testing.assert_frame_equal(
        opened.model.recommend(196, 10), real.model.recommend(196, 10), check_exact=True
    )


@on_real_data
def test_recommendations_are_the_best_of_what_the_user_has_not_seen(real: Run) -> None:
    found = real.model.recommend(196, 10)
    assert found["rank"].tolist() == list(range(1, 11))
    catalogue = real.model.catalogue
    seen = set(catalogue.item.decode(catalogue.rated_by(int(catalogue.user.encode([196])[0]))))
    assert len(seen) == 39
    unseen = [item for item in catalogue.item.ids if item not in seen]
    every = real.model.predict(pd.DataFrame({"user": 196, "item": unseen}))
    best = every.sort_values("prediction", ascending=False, kind="stable").head(10)
    assert found["item"].tolist() == best["item"].tolist()
    assert found["prediction"].tolist() == pytest.approx(best["prediction"].tolist(), rel=1e-6)
    assert all(label.endswith(")") for label in found["label"])


@on_real_data
def test_the_biases_are_those_that_the_book_shows(real: Run) -> None:
    (section,) = [each for each in real.sections if each.analyzer == "bias-ranking"]
    assert section.title == "Item biases of pmf"
    lowest, highest = ([row[0] for row in table.rows] for table in section.tables[:2])
    assert "Children of the Corn: The Gathering (1996)" in lowest
    assert {"Titanic (1997)", "Shawshank Redemption, The (1994)"} & set(highest)
