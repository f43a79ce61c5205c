"""The kinds of component, what a plugin declares of each, and the exact signature of its functions.

A component is a frozen attrs class of parameters and one function. A declaration names the
function as text, `"package.module:function"`, so that a manifest imports nothing heavy; a short
plugin may give the function itself. It is imported when it is first used.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import attrs
from attrs import field, frozen

from cfplug.errors import PluginError, did_you_mean
from cfplug.params import NoParams, check_parameters

if TYPE_CHECKING:
    import numpy as np

FunctionName = str | Callable[..., Any]

CAPABILITIES = ("embeddings", "biases", "terms", "vectors")
"""What a model may declare that it gives, beside predictions."""

DISTRIBUTION = "distribution"
"""What a loss may declare that it gives: how likely each rating level is."""

DEVIATION = "deviation"
"""What a cold-start strategy may declare that it gives: how far a rating may lie from its prediction."""

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def _texts(values: str | Iterable[str]) -> tuple[str, ...]:
    return (values,) if isinstance(values, str) else tuple(values)


def _kebab(_instance: object, attribute: attrs.Attribute[str], value: object) -> None:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError(
            f"{attribute.name}: must be a kebab-case noun such as `item-mean`; is {value!r}"
        )


def _of(
    *capabilities: str,
) -> Callable[[object, attrs.Attribute[tuple[str, ...]], tuple[str, ...]], None]:
    def check(
        _instance: object, attribute: attrs.Attribute[tuple[str, ...]], value: tuple[str, ...]
    ) -> None:
        for word in value:
            if word not in capabilities:
                guess = did_you_mean(word, capabilities)
                raise ValueError(f"{attribute.name}: no capability called {word!r}{guess}")

    return check


def _ordered(
    _instance: object,
    attribute: attrs.Attribute[tuple[float, float] | None],
    value: tuple[float, float] | None,
) -> None:
    if value is not None and not (len(value) == 2 and value[0] < value[1]):
        raise ValueError(f"{attribute.name}: expected (lowest, highest), got {value!r}")


def _parameter_class(_instance: object, _attribute: object, value: object) -> None:
    if not isinstance(value, type) or not attrs.has(value) or not _is_frozen(value):
        raise ValueError(f"params: must be a frozen attrs class; is {value!r}")


def _is_frozen(cls: type) -> bool:
    """Whether nothing of an object of `cls` can be set: `define`, too, writes a `__setattr__`, one that sets."""
    try:
        object.__new__(cls).__setattr__("a_field_of_nobody", None)
    except attrs.exceptions.FrozenError:
        return True
    except AttributeError:
        return False
    return False


@frozen
class Component:
    """What every declaration has: a name, a frozen attrs class of parameters, and a line of help.

    Use one of the seven kinds below.
    """

    signatures: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    reserved: ClassVar[tuple[str, ...]] = ("use", "name")
    """Keys of its entries in a recipe, which therefore cannot be names of parameters."""

    name: str = field(validator=_kebab)
    params: type = field(default=NoParams, validator=_parameter_class)
    help: str = field(default="", kw_only=True)

    def __attrs_post_init__(self) -> None:
        self._check_params()
        for verb, expected in self.signatures.items():
            function = getattr(self, verb)
            if callable(function):
                _check_signature(function, verb, expected)
            elif function is not None and not _TARGET.fullmatch(str(function)):
                raise ValueError(
                    f"{verb}: must look like `package.module:function`; is {function!r}"
                )

    def _check_params(self) -> None:
        for each in attrs.fields(self.params):
            if each.name in self.reserved:
                owner = self.params.__name__
                raise ValueError(
                    f"params: {each.name} is a key of recipes and cannot be a parameter of {owner}"
                )
        try:
            check_parameters(self.params)
        except ValueError as error:
            raise ValueError(f"params: {self.params.__name__}.{error}") from None

    @property
    def summary(self) -> str:
        """One line on what the component is: its help, or the first line of its parameters' docstring."""
        return self.help or (inspect.getdoc(self.params) or "").partition("\n")[0]

    def function(self, verb: str) -> Callable[..., Any]:
        """The function that the declaration names for `verb`, imported now; PluginError if it cannot be."""
        target = getattr(self, verb)
        if target is None:
            raise PluginError(f"{self.name} declares no {verb}")
        if callable(target):
            return target  # type: ignore[no-any-return]
        module, _, name = target.partition(":")
        function = _import(module, name, f"{self.name}: {verb}={target!r}")
        _check_signature(function, verb, self.signatures[verb])
        return function


