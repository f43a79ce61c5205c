"""The commands that ask a finished run: predictions, recommendations, likeness, reasons, comparison, the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import rich_click as click

from cfplug.cli.newcomers import (
    Introduction,
    fresh,
    metadata_option,
    model_of,
    ratings_option,
    read_text_table,
    strategy_option,
)
from cfplug.cli.options import context_option, json_option, naming, of_run, plugins_dir
from cfplug.cli.output import print_frame, print_json, print_table, printing_aside, put

if TYPE_CHECKING:
    import pandas as pd

    from cfplug.data.vocabulary import Side
    from cfplug.prediction.fitted_model import FittedModel


LIKE = 5
"""Ratings of similar items that stand beside an explanation."""


@click.command()
@of_run
@click.option("--user", "users", multiple=True, help="A user id; give as many as --item.")
@click.option("--item", "items", multiple=True, help="An item id.")
@click.option(
    "--pairs",
    type=click.Path(path_type=Path),
    help="A CSV or Parquet file with the columns user and item.",
)
@context_option
@ratings_option
@metadata_option
@strategy_option
@click.option(
    "--out", type=click.Path(path_type=Path), help="Write a CSV file instead of printing."
)
@json_option
@plugins_dir
def predict(
    run: Path,
    name: str | None,
    users: Sequence[str],
    items: Sequence[str],
    pairs: Path | None,
    context: Mapping[str, str],
    ratings: Path | None,
    metadata: Mapping[str, str],
    strategy: str | None,
    out: Path | None,
    as_json: bool,
    folders: Sequence[Path],
) -> None:
    """Predict ratings with RUN, a run folder, for pairs from a file or from options.

    Each prediction says where it came from: warm, or the word of the cold-start strategy. What is
    told of newcomers with --ratings and --metadata is about the one user who is asked about;
    without --user about somebody new."""
    told = Introduction(ratings, metadata, strategy)
    if (pairs is None) == (not users and not items) or len(users) != (
        0 if told and not users else len(items)
    ):
        raise click.UsageError("give either --pairs, or --user and --item equally often")
    with printing_aside():
        model = told.asked(model_of(run, name, folders), folders)
        users = users or [str(fresh(model.catalogue.user))] * len(items)
        asked = _pairs(pairs, users, items).assign(**context)
        newcomers = (
            told.newcomers(model, _the_one(asked["user"].unique().tolist())) if told else None
        )
        answer = model.predict(asked, newcomers=newcomers)
    put(answer, out, as_json, "predictions")


def _the_one(users: Sequence[object]) -> object:
    """The user whom --ratings and --metadata are about."""
    if len(users) != 1:
        raise click.UsageError(
            f"--ratings and --metadata tell of one user; asked about {len(users)}"
        )
    return users[0]


def _pairs(path: Path | None, users: Sequence[str], items: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({"user": users, "item": items}) if path is None else read_text_table(path)


@click.command()
@of_run
@click.option(
    "--user", help="The user's id; needed unless --ratings or --metadata tell of somebody new."
)
@click.option(
    "-n", "count", default=10, show_default=True, type=click.IntRange(1), help="How many items."
)
@click.option(
    "--include-seen", is_flag=True, help="Do not leave out items that the user has rated."
)
@context_option
@ratings_option
@metadata_option
@strategy_option
@json_option
@plugins_dir
def recommend(
    run: Path,
    name: str | None,
    user: str | None,
    count: int,
    include_seen: bool,
    context: Mapping[str, str],
    ratings: Path | None,
    metadata: Mapping[str, str],
    strategy: str | None,
    as_json: bool,
    folders: Sequence[Path],
) -> None:
    """The items that RUN, a run folder, recommends to a user, the best first.

    A model that looks at the time is asked about that of the latest training rating, unless
    --context says another."""
    told = Introduction(ratings, metadata, strategy)
    if user is None and not told:
        raise click.UsageError("give --user, or tell of somebody new with --ratings or --metadata")
    with printing_aside():
        model = told.asked(model_of(run, name, folders), folders)
        asked = fresh(model.catalogue.user) if user is None else user
        newcomers = told.newcomers(model, asked)
        answer = model.recommend(
            asked, count, exclude_seen=not include_seen, context=context, newcomers=newcomers
        )
    print_frame(answer, as_json)


@click.command()
@of_run
@click.option("--item", required=True, help="An item's title or id.")
@click.option(
    "-n", "count", default=10, show_default=True, type=click.IntRange(1), help="How many items."
)
@click.option(
    "--measure",
    default="cosine",
    show_default=True,
    type=click.Choice(["cosine", "euclidean"]),
    help="What makes two items alike.",
)
@click.option(
    "--most-rated",
    default=1000,
    show_default=True,
    type=click.IntRange(1),
    help="Look only among so many items with the most training ratings; the factors of rare ones say little.",
)
@json_option
@plugins_dir
def similar(
    run: Path,
    name: str | None,
    item: str,
    count: int,
    measure: str,
    most_rated: int,
    as_json: bool,
    folders: Sequence[Path],
) -> None:
    """The items whose factors in RUN, a run folder, are most like those of one item."""
    with printing_aside():
        model = model_of(run, name, folders)
        code = _found(model, "item", item)
        answer = model.similar(
            model.catalogue.item.ids[code], count, measure=measure, most_rated=most_rated
        )
    if not as_json:
        click.echo(f"Most like {model.catalogue.item.label(code)}:\n")
    print_frame(answer, as_json)


@click.command()
@of_run
@click.option("--user", required=True, help="The user's id.")
@click.option("--item", required=True, help="An item's title or id.")
@context_option
@json_option
@plugins_dir
def explain(
    run: Path,
    name: str | None,
    user: str,
    item: str,
    context: Mapping[str, str],
    as_json: bool,
    folders: Sequence[Path],
) -> None:
    """Why RUN, a run folder, predicts what it does for a user and an item: parts that sum to the prediction."""
    with printing_aside():
        model = model_of(run, name, folders)
        ids = [
            model.catalogue.side(side).ids[_found(model, side, text)]
            for side, text in (("user", user), ("item", item))
        ]
        explanation = model.explain(*ids, context=context)
        rated = model.rated(ids[0], like=ids[1]) if "embeddings" in model.provides else None
    if as_json:
        told = {name: getattr(explanation, name) for name in ("user", "item", "prediction", "base")}
        print_json({**told, "parts": [attrs.asdict(part) for part in explanation.parts]})
        return
    print_table(explanation.table())
    if rated is not None and len(rated):
        click.echo(
            f"\nWhat {explanation.labels[0]} gave to the items most like {explanation.labels[1]}:\n"
        )
        print_frame(rated.head(LIKE), as_json)


def _found(model: FittedModel, side: Side, text: str) -> int:
    """The code of the id or label `text`; if there is none, the option is bad."""
    with naming():
        return model.catalogue.side(side).find(text)


@click.command()
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--figures", is_flag=True, help="Also write every chart as SVG, for a paper.")
@plugins_dir
def report(run: Path, figures: bool, folders: Sequence[Path]) -> None:
    """Write the page of RUN, a run folder, anew from what is in the folder; nothing is trained."""
    with printing_aside():
        from cfplug.runs.page import remake

        written = remake(run, figures=figures, plugins_dir=folders)
    click.echo("\n".join(map(str, written)))


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--reference",
    default="",
    metavar="NAME",
    help="The model beside which the others stand; the first.",
)
@click.option(
    "--metric",
    default="mse",
    show_default=True,
    type=click.Choice(["mse", "rmse", "mae"]),
    help="The error that is compared.",
)
@json_option
@plugins_dir
def compare(
    runs: Sequence[Path], reference: str, metric: str, as_json: bool, folders: Sequence[Path]
) -> None:
    """Compare the models of one RUN or of several, pair by pair on the same ratings.

    The first model, or the one named, is the reference. The runs must have the same data, split and
    seeds."""
    with printing_aside():
        from cfplug.runs.run import compared
        from cfplug.runs.storage import open_run

        opened = [open_run(run, plugins_dir=folders) for run in runs]
        with naming():
            comparison = compared(opened, reference=reference, metric=metric)
    if as_json:
        print_json(comparison.records())
    else:
        print_table(comparison.table())
