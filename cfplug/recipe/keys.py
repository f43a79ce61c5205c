"""Read the keys of a recipe one after another, and check the rules between them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import attrs
from attrs import frozen

from cfplug.errors import did_you_mean, nearest, shown
from cfplug.plugin.components import (
    DISTRIBUTION,
    Analyzer,
    ColdStart,
    Component,
    Metric,
    Model,
    Source,
    SplitMethod,
)
from cfplug.recipe.models import read_models
from cfplug.recipe.reader import At, Reading
from cfplug.recipe.recipe import (
    DEFAULT_SEED,
    ERROR,
    KEYS,
    MEMORY,
    AnalyzerOptions,
    AnalyzerUse,
    Claim,
    Heading,
    ModelUse,
    Recipe,
    Use,
    memory_use,
)

T = TypeVar("T", bound=Component)


@frozen
class RecipeKeys:
    """Reads a recipe from a document; every problem goes to `reading`."""

    reading: Reading

    def recipe(self, text: str) -> Recipe | None:
        """Return the recipe, whose text is `text`; None on problems."""
        self._unknown_keys()
        heading = self._heading()
        data = self._data()
        split = self.reading.use(SplitMethod, ("split",))
        models = read_models(self.reading)
        metrics = self.reading.uses(Metric, "metrics")
        unknown = self._unknown(models)
        analyzers = self._analyzers(models)
        cold_starts = self._cold_starts(models)
        positions = range(len(self.reading.entries("claims")))
        claims = [self._claim(("claims", position), heading) for position in positions]
        self._check_metrics(metrics, models, unknown)
        self._check_claims(claims, metrics, models)
        if self.reading.problems or data is None or split is None:
            return None
        one_seed = DEFAULT_SEED if heading.seed is None else heading.seed
        return Recipe(
            title=heading.title.strip() or Path(self.reading.source).stem,
            data=data,
            split=split,
            unknown=unknown,
            cold_starts=tuple(cold_starts),
            reveal=heading.reveal,
            analyzers=tuple(analyzers),
            claims=tuple(claims),
            models=tuple(models),
            metrics=tuple(metrics),
            device=heading.device,
            seeds=heading.seeds or (one_seed,),
            source=self.reading.source,
            text=text,
        )

    def _unknown_keys(self) -> None:
        for key in self.reading.root.value:
            if key not in KEYS:
                message = f"unknown key of a recipe{did_you_mean(key, KEYS)}"
                self.reading.problem((key,), message, on_key=True)

    def _heading(self) -> Any:
        plain_keys = attrs.fields_dict(Heading)
        given = self.reading.root.value
        table = {key: node for key, node in given.items() if key in plain_keys}
        return self.reading.structure(Heading, (), "a recipe", table=table)

    def _data(self) -> Use[Source] | None:
        node = self.reading.at(("data",))
        if node.plain() in (MEMORY, {"use": MEMORY}):
            return memory_use(node.place)
        if self.reading.lacks("data", "the name of a source, or a table with it under `use`"):
            return None
        return self.reading.use(Source, ("data",))

    # Cold-start strategies

    def _unknown(self, models: Sequence[ModelUse]) -> Use[ColdStart] | None:
        """Read the policy for unknown ids, which must fit every model."""
        use = self._policy()
        if use is None:
            return None
        for model in models:
            lack = model.lack(use.component.requires)
            if lack:
                self.reading.problem(("unknown",), f"{use.name} needs {lack}")
        return use

    def _policy(self) -> Use[ColdStart] | None:
        node = self.reading.at(("unknown",))
        if node.plain() in (ERROR, {"use": ERROR}):
            return None
        is_misspelt = isinstance(node.value, str) and nearest(node.value, [ERROR])
        if is_misspelt and not self.reading.component(ColdStart, node):
            message = f"no policy called {shown(node.value)}; did you mean {ERROR}?"
            self.reading.problem(("unknown",), message)
            return None
        return self.reading.use(ColdStart, ("unknown",))

    def _cold_starts(self, models: Sequence[ModelUse]) -> list[Use[ColdStart]]:
        """Read the strategies to compare; each must fit one of the models."""
        uses = self.reading.uses(ColdStart, "cold_starts")
        if self.reading.problems:
            return uses
        for position, use in enumerate(uses):
            lacks = [model.lack(use.component.requires) for model in models]
            if models and all(lacks):
                message = f"{use.name} needs {lacks[0]}"
                self.reading.problem(("cold_starts", position), message)
        return uses

    # Analyzers

    def _analyzers(self, models: Sequence[ModelUse]) -> list[AnalyzerUse]:
        uses = self.reading.uses(Analyzer, "analyzers")
        positions = range(len(self.reading.nodes("analyzers")))
        named = [self._models_of(position) for position in positions]
        if self.reading.problems:
            return []
        found = []
        for position, (use, names) in enumerate(zip(uses, named, strict=True)):
            for model in models:
                lack = model.lack(use.component.requires)
                if model.name in names and lack:
                    self.reading.problem(("analyzers", position), f"{use.name} needs {lack}")
            chosen = [model.name for model in models if not names or model.name in names]
            found.append(AnalyzerUse(use, tuple(chosen), bool(names)))
        return found

    def _models_of(self, position: int) -> tuple[str, ...]:
        """Return the models that an entry of `analyzers` names; none if it names none."""
        path = ("analyzers", position)
        models = self.reading.at(path).step("models")
        table = {} if models is None else {"models": models}
        options = self.reading.structure(AnalyzerOptions, path, "an analyzer", table=table)
        if options is None:
            return ()
        known = self.reading.names(Model, "models")
        for index, name in enumerate(options.models):
            self._check_known((*path, "models", index), name, known, "models")
        return cast(tuple[str, ...], options.models)

    def _check_known(self, path: At, name: str, known: Sequence[str | None], what: str) -> None:
        """Report a name that is not among those that are `known`, unless one of them is unclear."""
        if name not in known and None not in known:
            guess = did_you_mean(name, filter(None, known))
            self.reading.problem(path, f"{shown(name)} is none of the recipe's {what}{guess}")

    # Claims

    def _claim(self, path: At, heading: Any) -> Claim:
        models = self.reading.names(Model, "models")
        strategies = self.reading.names(ColdStart, "cold_starts")
        metrics = self.reading.names(Metric, "metrics")
        if self.reading.at((*path, "cold_start")).value:
            metrics = ["rmse"]
            if not strategies:
                self.reading.problem((*path, "cold_start"), "the recipe has no cold_starts")
        for key, known in (("metric", metrics), ("model", models), ("cold_start", strategies)):
            name = self.reading.at((*path, key)).value
            if isinstance(name, str) and name and known:
                self._check_known((*path, key), name, known, f"{key}s")
        if len(models) > 1 and self._names_no_model(path):
            rule = "a claim of a recipe with several models names one of them under `model`"
            self.reading.problem(path, f"{rule}: {', '.join(filter(None, models))}")
        claim = cast(Claim, self.reading.structure(Claim, path, "a claim"))
        if claim and claim.cold_start and heading and claim.revealed not in heading.reveal:
            revealed = ", ".join(map(str, heading.reveal))
            message = f"{claim.revealed} is not among what is revealed: {revealed}"
            self.reading.problem((*path, "revealed"), message)
        return claim

    def _names_no_model(self, path: At) -> bool:
        table = self.reading.at(path).value
        if not isinstance(table, dict):
            return False
        if "model" in table:
            return bool(table["model"].value == "")
        unknown = [key for key in table if key not in attrs.fields_dict(Claim)]
        return not any(nearest(key, ["model"]) for key in unknown)

    def _check_claims(
        self,
        claims: Sequence[Claim | None],
        metrics: Sequence[Use[Metric]],
        models: Sequence[ModelUse],
    ) -> None:
        """Report a claim on a metric that its model lacks something for, though another has it."""
        requires = {use.name: use.component.requires for use in metrics}
        for position, claim in enumerate(claims):
            if claim is None or len(models) == 1 or claim.cold_start:
                continue
            for model in models:
                lack = model.lack(requires.get(claim.metric, ()))
                if model.name == claim.model and lack:
                    self.reading.problem(("claims", position), f"{claim.metric} needs {lack}")

    # Metrics

    def _check_metrics(
        self,
        metrics: Sequence[Use[Metric]],
        models: Sequence[ModelUse],
        unknown: Use[ColdStart] | None,
    ) -> None:
        """Report a metric that no model fits, or that the policy for unknown ids does not fit."""
        silent = unknown is not None and DISTRIBUTION not in unknown.component.provides
        for position, use in enumerate(metrics):
            path = ("metrics", position)
            requires = use.component.requires
            if unknown is not None and silent and DISTRIBUTION in requires:
                policy = f"{unknown.name}, which answers for unknown ids, gives none"
                self.reading.problem(path, f"{use.name} needs a distribution, and {policy}")
            lacks = [model.lack(requires) for model in models]
            for lack in lacks if all(lacks) else ():
                self.reading.problem(path, f"{use.name} needs {lack}")
