"""Why the model predicts what it does for one user and one item."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cfplug import Chart, Section, Table

if TYPE_CHECKING:
    import pandas as pd

    from cfplug import Context, FittedModel
    from cfplug.prediction.explanation import Explanation
    from cfplug_insight import Explain

IN_WORDS, LONGEST = 3, 20
"""How many parts the sentence tells one by one, and how long a value may be to stand beside a bar."""

FACTOR = "factor "
"""How the name of a term begins that is a product of two factors."""

EXACT = "These parts are exact: they come from the very numbers that the model adds up."
FACTORS = (
    " A factor is a direction of taste that the model found by itself, and nobody told it what it means; its part is "
    "above zero where what the user likes and what the item has go the same way."
)
ASKED = (
    "This model has no sum that could be taken apart. So it was asked again and again what it would say if one thing "
    "after the other were as in another rated pair. An interval tells how sure the mean of its answers is, not how "
    "good the model is."
)


def explain(params: Explain, fitted: FittedModel, context: Context) -> Section:
    """The parts of one prediction as a chart and a table, and the user's ratings of the items most like this one."""
    title = f"One prediction of {fitted.name}, taken apart"
    users, items = fitted.catalogue.user, fitted.catalogue.item
    user = (
        users.find(params.user)
        if params.user is not None
        else int(fitted.support.count["user"].argmax())
    )
    given = _circumstances(fitted, users.ids[user])
    item = items.find(params.item) if params.item is not None else _recommended(fitted, user, given)
    for side, vocabulary, code in (("user", users, user), ("item", items, item)):
        if fitted.support.count[side][code] == 0:
            name = vocabulary.label(code)
            return Section(
                title,
                f"Training saw no rating of the {side} {name}, so there is nothing to take apart.",
            )
    found = fitted.explain(users.ids[user], items.ids[item], context=given, seed=context.seed)
    rated = _rated_like(fitted, users.ids[user], items.ids[item])
    text = [_in_words(fitted.name, found), _way(found), *_said(rated, found, params.show)]
    if given:
        asked = ", ".join(f"{name} is {value}" for name, value in given.items())
        text.append(
            f"The model also looks at how a rating came about; here {asked}, as in the user's last one."
        )
    return Section(
        title,
        text,
        [found.table(params.show), *_ratings(rated, found, params.show)],
        _chart(found, params),
    )


def _circumstances(fitted: FittedModel, user: int | str) -> dict[str, Any]:
    """What the model looks at beside the time of a rating, as it was in the user's last training rating."""
    needs = [
        name for name in (fitted.features.needs() if fitted.features else ()) if name != "time"
    ]
    if not needs:
        return {}
    train = fitted.evidence.train
    own = train[train["user"] == user]
    return {name: (own if len(own) else train)[name].iloc[-1] for name in needs}


def _recommended(fitted: FittedModel, user: int, given: dict[str, Any]) -> int:
    """The item that the model recommends first of those that training saw; the most rated one if none is left."""
    count = fitted.support.count["item"]
    left = count > 0 if fitted.policy is None else np.ones(len(count), dtype=bool)
    left[fitted.catalogue.rated_by(user)] = False
    if (left & (count > 0)).any():
        best = fitted.recommend(fitted.catalogue.user.ids[user], int(left.sum()), context=given)
        return int(
            fitted.catalogue.item.encode(best.loc[best["origin"] == "warm", "item"].head(1))[0]
        )
    return int(count.argmax())


def _way(found: Explanation) -> str:
    """How the parts came about."""
    if not found.exact:
        return ASKED
    return EXACT + (FACTORS if any(part.name.startswith(FACTOR) for part in found.parts) else "")


