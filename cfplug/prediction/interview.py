"""Ask new users about items, by a cold-start strategy that interviews."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import pandas as pd
from attrs import frozen

from cfplug.errors import CapabilityError, PluginError
from cfplug.plugin.components import ColdStart
from cfplug.prediction.policy import quiet_context, with_strategy
from cfplug.recipe.recipe import Use

if TYPE_CHECKING:
    from cfplug.prediction.fitted_model import FittedModel


class Interview(Protocol):
    """What `ask` of a cold-start strategy gives."""

    def next(self, answers: Mapping[Any, float | None]) -> Any:
        """Return the id of the item to ask about next; None if there is none left.

        Args:
            answers: The answer to each question so far: a rating, or None for "not seen".
        """


@frozen(eq=False)
class Questionnaire:
    """The questions of an interview with new users of one model.

    The answers are ratings: pass them to `FittedModel.newcomers` of `model`, which answers with the
    strategy that asks.
    """

    model: FittedModel
    interview: Interview

    def next(self, answers: Mapping[Any, float | None]) -> Any:
        """Return the id of the item to ask about next; None if there is none left.

        Args:
            answers: The answer to each question so far: a rating, or None for "not seen".

        Raises:
            PluginError: The strategy asks about an item again, or about one without ratings.
        """
        item = self.interview.next(dict(answers))
        if item is None:
            return None
        if item in answers:
            raise PluginError(f"the interview asks about {item!r} again")
        code = self.model.catalogue.item.encode([item])
        if not self.model.support.trained("item", code).all():
            raise PluginError(f"the interview asks about {item!r}, which has no training rating")
        return item

    def conversation(
        self, answer: Callable[[Any], float | None], most: int
    ) -> Iterator[tuple[Any, float | None]]:
        """Yield at most `most` questions with their answers.

        Args:
            answer: Gives the rating of an item, None for "not seen".
            most: How many questions to ask at most.

        Raises:
            PluginError: As `next`.
        """
        answers: dict[Any, float | None] = {}
        while len(answers) < most:
            item = self.next(answers)
            if item is None:
                return
            answers[item] = answer(item)
            yield item, answers[item]

    def table(self, n: int = 5) -> pd.DataFrame:
        """Return a form with the first `n` questions, as if each answer were "not seen".

        Returns:
            The columns question, item, label, ratings (how many of the item training saw) and
            rating, which is empty.
        """
        asked = self.conversation(lambda item: None, n)
        items = pd.Series([item for item, _ in asked], dtype=object)
        vocabulary = self.model.catalogue.item
        codes = vocabulary.encode(items)
        return pd.DataFrame(
            {
                "question": range(1, len(items) + 1),
                "item": items,
                "label": [vocabulary.label(code) for code in codes],
                "ratings": self.model.support.count["item"][codes],
                "rating": "",
            }
        )


def questionnaire(model: FittedModel, use: Use[ColdStart]) -> Questionnaire:
    """Return the questions that the strategy `use` asks, and the model that answers with it.

    Raises:
        CapabilityError: The strategy asks no questions, or does not fit the model.
    """
    adapted = with_strategy(model, use)
    component = use.component
    if component.ask is None:
        raise CapabilityError(
            f"{use.name} asks no questions; use interview (cfplug list cold-starts)"
        )
    ask = component.function("ask")
    return Questionnaire(adapted, ask(use.params, adapted, quiet_context(model.seed)))
