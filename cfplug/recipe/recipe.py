"""Define a recipe that can be run: every name found, parameter checked and default filled in."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from typing import Any, Generic, TypeVar, cast

from attrs import field, frozen
from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from cfplug.errors import ParameterError, Place, is_one_line, shown
from cfplug.params import NoParams, number_words, param, plain
from cfplug.plugin.components import (
    DISTRIBUTION,
    Analyzer,
    ColdStart,
    Component,
    Loss,
    Metric,
    Model,
    Source,
    SplitMethod,
)
from cfplug.recipe.settings import FeatureChoice, TrainSettings

DEVICES = ("auto", "cpu", "cuda", "mps")

DEFAULT_SEED = 42

PARTS = ("valid", "test")

ERROR = "error"
"""The policy for unknown ids that raises; any other is the name of a cold-start strategy."""

T = TypeVar("T", bound=Component, covariant=True)


MEMORY = "memory"
"""The source of data that is given from Python: no plugin's, so a recipe alone cannot read it."""


@frozen
class Use(Generic[T]):
    """A component that the recipe names, with its parameters.

    `place` is where the recipe names it, `title` the plugin that declares it.
    """

    name: str
    full_name: str
    component: T = field(eq=False)
    params: Any
    title: str = field(eq=False)
    place: Place = field(eq=False)

    def resolved(self, *, named: bool = False) -> dict[str, Any]:
        """Return the entry with every default filled in."""
        head = {"name": self.name} if named else {}
        return {**head, "use": self.full_name, **plain(self.params)}


def memory_use(place: Place) -> Use[Source]:
    """Return what a recipe has as `data` when the data is given from Python."""
    source = Source(MEMORY, read="cfplug.runs.memory:dataset_of")
    return Use(MEMORY, MEMORY, source, NoParams(), "cfplug", place)


@frozen
class ModelUse:
    """One entry of `models`. A model that fits itself has neither loss nor train settings.

    `features` is None for a model that uses none.
    """

    use: Use[Model]
    loss: Use[Loss] | None
    train: TrainSettings | None
    features: FeatureChoice | None = None

    @property
    def name(self) -> str:
        return self.use.name

    @property
    def model(self) -> Model:
        return self.use.component

    def lack(self, requires: Iterable[str]) -> str:
        """Return the first of `requires` that neither the model nor its loss provides, in words.

        The words are empty if both together provide everything.
        """
        provides = self.model.provides
        owner = "which fits itself"
        if self.loss is not None:
            provides += self.loss.component.provides
            owner = f"with the loss {self.loss.name}"
        for need in requires:
            if need not in provides:
                words = f"a {need}" if need == DISTRIBUTION else need
                return f"{words}, and the model {self.name}, {owner}, gives none"
        return ""

    def resolved(self) -> dict[str, Any]:
        """Return the entry with every default filled in."""
        entry = self.use.resolved(named=True)
        if self.loss is not None:
            entry |= {"loss": self.loss.resolved(), "train": plain(self.train)}
        if self.features is not None:
            entry["features"] = plain(self.features)
        return entry


@frozen
class AnalyzerOptions:
    """What an entry of `analyzers` may have in addition to its component's parameters."""

    models: tuple[str, ...] = param(
        (), help="the names of the models that it analyzes; all if none is named"
    )


@frozen
class AnalyzerUse:
    """One entry of `analyzers`, and the names of the models that it analyzes."""

    use: Use[Analyzer]
    models: tuple[str, ...]
    named: bool = field(eq=False, default=False)

    @property
    def name(self) -> str:
        return self.use.name

    def looks_at(self, model: str) -> bool:
        """Return whether it analyzes `model`; one that runs once analyzes the first model only."""
        models = self.models[:1] if self.use.component.once else self.models
        return model in models

    def resolved(self) -> dict[str, Any]:
        """Return the entry with every default filled in."""
        entry = self.use.resolved(named=True)
        return {**entry, "models": list(self.models)} if self.named else entry


def _check_one_line(name: str, text: str) -> None:
    if not is_one_line(text.strip()):
        raise ParameterError(name, f"must be one line of text; is {shown(text)}")


