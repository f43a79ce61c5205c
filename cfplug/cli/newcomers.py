"""The command line's newcomers: their ratings and metadata, the strategy that answers for them, and an interview."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import rich_click as click
from attrs import frozen

from cfplug.cli.options import Command, json_option, naming, of_run, overrides, plugins_dir
from cfplug.cli.output import print_frame, printing_aside, put
from cfplug.errors import CapabilityError, CfplugError, DataError
from cfplug.plugin.components import ColdStart

if TYPE_CHECKING:
    import pandas as pd

    from cfplug.data.vocabulary import Vocabulary
    from cfplug.evaluation.cold_start import Interview
    from cfplug.plugin.components import Context
    from cfplug.prediction.fitted_model import FittedModel
    from cfplug.prediction.newcomers import Newcomers
    from cfplug.recipe.recipe import Use

FOLD_IN, INTERVIEW = "coldstart/fold-in", "coldstart/interview"
"""Who answers for newcomers, and who asks them, where the command names nobody; full names, which no other can take."""

ON_PAPER = "choose=greedy"
"""A list that is printed cannot depend on answers."""

STOP = "q"


def _pairs_of_text(
    _ctx: click.Context, _param: click.Parameter, given: Sequence[str]
) -> dict[str, str]:
    """key=value,key=value as a table."""
    table = {}
    for text in (each for several in given for each in several.split(",")):
        key, sign, value = text.partition("=")
        if not sign or not key.strip():
            raise click.BadParameter(f"must look like age=34,occupation=engineer; is {text!r}")
        table[key.strip()] = value.strip()
    return table


def metadata_option(command: Command) -> Command:
    words = "What is known of a user whom training never saw, such as age=34,occupation=engineer."
    option = click.option(
        "--metadata", multiple=True, metavar="KEY=VALUE", callback=_pairs_of_text, help=words
    )
    return option(command)


def strategy_option(command: Command) -> Command:
    words = "The strategy that answers for newcomers; the run's own, or fold-in where something is told of them."
    return click.option("--cold-start", "strategy", metavar="NAME", help=words)(command)


def ratings_option(command: Command) -> Command:
    words = "A CSV file with ratings of users whom training never saw: item (id or title), rating, and user if several."
    return click.option("--ratings", type=click.Path(path_type=Path), metavar="FILE", help=words)(
        command
    )


@frozen(eq=False)
class Introduction:
    """What a command is told of newcomers."""

    ratings: Path | None
    metadata: Mapping[str, str]
    strategy: str | None

    def __bool__(self) -> bool:
        return self.ratings is not None or bool(self.metadata)

    def asked(self, model: FittedModel, folders: Sequence[Path]) -> FittedModel:
        """The model with the strategy that is named, or that can use what is told."""
        name = self.strategy or (FOLD_IN if self else "")
        return with_strategy(model, strategy(name, (), folders)) if name else model

    def newcomers(self, model: FittedModel, user: object) -> Newcomers | None:
        """Those that are introduced; what has no user is about `user`."""
        if not self:
            return None
        import pandas as pd

        users = pd.DataFrame(
            {"user": [user], **{name: [value] for name, value in self.metadata.items()}}
        )
        ratings = None if self.ratings is None else _ratings(self.ratings, model, user)
        return model.newcomers(users=users, ratings=ratings)


def strategy(name: str, sets: Sequence[str], folders: Sequence[Path]) -> Use[ColdStart]:
    """The cold-start strategy of this name."""
    from cfplug.plugin.registry import load
    from cfplug.recipe.parser import read_use

    return read_use("cold-start", name, set=sets, registry=load(folders))


def with_strategy(model: FittedModel, use: Use[ColdStart]) -> FittedModel:
    """The model with another policy for ids that training never saw; CapabilityError if the two do not fit."""
    from cfplug.prediction.policy import policy, quiet_context

    missing = [
        need for need in use.component.requires if need not in model.provides
    ]
    if missing:
        raise CapabilityError(
            f"{use.name} needs {missing[0]}, and {model.name} ({model.component}) gives none"
        )
    return attrs.evolve(model, policy=policy(use, quiet_context(model.seed)))


def fresh(vocabulary: Vocabulary) -> int | str:
    """An id that the catalogue does not have."""
    if all(isinstance(each, int) for each in vocabulary.ids):
        return max(map(int, vocabulary.ids), default=0) + 1
    names = (f"newcomer{number or ''}" for number in range(len(vocabulary) + 1))
    return next(name for name in names if name not in vocabulary.ids)


def _ratings(path: Path, model: FittedModel, user: object) -> pd.DataFrame:
    """Ratings from a file, with the ids of the items that are named there."""
    import pandas as pd

    table = read_text_table(path)
    for name in ("item", "rating"):
        if name not in table.columns:
            raise CfplugError(
                f"{path} needs a column called {name}; found {', '.join(table.columns) or 'none'}"
            )
    items, vocabulary = [], model.catalogue.item
    for row, text in enumerate(table["item"]):
        try:
            items.append(vocabulary.ids[vocabulary.find(text)])
        except DataError as error:
            raise CfplugError(f"{path}, row {row + 1}: {error}") from error
    users = table["user"].tolist() if "user" in table.columns else [user] * len(table)
    return table.assign(user=pd.Series(users, dtype=object), item=pd.Series(items, dtype=object))


def read_text_table(path: Path) -> pd.DataFrame:
    """A CSV or Parquet file, CSV cells as text: 007 is no 7, and the catalogue matches 17 and "17" by value."""
    import pandas as pd

    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        return pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as error:
        raise CfplugError(
            f"{path} cannot be read: {getattr(error, 'strerror', None) or error}"
        ) from error


# Interviews


def _interview(model: FittedModel, use: Use[ColdStart]) -> Interview:
    from cfplug.prediction.policy import quiet_context

    component = use.component
    if component.ask is None:
        raise CapabilityError(f"{use.name} asks nothing; interview does (cfplug list cold-starts)")
    context: Context = quiet_context(model.seed)
    interview: Interview = component.function("ask")(use.params, model, context)
    return interview


def model_of(run: Path, name: str | None, folders: Sequence[Path]) -> FittedModel:
    """The model of this name in the run folder, or its first."""
    from cfplug.runs.storage import open_run

    opened = open_run(run, plugins_dir=folders)
    with naming():
        return opened.find(name) if name else opened.model


@click.command()
@of_run
@click.option(
    "-n", "count", default=5, show_default=True, type=click.IntRange(1), help="How many questions."
)
@click.option(
    "--cold-start",
    "named",
    metavar="NAME",
    help="The strategy that asks; interview, with a fixed list.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Write a CSV file instead of printing."
)
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
    """The items that RUN, a run folder, would ask a new user about, the most telling first.

    A list for everybody, such as a form to fill in. A strategy that goes by the answers asks here
    as if each answer were "not seen"; `cfplug newcomer` asks it in earnest."""
    with printing_aside():
        model = model_of(run, name, folders)
        use = strategy(named or INTERVIEW, sets or (() if named else (ON_PAPER,)), folders)
        asked = _asked(model, _interview(with_strategy(model, use), use), count)
    put(asked, out, as_json, "questions")


def _asked(model: FittedModel, interview: Interview, count: int) -> pd.DataFrame:
    """The first questions, as a table with an empty column for the answers."""
    import pandas as pd

    from cfplug.evaluation.cold_start import conversation

    items = [item for item, _ in conversation(model, interview, lambda item: None, count)]
    codes = model.catalogue.item.encode(pd.Series(items, dtype=object))
    return pd.DataFrame(
        {
            "question": range(1, len(items) + 1),
            "item": pd.Series(items, dtype=object),
            "label": [model.catalogue.item.label(code) for code in codes],
            "ratings": model.support.count["item"][codes],
            "rating": "",
        }
    )


@click.command()
@of_run
@click.option(
    "--questions",
    "most",
    default=10,
    show_default=True,
    type=click.IntRange(1),
    help="How many at most.",
)
@click.option(
    "-n",
    "count",
    default=10,
    show_default=True,
    type=click.IntRange(1),
    help="How many recommendations.",
)
@click.option(
    "--cold-start", "named", metavar="NAME", help="The strategy that asks and answers; interview."
)
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
    """Ask a new user about a few items, and recommend some, with RUN, a run folder.

    Each answer is a rating, nothing for an item that was not seen, or q to stop asking.
    """
    import pandas as pd

    with printing_aside():
        use = strategy(named or INTERVIEW, sets, folders)
        model = with_strategy(model_of(run, name, folders), use)
        user = fresh(model.catalogue.user)
        known = pd.DataFrame({"user": [user], **{key: [value] for key, value in metadata.items()}})
        model.newcomers(
            users=known
        )  # what is wrong with the metadata is told before the first question
        interview = _interview(model, use)
    answers = _conversation(model, interview, most)
    told = (
        pd.DataFrame(answers.items(), columns=["item", "rating"])
        .astype({"rating": float})
        .assign(user=user)
    )
    newcomers = model.newcomers(users=known, ratings=told if len(told) else None)
    click.echo(f"\n{_summary(answers)}\n")
    print_frame(model.recommend(user, count, newcomers=newcomers), False)


def _summary(answers: Mapping[Any, float | None]) -> str:
    seen = sum(rating is not None for rating in answers.values())
    if not answers:
        return "You answered nothing; these are for everybody:"
    return f"You rated {seen} of {len(answers)} items. For you:"


def _conversation(model: FittedModel, interview: Interview, most: int) -> dict[Any, float | None]:
    """The answers of the person at the terminal, until there are `most`, or they stop."""
    from cfplug.evaluation.cold_start import question

    vocabulary, answers = model.catalogue.item, dict[Any, float | None]()
    scale = model.scale
    low, high = (scale.low, scale.high) if scale else (float("-inf"), float("inf"))
    click.echo(
        f"Rate from {low:g} to {high:g}; press Enter for what you have not seen, {STOP} to stop.\n"
    )
    while len(answers) < most and (item := question(model, interview, answers)) is not None:
        label = vocabulary.label(vocabulary.find(item))
        answer = _answer(f"{len(answers) + 1}. {label}", low, high)
        if answer == STOP:
            break
        answers[item] = None if answer == "" else float(answer)
    return answers


def _answer(question: str, low: float, high: float) -> str:
    """A rating on the scale as text, an empty text, or STOP; asks again for anything else."""
    while True:
        try:
            text = str(click.prompt(question, default="", show_default=False)).strip()
        except click.Abort:  # the end of what is piped in, or Ctrl-C
            click.echo()
            return STOP
        if text in ("", STOP):
            return text
        try:
            if low <= float(text) <= high:
                return text
        except ValueError:
            pass
        click.echo(f"   {text!r} is no rating from {low:g} to {high:g}.")