def _in_words(model: str, found: Explanation) -> str:
    """The sum as a sentence, in hundredths of a rating point that add up as they stand."""
    base, prediction, (user, item) = round(found.base, 2), round(found.prediction, 2), found.labels
    said = f"{model} predicts {prediction:.2f} for {user} and {item}"
    parts = _few(found)
    if not parts:
        return f"{said}, {found.reasons.start}; nothing else plays a part."
    moves = _hundredths([move for _, _, move in parts], prediction - base)
    told = ", ".join(
        _move(name, value, move) for (name, value, _), move in zip(parts, moves, strict=True)
    )
    signed = "".join(f" {'+' if move >= 0 else '-'} {abs(move):.2f}" for move in moves)
    return f"{said}. It starts from {base:.2f}, {found.reasons.start}; {told}: {base:.2f}{signed} = {prediction:.2f}."


def _few(found: Explanation) -> list[tuple[str, str, float]]:
    """Name, value and contribution of the largest parts and of the others as one; of all factors as one."""
    factors = [part.contribution for part in found.parts if part.name.startswith(FACTOR)]
    if len(factors) < 2:
        return [(part.name, part.value, part.contribution) for part in found.shortened(IN_WORDS)]
    named = [
        (part.name, part.value, part.contribution)
        for part in found.parts
        if not part.name.startswith(FACTOR)
    ]
    return [*named, (f"the {len(factors)} factors together", "", sum(factors))]


def _move(name: str, value: str, move: float) -> str:
    """What one part does, in words: `user.age (24) adds 0.13`."""
    several = name.startswith("the ")
    verb = ("add" if several else "adds") if move >= 0 else ("take off" if several else "takes off")
    shown = f" ({value})" if value and not name.endswith(" bias") else ""
    return f"{name}{shown} {verb} {abs(move):.2f}"


def _hundredths(numbers: Sequence[float], total: float) -> list[float]:
    """`numbers` cut or raised to whole hundredths whose sum is `total`: those are raised that are nearest to it."""
    cents = 100 * np.array(numbers)
    low = np.floor(cents)
    raised = np.argsort(low - cents, kind="stable")[: max(round(100 * total - float(low.sum())), 0)]
    low[raised] += 1
    return [float(cent) / 100 for cent in low]


def _chart(found: Explanation, params: Explain) -> list[Chart]:
    if not found.parts:
        return []
    rows = [
        (_name(part.name, part.value), round(part.contribution, 3) + 0.0, part.value)
        for part in found.shortened(params.show)
    ]
    columns, user_and_item = ("part", "rating points", "value"), " and ".join(found.labels)
    title = f"What moves the prediction for {user_and_item}"
    return [Chart(title, "bar", columns, rows, x="rating points", y="part", reference="zero")]


def _name(name: str, value: str) -> str:
    return f"{name}: {value}" if 0 < len(value) <= LONGEST else name


def _rated_like(fitted: FittedModel, user: int | str, item: int | str) -> pd.DataFrame | None:
    """The user's training ratings, those first whose items are most like `item`; None where no factors tell.

    The columns are label, rating and similarity.
    """
    if "embeddings" not in fitted.provides:
        return None
    train = fitted.evidence.train
    rated = fitted.rated(user, like=item)
    learned = rated["item"].isin(train.loc[train["user"] == user, "item"])
    return rated.loc[learned, ["label", "rating", "similarity"]]


def _said(rated: pd.DataFrame | None, found: Explanation, show: int) -> list[str]:
    if rated is None:
        return []
    user, item = found.labels
    if rated.empty:
        return [f"Training has no rating of {user} for another item, to set beside {item}."]
    return [
        f"What {user} gave to those rated items that are most like {item}, {len(rated.head(show))} of them, is "
        f"{rated['rating'].head(show).mean():.2f} on average; over all {len(rated):,} ratings in training it is "
        f"{rated['rating'].mean():.2f}."
    ]


def _ratings(rated: pd.DataFrame | None, found: Explanation, show: int) -> list[Table]:
    if rated is None or rated.empty:
        return []
    user, item = found.labels
    shown = rated.head(show).itertuples(index=False)
    rows = [
        (str(label), float(rating), round(float(alike), 3) + 0.0) for label, rating, alike in shown
    ]
    return [
        Table(
            f"Ratings of {user} for items like {item}",
            ("item", "rating", "cosine similarity"),
            rows,
        )
    ]