@frozen
class Claim:
    """A bound that the recipe promises for a metric's mean over seeds and folds."""

    metric: str = param(help="the name of one of the recipe's metrics")
    at_most: float | None = param(None, help="the measured value may not be above this")
    at_least: float | None = param(None, help="the measured value may not be below this")
    model: str = param("", help="the name of the model, where the recipe has several")
    part: str = param("valid", choices=PARTS, help="the part of the split on which it is measured")
    fold: str = param(
        "", help="the fold on which it is measured; the mean over all folds if not given"
    )
    cold_start: str = param(
        "", help="one of the recipe's cold_starts: its rmse on new ids, over all folds and seeds"
    )
    revealed: int = param(
        0, at_least=0, help="with cold_start: the number of revealed ratings, or of questions"
    )
    source: str = param("", help="where the figure was published")

    def __attrs_post_init__(self) -> None:
        if not self.metric:
            raise ParameterError("metric", "must be the name of one of the recipe's metrics; is ''")
        if self.at_most is None and self.at_least is None:
            raise ValueError("a claim needs at_most or at_least")
        if self.at_most is not None and self.at_least is not None:
            advice = "make it a claim of its own"
            raise ParameterError("at_least", f"cannot be given together with at_most; {advice}")
        if self.cold_start and (self.fold or self.part != "valid"):
            where = "the valid part of all folds together"
            raise ParameterError("cold_start", f"is measured on {where}; leave out fold and part")
        if self.revealed and not self.cold_start:
            raise ParameterError("revealed", "needs cold_start, the name of the strategy")
        _check_one_line("source", self.source)

    def met_by(self, measured: float) -> bool:
        """Return whether the measured value keeps the promise."""
        low = -math.inf if self.at_least is None else self.at_least
        high = math.inf if self.at_most is None else self.at_most
        return low <= measured <= high

    def bound(self) -> str:
        """Return the promise in words: `at most 0.8217`."""
        if self.at_most is not None:
            return f"at most {number_words(self.at_most)}"
        return f"at least {number_words(cast(float, self.at_least))}"


@frozen
class Heading:
    """The plain keys of a recipe."""

    title: str = param("", help="what the report is called; the file's name if not given")
    device: str = param("auto", choices=DEVICES, help="where models train")
    seed: int | None = param(
        None,
        at_least=0,
        at_most=2**32 - 1,
        help="the one source of randomness; 42 if neither is given",
    )
    reveal: tuple[int, ...] = param(
        (0, 1, 3, 5, 10),
        at_least=0,
        help="the numbers of revealed ratings of each new id after which cold_starts are measured",
    )
    seeds: tuple[int, ...] | None = param(
        None, at_least=0, at_most=2**32 - 1, help="repeat the whole run once for each"
    )

    def __attrs_post_init__(self) -> None:
        if self.seed is not None and self.seeds is not None:
            raise ParameterError("seeds", "cannot be given together with seed; give one of them")
        if self.seeds is not None and (not self.seeds or len(set(self.seeds)) < len(self.seeds)):
            raise ParameterError(
                "seeds", f"must be different numbers, at least one; is {shown(self.seeds)}"
            )
        if not self.reveal or list(self.reveal) != sorted(set(self.reveal)):
            what = "different numbers in rising order, at least one"
            raise ParameterError("reveal", f"must be {what}; is {shown(self.reveal)}")
        _check_one_line("title", self.title)


KEYS = (
    *("title", "data", "split", "features", "loss", "train", "models", "metrics"),
    *("unknown", "cold_starts", "reveal", "analyzers", "claims", "device", "seed", "seeds"),
)
"""The keys of a recipe, in the order in which a resolved one is written."""


@frozen
class Recipe:
    """A checked recipe, with every default filled in.

    `source` is the file that it was read from, `text` what was read, without overrides.
    """

    title: str
    data: Use[Source]
    split: Use[SplitMethod]
    models: tuple[ModelUse, ...]
    metrics: tuple[Use[Metric], ...]
    unknown: Use[ColdStart] | None
    cold_starts: tuple[Use[ColdStart], ...]
    reveal: tuple[int, ...]
    analyzers: tuple[AnalyzerUse, ...]
    claims: tuple[Claim, ...]
    device: str
    seeds: tuple[int, ...]
    source: str = field(eq=False)
    text: str = field(eq=False, repr=False)

    def tree(self) -> dict[str, Any]:
        """Return the recipe with every default filled in and full names, as plain data."""
        return {
            "title": self.title,
            "data": self.data.resolved(),
            "split": self.split.resolved(),
            "models": [model.resolved() for model in self.models],
            "metrics": [metric.resolved(named=True) for metric in self.metrics],
            "unknown": ERROR if self.unknown is None else self.unknown.resolved(),
            "cold_starts": [strategy.resolved(named=True) for strategy in self.cold_starts],
            "reveal": list(self.reveal),
            "analyzers": [analyzer.resolved() for analyzer in self.analyzers],
            "claims": [plain(claim) for claim in self.claims],
            "device": self.device,
            "seeds": list(self.seeds),
        }

    def resolved(self) -> str:
        """Return `tree` as YAML, which is itself a recipe for the same run."""
        return yaml_text(self.tree())


def yaml_text(tree: dict[str, Any]) -> str:
    """Return plain data as the YAML of a recipe, which reads back as the same data."""
    out = io.StringIO()
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    yaml.width = 2**31  # no line is ever folded
    yaml.dump(_escaped(tree), out)
    return out.getvalue()


def _escaped(value: Any) -> Any:
    """Put every text that is not one line in double quotes.

    ruamel.yaml would fold the line breaks of Unicode away.
    """
    if isinstance(value, dict):
        return {_escaped(key): _escaped(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_escaped(item) for item in value]
    if isinstance(value, str) and not is_one_line(value):
        return DoubleQuotedScalarString(value)
    return value
