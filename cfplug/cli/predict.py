"""Ask a finished run: predictions, recommendations, similar items, explanations, comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import rich_click as click

from cfplug.cli.newcomers import NewUser, count_option, model_of, new_user_options
from cfplug.cli.options import context_option, json_option, naming, of_run, plugins_dir
from cfplug.cli.output import print_frame, print_json, print_table, printing_aside, put

if TYPE_CHECKING:
    import pandas as pd

    from cfplug.data.vocabulary import Side
    from cfplug.prediction.fitted_model import FittedModel


SHOWN_RATINGS = 5
"""Ratings of similar items that are printed under an explanation."""


@click.command()
@of_run
@click.option("--user", "users", multiple=True, help="Predict for this user id; once per --item.")
@click.option("--item", "items", multiple=True, help="Predict for this item id.")
@click.option(
    "--pairs",
    type=click.Path(path_type=Path),
    help="Read the columns user and item from a CSV or Parquet file.",
)
@context_option
@new_user_options
@click.option("--out", type=click.Path(path_type=Path), help="Write a CSV file; print nothing.")
@json_option
@plugins_dir
def predict(
    run: Path,
    name: str | None,
    users: Sequence[str],
    items: Sequence[str],
    pairs: Path | None,
    context: Mapping[str, str],
    new: NewUser,
    out: Path | None,
    as_json: bool,
    folders: Sequence[Path],
) -> None:
    """Predict ratings with RUN for pairs from a file or options.

    Each prediction has an origin: warm, or the word of the cold-start strategy. --ratings and
    --metadata describe the one user of the pairs; without --user a new one.
    """
    wanted = 0 if new.described and not users else len(items)
    if (pairs is None) == (not users and not items) or len(users) != wanted:
        raise click.UsageError("give either --pairs, or --user and --item equally often")
    with printing_aside():
        model = new.adapted(model_of(run, name, folders), folders)
        users = users or [str(model.new_user())] * len(items)
        asked = _pairs(pairs, users, items).assign(**context)
        newcomers = None
        if new.described:
            distinct = asked["user"].unique().tolist()
            if len(distinct) != 1:
                raise click.UsageError(
                    f"--ratings and --metadata describe one user; the pairs have {len(distinct)}"
                )
            newcomers = new.newcomers(model, distinct[0])
        predictions = model.predict(asked, newcomers=newcomers)
    put(predictions, out, as_json, "predictions")


def _pairs(path: Path | None, users: Sequence[str], items: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    from cfplug.prediction.newcomer_files import read_text_table

    if path is not None:
        return read_text_table(path)
    return pd.DataFrame({"user": users, "item": items})


@click.command()
@of_run
@click.option("--user", help="Recommend to this user id, known or new.")
@count_option
@click.option("--include-seen", is_flag=True, help="Include items that the user has rated.")
@context_option
@new_user_options
@json_option
@plugins_dir
def recommend(
    run: Path,
    name: str | None,
    user: str | None,
    count: int,
    include_seen: bool,
    context: Mapping[str, str],
    new: NewUser,
    as_json: bool,
    folders: Sequence[Path],
) -> None:
    """Recommend items to a user with RUN, best first.

    A model that uses the time assumes that of the latest training rating, unless --context has
    another. Without --user the user is the new one that --ratings or --metadata describe.
    """
    if user is None and not new.described:
        raise click.UsageError("give --user, or describe a new user by --ratings or --metadata")
    with printing_aside():
        model = new.adapted(model_of(run, name, folders), folders)
        asked = model.new_user() if user is None else user
        recommendations = model.recommend(
            asked,
            count,
            exclude_seen=not include_seen,
            context=context,
            newcomers=new.newcomers(model, asked),
        )
    print_frame(recommendations, as_json)


@click.command()
@of_run
@click.option("--item", required=True, help="Compare with this title or id.")
@count_option
@click.option(
    "--measure",
    default="cosine",
    show_default=True,
    type=click.Choice(["cosine", "euclidean"]),
    help="Compare factors by this measure.",
)
@click.option(
    "--most-rated",
    default=1000,
    show_default=True,
    type=click.IntRange(1),
    help="Compare only N items with the most training ratings.",
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
    """List the items whose factors in RUN are most similar."""
    with printing_aside():
        model = model_of(run, name, folders)
        code = _code(model, "item", item)
        neighbors = model.similar(
            model.catalogue.item.ids[code], count, measure=measure, most_rated=most_rated
        )
    if not as_json:
        click.echo(f"Most similar to {model.catalogue.item.label(code)}:\n")
    print_frame(neighbors, as_json)


@click.command()
@of_run
@click.option("--user", required=True, help="Explain a prediction for this user id.")
@click.option("--item", required=True, help="Explain a prediction for this title or id.")
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
    """Explain a prediction of RUN by parts that sum to it."""
    with printing_aside():
        model = model_of(run, name, folders)
        user_id = model.catalogue.user.ids[_code(model, "user", user)]
        item_id = model.catalogue.item.ids[_code(model, "item", item)]
        explanation = model.explain(user_id, item_id, context=context)
        rated = None
        if "embeddings" in model.provides:
            rated = model.rated(user_id, like=item_id)
    if as_json:
        record = {key: getattr(explanation, key) for key in ("user", "item", "prediction", "base")}
        parts = [attrs.asdict(part) for part in explanation.parts]
        print_json({**record, "parts": parts})
        return
    print_table(explanation.table())
    if rated is not None and len(rated):
        user_label, item_label = explanation.labels
        click.echo(f"\nRatings by {user_label} of the items most similar to {item_label}:\n")
        print_frame(rated.head(SHOWN_RATINGS), as_json)


def _code(model: FittedModel, side: Side, text: str) -> int:
    """Return the code of an id or label; an error of the command line if there is none."""
    with naming():
        return model.catalogue.side(side).find(text)


@click.command()
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--figures", is_flag=True, help="Also write every chart as SVG.")
@plugins_dir
def report(run: Path, figures: bool, folders: Sequence[Path]) -> None:
    """Write the page of RUN again from what is in its folder."""
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
    help="Compare with this model; the first by default.",
)
@click.option(
    "--metric",
    default="mse",
    show_default=True,
    type=click.Choice(["mse", "rmse", "mae"]),
    help="Compare this error.",
)
@json_option
@plugins_dir
def compare(
    runs: Sequence[Path], reference: str, metric: str, as_json: bool, folders: Sequence[Path]
) -> None:
    """Compare the models of one or several runs.

    They are compared pair by pair on the same ratings with the first model, or the one named by
    --reference. The runs must have the same data, split and seeds.
    """
    with printing_aside():
        from cfplug.runs.run import compare_runs
        from cfplug.runs.storage import open_run

        opened = [open_run(run, plugins_dir=folders) for run in runs]
        with naming():
            comparison = compare_runs(opened, reference=reference, metric=metric)
    if as_json:
        print_json(comparison.records())
    else:
        print_table(comparison.table())
