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
"""What a model may provide in addition to predictions."""

DISTRIBUTION = "distribution"
"""What a loss may provide: the probability of each rating level."""

DEVIATION = "deviation"
"""What a cold-start strategy may provide: the standard deviation of each rating."""

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def _strings(values: str | Iterable[str]) -> tuple[str, ...]:
    return (values,) if isinstance(values, str) else tuple(values)


def _kebab(_instance: object, attribute: attrs.Attribute[str], value: object) -> None:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError(
            f"{attribute.name}: must be a kebab-case noun such as `item-mean`; got {value!r}"
        )


def _some_of(
    *capabilities: str,
) -> Callable[[object, attrs.Attribute[tuple[str, ...]], tuple[str, ...]], None]:
    def check(
        _instance: object, attribute: attrs.Attribute[tuple[str, ...]], value: tuple[str, ...]
    ) -> None:
        for name in value:
            if name not in capabilities:
                guess = did_you_mean(name, capabilities)
                raise ValueError(f"{attribute.name}: there is no capability {name!r}{guess}")

    return check


_requirable = _some_of(*CAPABILITIES, DISTRIBUTION)


def _ordered(
    _instance: object,
    attribute: attrs.Attribute[tuple[float, float] | None],
    value: tuple[float, float] | None,
) -> None:
    if value is not None and not (len(value) == 2 and value[0] < value[1]):
        raise ValueError(f"{attribute.name}: expected (lowest, highest), got {value!r}")


def _parameter_class(_instance: object, _attribute: object, value: object) -> None:
    is_frozen = getattr(value, "__setattr__", None) is NoParams.__setattr__
    if not isinstance(value, type) or not attrs.has(value) or not is_frozen:
        raise ValueError(f"params: must be a frozen attrs class; got {value!r}")


@frozen
class Component:
    """A name, a frozen attrs class of parameters, and a line of help.

    Use one of the seven kinds below.
    """

    signatures: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    reserved: ClassVar[tuple[str, ...]] = ("use", "name")
    """Keys of its entries in a recipe, which cannot be names of parameters."""

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
                    f"{verb}: must look like `package.module:function`; got {function!r}"
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
        """Return its help, or the first line of its parameters' docstring."""
        return self.help or (inspect.getdoc(self.params) or "").partition("\n")[0]

    def function(self, verb: str) -> Callable[..., Any]:
        """Return the function that the declaration names for `verb`, imported now.

        Args:
            verb: a key of `signatures`, such as `read`, `build` or `score`.

        Raises:
            PluginError: it is not declared, cannot be imported, or takes other arguments.
        """
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
        is_own = missing == module or module.startswith(f"{missing}.") or "." in missing
        advice = "" if is_own else f" (python -m pip install {missing})"
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
        raise PluginError(f"{owner}: {module}.{name} must be a function; got {found!r}")
    return found  # type: ignore[no-any-return]


def _check_signature(function: Callable[..., Any], verb: str, expected: tuple[str, ...]) -> None:
    try:
        found: tuple[str, ...] = tuple(inspect.signature(function).parameters)
    except ValueError:  # a few functions that are written in C have none
        found = ("?",)
    if found != expected:
        name = getattr(function, "__qualname__", repr(function))
        raise PluginError(
            f"{verb}: {name} takes ({', '.join(found)}); expected ({', '.join(expected)})"
        )


@frozen(kw_only=True)
class Source(Component):
    """Where ratings and the tables about users and items come from.

    `read(params, context) -> Dataset`
    """

    signatures = {"read": ("params", "context")}
    read: FunctionName


@frozen(kw_only=True)
class SplitMethod(Component):
    """Which rows train and which validate.

    `split(dataset, params, context) -> Split`, or a mapping of at least one name to a Split: folds,
    such as u1 to u5, on each of which every model is trained and measured anew. A fold's name must
    be usable as the name of a folder.
    """

    signatures = {"split": ("dataset", "params", "context")}
    split: FunctionName


@frozen(kw_only=True)
class Model(Component):
    """What learns to predict ratings, either by gradient or by itself.

    By gradient: `build(params, spec) -> torch.nn.Module`, whose `forward(batch)` gives raw outputs
    of shape (n, spec.n_outputs) for `batch.user` and `batch.item`, codes of shape (n,). By itself:
    `fit(params, train, context)` gives a predictor with `predict(batch) -> (n,) ratings` and
    `state() -> {name: array}`, and `restore(params, state)` gives that predictor again.

    `provides` lists what else it has: `embeddings` (a method `embeddings(side) -> (n_ids,
    factors)`, with side "user" or "item"), `biases` (`biases(side) -> (n_ids,)`), `terms`
    (`terms(batch) -> {name: (n,)}`, which sum to the one raw output of each pair, or to its rating
    where the model fits itself; one called `mean` is where an explanation starts), `vectors`
    (`vectors(side) -> (n_ids, width)`: all that was learned about each id alone, such as factors
    and bias; where `batch.vector(side)` is not None, shape (n, width), it replaces them, so that
    new users and items can have vectors too).

    With `uses_features` a model that learns by gradient finds the recipe's features in
    `spec.features` and, of each rating, in `batch.context`. Where `batch.context` also holds the
    array of a user's or item's feature, by its name, that replaces `feature.table`: so a model can
    be asked about someone with other metadata. One that fits itself finds the features of users and
    items in `train.features`, each with its `table`, a row for each code; what it needs of them
    later it keeps in its state.
    """

    signatures = {
        "build": ("params", "spec"),
        "fit": ("params", "train", "context"),
        "restore": ("params", "state"),
    }
    reserved = (*Component.reserved, "loss", "train", "features")
    build: FunctionName | None = None
    fit: FunctionName | None = None
    restore: FunctionName | None = None
    provides: tuple[str, ...] = field(
        default=(), converter=_strings, validator=_some_of(*CAPABILITIES)
    )
    uses_features: bool = False

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
        """Return whether the model declares `build`."""
        return self.build is not None


