"""Serve new users on the command line: their ratings and metadata, forms and interviews."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click
from attrs import frozen

from cfplug.cli.options import (
    Command,
    json_option,
    key_value,
    naming,
    of_run,
    overrides,
    plugins_dir,
)
from cfplug.cli.output import print_frame, printing_aside, put

if TYPE_CHECKING:
    from cfplug.plugin.components import ColdStart
    from cfplug.prediction.fitted_model import FittedModel
    from cfplug.prediction.interview import Questionnaire
    from cfplug.prediction.newcomers import Newcomers
    from cfplug.recipe.recipe import Use

FOLD_IN, INTERVIEW = "coldstart/fold-in", "coldstart/interview"
"""The default strategies: which answers for new users, and which asks them; full names, which no
other plugin can use."""

FIXED_LIST = "choose=greedy"
"""The parameter of a list for everyone: it cannot depend on answers."""

STOP = "q"


def _metadata(_ctx: click.Context, _param: click.Parameter, given: Sequence[str]) -> dict[str, str]:
    """Return the pairs of `key=value,key=value` as a mapping."""
    metadata = {}
    for text in ",".join(given).split(",") if given else ():
        key, value = key_value(text, "age=34,occupation=engineer")
        metadata[key.strip()] = value.strip()
    return metadata


metadata_option = click.option(
    "--metadata",
    multiple=True,
    metavar="KEY=VALUE",
    callback=_metadata,
    help="Describe a new user: age=34,occupation=engineer.",
)


@frozen(eq=False)
class NewUser:
    """What the options of a command say of a new user, and which strategy answers."""

    ratings: Path | None
    metadata: Mapping[str, str]
    strategy: str | None

    @property
    def described(self) -> bool:
        """Whether anything is known of a new user."""
        return self.ratings is not None or bool(self.metadata)

    def adapted(self, model: FittedModel, folders: Sequence[Path]) -> FittedModel:
        """Return the model with the named strategy, or one that uses what is known."""
        from cfplug.plugin.registry import load

        name = self.strategy or (FOLD_IN if self.described else "")
        if not name:
            return model
        return model.with_cold_start(name, registry=load(folders))

    def newcomers(self, model: FittedModel, user: object) -> Newcomers | None:
        """Return the new user, called `user`; None if nothing is known."""
        if not self.described:
            return None
        return model.newcomers_from_files(self.ratings, self.metadata, user)


def new_user_options(command: Command) -> Command:
    """Add --ratings, --metadata and --cold-start, given to the command as one NewUser `new`."""

    @functools.wraps(command)
    def with_new_user(**given: Any) -> None:
        ratings = given.pop("ratings")
        metadata = given.pop("metadata")
        new = NewUser(ratings, metadata, given.pop("strategy"))
        command(new=new, **given)

    strategy_option = click.option(
        "--cold-start", "strategy", metavar="NAME", help="Use this strategy for new users."
    )
    ratings_option = click.option(
        "--ratings",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Read a new user's ratings: item, rating, user.",
    )
    return ratings_option(metadata_option(strategy_option(with_new_user)))


asking_option = click.option(
    "--cold-start", "named", metavar="NAME", help="Ask by this strategy; interview by default."
)
count_option = click.option(
    "-n", "count", default=10, show_default=True, type=click.IntRange(1), help="Return N items."
)


def _use(name: str, sets: Sequence[str], folders: Sequence[Path]) -> Use[ColdStart]:
    """Return the cold-start strategy called `name`."""
    from cfplug.plugin.registry import load
    from cfplug.recipe.parser import read_use

    return read_use("cold-start", name, set=sets, registry=load(folders))


def model_of(run: Path, name: str | None, folders: Sequence[Path]) -> FittedModel:
    """Return the model of this name in the run folder, or its first."""
    from cfplug.runs.storage import open_run

    opened = open_run(run, plugins_dir=folders)
    with naming():
        return opened.find(name) if name else opened.model


@click.command()
@of_run
@click.option(
    "-n", "count", default=5, show_default=True, type=click.IntRange(1), help="Ask N questions."
)
@asking_option
@click.option("--out", type=click.Path(path_type=Path), help="Write a CSV file; print nothing.")
@overrides
@json_option
@plugins_dir
def questions(
    run: Path,
    name: str | None,
    count: int,
    named: str | None,
    out: Path | None,
    sets: Sequence[str],
    as_json: bool,
    folders: Sequence[Path],
) -> None:
    """List the most informative items to ask a new user about.

    The list is the same for all users, such as a form to fill in. A strategy that depends on
    answers asks as if each were "not seen"; `cfplug newcomer` uses the real ones.
    """
    with printing_aside():
        from cfplug.prediction.interview import questionnaire

        model = model_of(run, name, folders)
        fixed = () if named or sets else (FIXED_LIST,)
        use = _use(named or INTERVIEW, (*sets, *fixed), folders)
        form = questionnaire(model, use).table(count)
    put(form, out, as_json, "questions")


@click.command()
@of_run
@click.option(
    "--questions",
    "most",
    default=10,
    show_default=True,
    type=click.IntRange(1),
    help="Ask at most N questions.",
)
@count_option
@asking_option
@metadata_option
@overrides
@plugins_dir
def newcomer(
    run: Path,
    name: str | None,
    most: int,
    count: int,
    named: str | None,
    metadata: Mapping[str, str],
    sets: Sequence[str],
    folders: Sequence[Path],
) -> None:
    """Interview a new user and recommend items, with RUN.

    Each answer is a rating, nothing for an item that was not seen, or q to stop asking.
    """
    import pandas as pd

    with printing_aside():
        from cfplug.prediction.interview import questionnaire

        use = _use(named or INTERVIEW, sets, folders)
        form = questionnaire(model_of(run, name, folders), use)
        model = form.model
        user = model.new_user()
        known = pd.DataFrame({"user": [user], **{key: [value] for key, value in metadata.items()}})
        model.newcomers(users=known)  # reports wrong metadata before the first question
    answers = _answers(form, most)
    ratings = pd.DataFrame(answers.items(), columns=["item", "rating"])
    ratings = ratings.astype({"rating": float}).assign(user=user)
    newcomers = model.newcomers(users=known, ratings=ratings if len(ratings) else None)
    click.echo(f"\n{_summary(answers)}\n")
    print_frame(model.recommend(user, count, newcomers=newcomers), False)


def _summary(answers: Mapping[Any, float | None]) -> str:
    if not answers:
        return "You answered no question; these are for an average user:"
    seen = sum(rating is not None for rating in answers.values())
    return f"You rated {seen} of {len(answers)} items. For you:"


def _answers(form: Questionnaire, most: int) -> dict[Any, float | None]:
    """Return the answers of the person at the terminal, until there are `most`, or they stop."""
    vocabulary, scale = form.model.catalogue.item, form.model.scale
    low, high = (scale.low, scale.high) if scale else (float("-inf"), float("inf"))
    click.echo(
        f"Rate from {low:g} to {high:g}; press Enter for what you have not seen, {STOP} to stop.\n"
    )
    answers: dict[Any, float | None] = {}
    while len(answers) < most:
        item = form.next(answers)
        if item is None:
            break
        label = vocabulary.label(vocabulary.find(item))
        text = _answer(f"{len(answers) + 1}. {label}", low, high)
        if text == STOP:
            break
        answers[item] = float(text) if text else None
    return answers


def _answer(question: str, low: float, high: float) -> str:
    """Return a rating on the scale as text, an empty text, or STOP; ask again for others."""
    while True:
        try:
            text = str(click.prompt(question, default="", show_default=False)).strip()
        except click.Abort:  # the end of the input, or Ctrl-C
            click.echo()
            return STOP
        if text in ("", STOP):
            return text
        try:
            if low <= float(text) <= high:
                return text
        except ValueError:
            pass
        click.echo(f"   expected a rating from {low:g} to {high:g}, got {text!r}.")
