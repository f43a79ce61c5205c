"""YAML text -> a checked, frozen Recipe. Checking is total: every problem in one pass, in the order of the text."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import attrs
from attrs import field, frozen
from ruamel.yaml import YAML

from cfplug.components import Component, Loss, Metric, Model
from cfplug.document import Node, override, parse, path_text
from cfplug.errors import Place, PluginError, Problem, RecipeError, did_you_mean
from cfplug.params import Fault, param, plain, structure
from cfplug.registry import Registry, load
from cfplug.settings import TrainSettings

DEVICES = ("auto", "cpu", "cuda", "mps")
DEFAULT_SEED = 42
PARTS = ("valid", "test", "train")
ERROR = "error"
"""The policy for unknown ids that raises; any other is the name of a cold-start strategy."""


@frozen
class Use:
    """A component that the recipe names: its full name, its declaration, its parameters, its place."""

    name: str
    full_name: str
    component: Component = field(eq=False)
    params: Any
    title: str = field(eq=False)
    place: Place = field(eq=False)

    def resolved(self, *, named: bool = False) -> dict[str, Any]:
        """The entry with every default filled in."""
        head = {"name": self.name} if named else {}
        return {**head, "use": self.full_name, **plain(self.params)}


@frozen
class ModelUse:
    """One entry of `models`. A model that fits itself has no loss and no train settings."""

    use: Use
    loss: Use | None
    train: TrainSettings | None

    @property
    def name(self) -> str:
        return self.use.name

    @property
    def model(self) -> Model:
        return cast(Model, self.use.component)

    def resolved(self) -> dict[str, Any]:
        entry = self.use.resolved(named=True)
        if self.loss is not None:
            entry |= {"loss": self.loss.resolved(), "train": plain(self.train)}
        return entry


@frozen
class Claim:
    """What the recipe promises of one metric, as mean over its seeds, and where the figure comes from."""

    metric: str = param(help="the name of one of the recipe's metrics")
    at_most: float | None = param(None, help="the measured value may not be above this")
    at_least: float | None = param(None, help="the measured value may not be below this")
    model: str = param("", help="the name of the model, where the recipe has several")
    part: str = param("valid", choices=PARTS, help="the part of the split on which it is measured")
    source: str = param("", help="where the figure was published")

    def __attrs_post_init__(self) -> None:
        if (self.at_most is None) == (self.at_least is None):
            raise ValueError("a claim gives either at_most or at_least")

    def met_by(self, measured: float) -> bool:
        """Whether the measured value keeps the promise."""
        low = -math.inf if self.at_least is None else self.at_least
        high = math.inf if self.at_most is None else self.at_most
        return low <= measured <= high

    def bound(self) -> str:
        """The promise in words: `at most 0.8217`."""
        return f"at most {self.at_most:g}" if self.at_most is not None else f"at least {self.at_least:g}"


@frozen
class Heading:
    """The plain keys of a recipe."""

    title: str = param("", help="what the report is called; the file's name if not given")
    device: str = param("auto", choices=DEVICES, help="where models train")
    seed: int | None = param(
        None, at_least=0, at_most=2**32 - 1, help="the one source of randomness; 42 if neither is given"
    )
    seeds: tuple[int, ...] | None = param(
        None, at_least=0, at_most=2**32 - 1, help="repeat the whole run once for each"
    )

    def __attrs_post_init__(self) -> None:
        if self.seed is not None and self.seeds is not None:
            raise ValueError("give either seed or seeds")
        if self.seeds is not None and (not self.seeds or len(set(self.seeds)) < len(self.seeds)):
            raise ValueError(f"seeds: must be different numbers, at least one; is {list(self.seeds)}")


KEYS = (
    *("title", "data", "split", "loss", "train", "models", "metrics"),
    *("unknown", "analyzers", "claims", "device", "seed", "seeds"),
)
"""The keys of a recipe, in the order in which a resolved one is written."""

DEFAULTS: Mapping[str, Any] = {
    "split": "random",
    "loss": "mse",
    "metrics": ["mse", "rmse"],
    "unknown": "item-mean",
    "analyzers": [],
    "claims": [],
}
"""What stands for a component that the recipe does not name."""


@frozen
class Recipe:
    """A recipe that can be run: every name found, every parameter checked, every default filled in."""

    title: str
    data: Use
    split: Use
    models: tuple[ModelUse, ...]
    metrics: tuple[Use, ...]
    unknown: Use | None
    analyzers: tuple[Use, ...]
    claims: tuple[Claim, ...]
    device: str
    seeds: tuple[int, ...]
    source: str = field(eq=False)
    text: str = field(eq=False, repr=False)

    def resolved(self) -> str:
        """The recipe as YAML with every default filled in and full names: itself a recipe, for the same run."""
        tree = {
            "title": self.title,
            "data": self.data.resolved(),
            "split": self.split.resolved(),
            "models": [model.resolved() for model in self.models],
            "metrics": [metric.resolved(named=True) for metric in self.metrics],
            "unknown": ERROR if self.unknown is None else self.unknown.resolved(),
            "analyzers": [analyzer.resolved(named=True) for analyzer in self.analyzers],
            "claims": [plain(claim) for claim in self.claims],
            "device": self.device,
            "seeds": list(self.seeds),
        }
        out = io.StringIO()
        yaml = YAML()
        yaml.default_flow_style = False
        yaml.allow_unicode = True
        yaml.width = 4096
        yaml.dump(tree, out)
        return out.getvalue()


def read_recipe(path: str | Path, *, set: Sequence[str] = (), registry: Registry | None = None) -> Recipe:
    """The recipe in the file at `path`; RecipeError with every problem.

    `set` holds overrides, `key.path=value`, checked like the file. Relative paths in the file are
    taken from its folder, those in overrides from the current folder.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise RecipeError([Problem(Place(str(path)), "", f"not UTF-8 text, at byte {error.start}")]) from error
    except OSError as error:
        near = did_you_mean(path.name, (each.name for each in path.parent.glob("*.y*ml")))
        why = f"cannot be read: {error.strerror or error}{near}"
        raise RecipeError([Problem(Place(str(path)), "", why)]) from error
    return parse_recipe(text, str(path), set=set, registry=registry)