def _import(module: str, name: str, owner: str) -> Callable[..., Any]:
    try:
        loaded = importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = error.name or module
        ours = missing == module or module.startswith(f"{missing}.") or "." in missing
        advice = "" if ours else f" (python -m pip install {missing})"
        raise PluginError(f"{owner}: no module called {missing}{advice}") from error
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"{owner}: importing {module} raised {type(error).__name__}: {error}"
        ) from error
    found = getattr(loaded, name, None)
    if found is None:
        raise PluginError(
            f"{owner}: {module} has no function called {name}{did_you_mean(name, vars(loaded))}"
        )
    if not callable(found):
        raise PluginError(f"{owner}: {module}.{name} is no function; it is {found!r}")
    return found  # type: ignore[no-any-return]


def _check_signature(function: Callable[..., Any], verb: str, expected: tuple[str, ...]) -> None:
    try:
        found: tuple[str, ...] = tuple(inspect.signature(function).parameters)
    except ValueError:  # a few functions that are written in C do not tell
        found = ("?",)
    if found != expected:
        name = getattr(function, "__qualname__", repr(function))
        raise PluginError(
            f"{verb}: {name} takes ({', '.join(found)}); expected ({', '.join(expected)})"
        )


@frozen
class Source(Component):
    """Ratings and the tables about users and items.

    `read(params, context) -> Dataset`
    """

    signatures = {"read": ("params", "context")}
    read: FunctionName = field(kw_only=True)


@frozen
class SplitMethod(Component):
    """Which rows train and which validate.

    `split(dataset, params, context) -> Split`, or a mapping of at least one name to a Split: folds,
    such as u1 to u5, on each of which every model is trained and measured anew. A fold's name is
    text that can name a folder."""

    signatures = {"split": ("dataset", "params", "context")}
    split: FunctionName = field(kw_only=True)


