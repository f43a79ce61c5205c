"""Analyzers that load and break after training; each declaration says how."""

from __future__ import annotations

import cfplug


@cfplug.hookimpl
def cfplug_analyzers() -> list[cfplug.Analyzer]:
    return [
        cfplug.Analyzer("raising-analyzer", analyze="zoo_analyzers:raising", help="It raises."),
        cfplug.Analyzer(
            "wordy-analyzer", analyze="zoo_analyzers:wordy", help="It gives text, not a Section."
        ),
        cfplug.Analyzer(
            "ragged-analyzer",
            analyze="zoo_analyzers:ragged",
            help="A row has more cells than columns.",
        ),
        cfplug.Analyzer(
            "asking",
            analyze="zoo_analyzers:asking",
            help="It asks for biases and declares no need.",
        ),
    ]


def raising(params, fitted, context):
    raise LookupError("no item has a year")


def wordy(params, fitted, context):
    return "all is well"


def ragged(params, fitted, context):
    return cfplug.Section("Ragged", tables=[cfplug.Table("", ("a", "b"), [(1, 2, 3)])])


def asking(params, fitted, context):
    return cfplug.Section("Biases", str(fitted.biases("item").mean()))