def parse_recipe(text: str, source: str, *, set: Sequence[str] = (), registry: Registry | None = None) -> Recipe:
    """The recipe in `text`; `source` is the file that messages name and whose folder paths start from."""
    root, problems = parse(text, source)
    if not isinstance(root.value, dict):
        problems.append(Problem(root.place, "", "a recipe is a table of keys, such as `data: movielens-100k`"))
        raise RecipeError(problems)
    for number, argument in enumerate(set, start=1):
        try:
            root = override(root, argument, Place(f"--set argument {number}"))
        except RecipeError as error:
            problems += error.problems
    reading = _Reading(root, source, registry or load(), problems)
    recipe = reading.recipe(text)
    if recipe is None or problems:
        raise RecipeError(sorted(problems, key=_in_file_order))
    return recipe


def _in_file_order(problem: Problem) -> tuple[float, float, str]:
    place = problem.place or Place("")
    return place.line or math.inf, place.column or math.inf, place.source


@frozen
class _Reading:
    """One pass over a document: makes the parts of a recipe and collects every problem."""

    root: Node
    source: str
    registry: Registry
    problems: list[Problem]

    def recipe(self, text: str) -> Recipe | None:
        self._unknown_keys()
        heading = self._structure(Heading, (), "a recipe", keep=lambda key: key in attrs.fields_dict(Heading))
        train = self._train(("train",))
        models = self._models(train)
        metrics = self._uses("metric", "metrics")
        data, split = self._required("data", "source"), self._use("split", ("split",))
        unknown = None if self._at(("unknown",)).plain() == ERROR else self._use("cold-start", ("unknown",))
        analyzers, claims = self._uses("analyzer", "analyzers"), self._claims(models, metrics)
        self._check_metrics(metrics, models)
        if self.problems or data is None or split is None:
            return None
        return Recipe(
            title=heading.title or Path(self.source).stem,
            data=data,
            split=split,
            unknown=unknown,
            analyzers=tuple(analyzers),
            claims=claims,
            models=tuple(models),
            metrics=tuple(metrics),
            device=heading.device,
            seeds=heading.seeds or (DEFAULT_SEED if heading.seed is None else heading.seed,),
            source=self.source,
            text=text,
        )

    # One key after another

    def _unknown_keys(self) -> None:
        for key in self.root.value:
            if key not in KEYS:
                self._problem((key,), f"unknown key of a recipe{did_you_mean(key, KEYS)}", on_key=True)

    def _required(self, key: str, kind: str) -> Use | None:
        if key not in self.root.value:
            self._problem((), f"a recipe needs {key}: the name of a {kind}, or a table with it under `use`")
            return None
        return self._use(kind, (key,))

    def _train(self, path: tuple[str | int, ...]) -> TrainSettings | None:
        return cast("TrainSettings | None", self._structure(TrainSettings, path, "train"))

    def _models(self, train: TrainSettings | None) -> list[ModelUse]:
        if "models" not in self.root.value:
            self._problem((), "a recipe needs models: a list of models")
            return []
        entries = self._entries("models")
        uses = [self._use("model", ("models", position)) for position in range(len(entries))]
        self._distinct("models", uses)
        loss = self._use("loss", ("loss",))
        models = [self._model(position, use, loss, train) for position, use in enumerate(uses)]
        if uses and all(use and not cast(Model, use.component).learns_by_gradient for use in uses):
            for key in ("loss", "train"):
                if key in self.root.value:
                    self._problem((key,), "no model of this recipe learns by gradient", on_key=True)
        return [model for model in models if model is not None]

    def _model(self, position: int, use: Use | None, loss: Use | None, train: TrainSettings | None) -> ModelUse | None:
        path = ("models", position)
        own = {key for key in ("loss", "train") if key in (self._at(path).plain() or ()) and use}
        fits_itself = use is not None and not cast(Model, use.component).learns_by_gradient
        if fits_itself:
            for key in sorted(own):
                self._problem((*path, key), f"{use.name if use else ''} fits itself and takes no {key}", on_key=True)
            return ModelUse(use, None, None) if use else None
        if "loss" in own:
            loss = self._use("loss", (*path, "loss"))
        if "train" in own:
            train = self._train((*path, "train"))
        return ModelUse(use, loss, train) if use and loss and train else None

    def _uses(self, kind: str, key: str) -> list[Use]:
        uses = [self._use(kind, (key, position)) for position in range(len(self._entries(key)))]
        self._distinct(key, uses)
        return [use for use in uses if use is not None]

    def _claims(self, models: Sequence[ModelUse], metrics: Sequence[Use]) -> tuple[Claim, ...]:
        claims = []
        for position in range(len(self._entries("claims"))):
            path = ("claims", position)
            claim = self._structure(Claim, path, "a claim")
            if claim is not None:
                self._check_claim(claim, path, models, metrics)
                claims.append(claim)
        return tuple(claims)

    def _check_claim(
        self, claim: Claim, path: tuple[str | int, ...], models: Sequence[ModelUse], metrics: Sequence[Use]
    ) -> None:
        measured = [metric.name for metric in metrics]
        names = [model.name for model in models]
        if claim.metric not in measured and metrics:
            guess = did_you_mean(claim.metric, measured)
            self._problem((*path, "metric"), f"{claim.metric!r} is none of the recipe's metrics{guess}")
        if claim.model and claim.model not in names and names:
            guess = did_you_mean(claim.model, names)
            self._problem((*path, "model"), f"{claim.model!r} is none of the recipe's models{guess}")
        if not claim.model and len(names) > 1:
            self._problem(path, f"a claim of a recipe with several models names one of them: {', '.join(names)}")

    def _check_metrics(self, metrics: Sequence[Use], models: Sequence[ModelUse]) -> None:
        for position, use in enumerate(metrics):
            for model in models:
                gives = (*model.model.gives, *(cast(Loss, model.loss.component).gives if model.loss else ()))
                missing = [need for need in cast(Metric, use.component).needs if need not in gives]
                if missing:
                    owner = f"with the loss {model.loss.name}" if model.loss else "which fits itself"
                    self._problem(
                        ("metrics", position),
                        f"{use.name} needs a {missing[0]}, and the model {model.name}, {owner}, gives none",
                    )

    # Parts that several keys share

    def _at(self, path: tuple[str | int, ...]) -> Node:
        node = self.root
        for step in path:
            if isinstance(node.value, dict) and step in node.value:
                node = node.value[step]
            elif isinstance(node.value, tuple) and isinstance(step, int):
                node = node.value[step]
            elif node is self.root and step in DEFAULTS:
                node = _as_node(DEFAULTS[str(step)], self.root.place)
            else:
                return Node({}, node.place)
        return node

    def _entries(self, key: str) -> tuple[Node, ...]:
        node = self._at((key,))
        if not isinstance(node.value, tuple):
            self._problem((key,), f"must be a list; is {node.plain()!r}")
            return ()
        if key in ("models", "metrics") and not node.value:
            self._problem((key,), "must have at least one entry")
        return node.value

    def _use(self, kind: str, path: tuple[str | int, ...]) -> Use | None:
        node = self._at(path)
        table = node.value if isinstance(node.value, dict) else {"use": node}
        if not isinstance(name := table["use"].value if "use" in table else None, str):
            where, found = (
                ((*path, "use"), table["use"].plain()) if len(table) > 1 and "use" in table else (path, node.plain())
            )
            self._problem(where, f"must be the name of a {kind}, or a table with it under `use`; is {found!r}")
            return None
        where = (*path, "use") if isinstance(node.value, dict) else path
        try:
            entry = self.registry.find(kind, name)
        except PluginError as error:
            self._problem(where, str(error))
            return None
        title = self._label(path, table, kind, entry.component.name)
        reserved = entry.component.reserved
        params = self._structure(
            entry.component.params,
            path,
            entry.component.name,
            keep=lambda key: key not in reserved,
            table=table,
        )
        if params is None or title is None:
            return None
        return Use(title, entry.full_name, entry.component, params, entry.plugin.title, node.place)

    def _label(self, path: tuple[str | int, ...], table: Mapping[str, Node], kind: str, default: str) -> str | None:
        """The `name` of an entry in a list: what tables and folders call it."""
        node = table.get("name")
        if node is None:
            return default
        if (
            not isinstance(node.value, str)
            or not node.value.strip()
            or set(node.value) & set("/\\\0:")
            or node.value.startswith(".")
        ):
            self._problem((*path, "name"), f"must be text that can name a folder; is {node.plain()!r}")
            return None
        return node.value

    def _distinct(self, key: str, uses: Sequence[Use | None]) -> None:
        seen: dict[str, int] = {}
        for position, use in enumerate(uses):
            if use is None:
                continue
            if use.name in seen:
                first = seen[use.name]
                self._problem((key, position), f"{use.name!r} is also {key}[{first}]; give one of them a `name`")
            seen.setdefault(use.name, position)

    def _structure(
        self,
        cls: type,
        path: tuple[str | int, ...],
        owner: str,
        *,
        keep: Any = lambda key: True,
        table: Mapping[str, Node] | None = None,
    ) -> Any:
        node = self._at(path)
        if table is None and not isinstance(node.value, dict):
            self._problem(path, f"must be a table of keys; is {node.plain()!r}")
            return None
        values = {key: item for key, item in (table or node.value).items() if keep(key)}
        outcome = structure(
            cls,
            {key: item.plain() for key, item in values.items()},
            owner=owner,
            base=lambda key: self._folder(values[key].place),
        )
        for fault in outcome.faults:
            self._fault(path, fault)
        return outcome.value

    def _folder(self, place: Place) -> Path:
        return Path(self.source).parent.absolute() if place.source == self.source else Path.cwd()

    def _fault(self, path: tuple[str | int, ...], fault: Fault) -> None:
        self._problem((*path, *fault.path), fault.message, on_key=fault.on_key)

    def _problem(self, path: tuple[str | int, ...], message: str, *, on_key: bool = False) -> None:
        self.problems.append(Problem(self.root.place_of(path, on_key=on_key), path_text(path), message))


def _as_node(value: Any, place: Place) -> Node:
    if isinstance(value, list):
        return Node(tuple(_as_node(item, place) for item in value), place)
    return Node(value, place)


def read_use(kind: str, name: str, *, set: Sequence[str] = (), registry: Registry | None = None) -> Use:
    """One component with its parameters, as a recipe would name it; RecipeError with every problem."""
    place = Place(name)
    root = Node({"it": Node({"use": Node(name, place)}, place, {"use": place})}, place, {"it": place})
    problems: list[Problem] = []
    for number, argument in enumerate(set, start=1):
        try:
            root = override(root, f"it.{argument}", Place(f"--set argument {number}"))
        except RecipeError as error:
            problems += error.problems
    use = _Reading(root, "", registry or load(), problems)._use(kind, ("it",))
    if use is None or problems:
        raise RecipeError(attrs.evolve(problem, path=problem.path.removeprefix("it.")) for problem in problems)
    return use