@frozen(kw_only=True)
class Loss(Component):
    """A head and an objective for models that learn by gradient.

    `build(params, scale)` gives a `torch.nn.Module` with `n_outputs`, `loss(outputs, rating) ->
    scalar` and `decode(outputs) -> (n,) ratings` for outputs of shape (n, n_outputs); with
    `provides=("distribution",)` also `distribution(outputs) -> (n, n_levels)`. `needs_levels` says
    that the data must have rating levels. A head with an int attribute `per_user` gets that many
    numbers for each user, learned from zero, after the model's outputs, which then have the shape
    (n, n_outputs + per_user).
    """

    signatures = {"build": ("params", "scale")}
    build: FunctionName
    provides: tuple[str, ...] = field(
        default=(), converter=_strings, validator=_some_of(DISTRIBUTION)
    )
    needs_levels: bool = False


@frozen(kw_only=True)
class Metric(Component):
    """One number on how good predictions are.

    `score(params, truth, prediction) -> float`, where `truth` holds the ratings and
    `prediction.rating` the predicted ones, both of shape (n,); a metric that `requires`
    "distribution" finds it in `prediction.distribution`, shape (n, n_levels). `Predictions` has the
    rest. A report shows `formula` and `unit` to explain the number. No interval of the metric goes
    beyond `range`, its lowest and highest value.
    """

    signatures = {"score": ("params", "truth", "prediction")}
    score: FunctionName
    lower_is_better: bool = True
    range: tuple[float, float] | None = field(default=None, validator=_ordered)
    formula: str = ""
    unit: str = ""
    requires: tuple[str, ...] = field(default=(), converter=_strings, validator=_requirable)


@frozen(kw_only=True)
class ColdStart(Component):
    """What predicts for users and items that training never saw.

    `adapt(params, fitted, newcomers, context)` gives an object with `predict(pairs) -> (n,)
    ratings`, where `pairs` is a table with the columns user and item, raw ids; with
    `provides=("distribution",)` also `distribution(pairs) -> (n, n_levels)`. `origin` labels its
    predictions; `requires` lists what a model must provide for it to work.

    What `adapt` gives may also have `origins(pairs) -> (n,)`, a label for each prediction instead
    of `origin`. With `provides=("deviation",)` it has `deviation(pairs) -> (n,)`: the
    standard deviation of each rating given what is known. With `ask` the strategy also interviews
    new users: `ask(params, fitted, context)` gives an object with `next(answers)`, the id of the
    item to ask about next, or None; `answers` maps the items asked about so far to a rating, or to
    None for one that was not seen. `newcomers.ratings` has such an answer as a missing rating.
    """

    signatures = {
        "adapt": ("params", "fitted", "newcomers", "context"),
        "ask": ("params", "fitted", "context"),
    }
    adapt: FunctionName
    ask: FunctionName | None = None
    origin: str = "mean"
    provides: tuple[str, ...] = field(
        default=(), converter=_strings, validator=_some_of(DISTRIBUTION, DEVIATION)
    )
    requires: tuple[str, ...] = field(default=(), converter=_strings, validator=_requirable)


@frozen(kw_only=True)
class Analyzer(Component):
    """A section of the report.

    `analyze(params, fitted, context) -> Section`; `requires` lists what a model must provide for
    it. `fitted` is the `FittedModel`, whose `evidence` holds the data, its split and the
    predictions for the ratings that were held out. With `once` it is about the data rather than a
    model, and runs for the recipe's first model alone.
    """

    signatures = {"analyze": ("params", "fitted", "context")}
    reserved = (*Component.reserved, "models")
    analyze: FunctionName
    once: bool = False
    requires: tuple[str, ...] = field(default=(), converter=_strings, validator=_requirable)


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
    """Report the part of a step that is done, 0 to 1 or None if unknown, with a short message."""

    def __call__(self, done: float | None, message: str) -> None: ...


@frozen(eq=False)
class Context:
    """What any step may need and nothing more.

    `seed` is the recipe's own number, `rng` a generator spawned from it for this step alone,
    `device` a torch device as text, `scratch` a folder that is removed after the run. `progress`
    and `say` report to the user while the step works.
    """

    seed: int
    rng: np.random.Generator
    device: str
    scratch: Path
    progress: Progress
    say: Callable[[str], None]