@frozen
class Model(Component):
    """Something that learns to predict ratings; either by gradient or by itself.

    By gradient: `build(params, spec) -> torch.nn.Module`, whose `forward(batch)` gives raw outputs
    of shape (n, spec.n_outputs) for `batch.user` and `batch.item`, codes of shape (n,). By itself:
    `fit(params, train, context)` gives a predictor with `predict(batch) -> (n,) ratings` and
    `state() -> {name: array}`, and `restore(params, state)` gives that predictor again.

    `provides` lists what else it has: `embeddings` (a method `embeddings(side) -> (n_ids,
    factors)`, with side "user" or "item"), `biases` (`biases(side) -> (n_ids,)`), `terms`
    (`terms(batch) -> {name: (n,)}`, which sum to the one raw output of each pair, or to its rating
    where the model fits itself; one called `mean` is where an explanation starts), `vectors`
    (`vectors(side) -> (n_ids, width)`: all that was learned of each id alone, such as factors and
    bias; and where `batch.vector(side)` is not None it stands in their place, shape (n, width), so
    that a newcomer can have a vector too).

    With `uses_features` a model that learns by gradient finds the recipe's features in
    `spec.features` and, of each rating, in `batch.context`. Where `batch.context` also holds the
    array of a user's or item's feature, by its name, that takes the place of what `feature.table`
    says: so a model can be asked what it would say of somebody else. One that fits itself finds
    those of users and items in `train.features`, each with its `table`, a row for each code; what
    it needs of them later it keeps in its state."""

    signatures = {
        "build": ("params", "spec"),
        "fit": ("params", "train", "context"),
        "restore": ("params", "state"),
    }
    reserved = (*Component.reserved, "loss", "train", "features")
    build: FunctionName | None = field(default=None, kw_only=True)
    fit: FunctionName | None = field(default=None, kw_only=True)
    restore: FunctionName | None = field(default=None, kw_only=True)
    provides: tuple[str, ...] = field(
        default=(), kw_only=True, converter=_texts, validator=_of(*CAPABILITIES)
    )
    uses_features: bool = field(default=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        Component.__attrs_post_init__(self)
        if (self.build is None) == (self.fit is None):
            raise ValueError(
                "a model declares either build (it learns by gradient) or fit (it fits itself)"
            )
        if (self.fit is None) != (self.restore is None):
            raise ValueError("a model that fits itself declares fit and restore, any other neither")

    @property
    def learns_by_gradient(self) -> bool:
        return self.build is not None


@frozen
class Loss(Component):
    """A head and an objective for models that learn by gradient.

    `build(params, scale)` gives a `torch.nn.Module` with `n_outputs`, `loss(outputs, rating) ->
    scalar` and `decode(outputs) -> (n,) ratings` for outputs of shape (n, n_outputs); with
    `provides=("distribution",)` also `distribution(outputs) -> (n, n_levels)`. `needs_levels` says
    that the data must have rating levels. A head with an int attribute `per_user` gets so many
    numbers of each user, learned from zero, after the model's outputs, which then have the shape
    (n, n_outputs + per_user)."""

    signatures = {"build": ("params", "scale")}
    build: FunctionName = field(kw_only=True)
    provides: tuple[str, ...] = field(
        default=(), kw_only=True, converter=_texts, validator=_of(DISTRIBUTION)
    )
    needs_levels: bool = field(default=False, kw_only=True)


@frozen
class Metric(Component):
    """One number on how good predictions are.

    `score(params, truth, prediction) -> float`, where `truth` holds the ratings and
    `prediction.rating` the predicted ones, both of shape (n,); a metric that `requires`
    "distribution" finds it in `prediction.distribution`, shape (n, n_levels). `Predictions` says
    what else is there. A report shows `formula` and `unit` to those who ask what the number means.
    No interval of the metric goes beyond `range`, its lowest and highest value.
    """

    signatures = {"score": ("params", "truth", "prediction")}
    score: FunctionName = field(kw_only=True)
    lower_is_better: bool = field(default=True, kw_only=True)
    range: tuple[float, float] | None = field(default=None, kw_only=True, validator=_ordered)
    formula: str = field(default="", kw_only=True)
    unit: str = field(default="", kw_only=True)
    requires: tuple[str, ...] = field(
        default=(), kw_only=True, converter=_texts, validator=_of(*CAPABILITIES, DISTRIBUTION)
    )


@frozen
class ColdStart(Component):
    """Answers for users and items that training never saw.

    `adapt(params, fitted, newcomers, context)` gives an object with `predict(pairs) -> (n,)
    ratings`, where `pairs` is a table with the columns user and item, raw ids; with
    `provides=("distribution",)` also `distribution(pairs) -> (n, n_levels)`. `origin` is the word
    that labels its predictions; `requires` lists what a model must give for it to work.

    What `adapt` gives may also have `origins(pairs) -> (n,)`, a word for each prediction in the
    place of `origin`. With `provides=("deviation",)` it has `deviation(pairs) -> (n,)`: the
    standard deviation of each rating given what is known. With `ask` the strategy also interviews
    new users: `ask(params, fitted, context)` gives an object with `next(answers)`, the id of the
    item to ask about next, or None; `answers` maps the items asked about so far to a rating, or to
    None for one that was not seen. `newcomers.ratings` has such an answer as a missing rating."""

    signatures = {
        "adapt": ("params", "fitted", "newcomers", "context"),
        "ask": ("params", "fitted", "context"),
    }
    adapt: FunctionName = field(kw_only=True)
    ask: FunctionName | None = field(default=None, kw_only=True)
    origin: str = field(default="mean", kw_only=True)
    provides: tuple[str, ...] = field(
        default=(), kw_only=True, converter=_texts, validator=_of(DISTRIBUTION, DEVIATION)
    )
    requires: tuple[str, ...] = field(
        default=(), kw_only=True, converter=_texts, validator=_of(*CAPABILITIES, DISTRIBUTION)
    )


@frozen
class Analyzer(Component):
    """A section of the report.

    `analyze(params, fitted, context) -> Section`; `requires` lists what a model must give for it.
    `fitted` is the `FittedModel`, whose `evidence` holds the data, its split and the predictions
    for the ratings that were held out. With `once` it tells more of the data than of a model and
    runs for the recipe's first model alone."""

    signatures = {"analyze": ("params", "fitted", "context")}
    reserved = (*Component.reserved, "models")
    analyze: FunctionName = field(kw_only=True)
    once: bool = field(default=False, kw_only=True)
    requires: tuple[str, ...] = field(
        default=(), kw_only=True, converter=_texts, validator=_of(*CAPABILITIES, DISTRIBUTION)
    )


KINDS: Mapping[str, type[Component]] = {
    "source": Source,
    "split": SplitMethod,
    "model": Model,
    "loss": Loss,
    "metric": Metric,
    "cold-start": ColdStart,
    "analyzer": Analyzer,
}
"""The seven kinds by name."""


class Progress(Protocol):
    """How a step says how far it is: the part done (0 to 1, or None if unknown) and a few words."""

    def __call__(self, done: float | None, message: str) -> None: ...


@frozen(eq=False)
class Context:
    """What any step may need and nothing more.

    `seed` is the recipe's own number, `rng` a generator spawned from it for this step alone,
    `device` a torch device as text, `scratch` a folder that is removed after the run, `progress`
    and `say` what a person is told while the step works."""

    seed: int
    rng: np.random.Generator
    device: str
    scratch: Path
    progress: Progress
    say: Callable[[str], None]
