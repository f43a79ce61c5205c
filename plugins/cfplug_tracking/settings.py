"""Read the environment variables for MLflow."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from attrs import frozen

import cfplug
from cfplug.errors import did_you_mean

VARIABLE = "CFPLUG_MLFLOW"
EXPERIMENT = "CFPLUG_MLFLOW_EXPERIMENT"
ARTIFACTS = "CFPLUG_MLFLOW_ARTIFACTS"

CHOICES = ("report", "all", "none")
SCHEMES = ("sqlite", "http", "https", "postgresql", "mysql", "mssql", "databricks")
PREFIX = "sqlite:///"


@frozen
class Settings:
    """Where MLflow writes, in which experiment, and which files of a run it keeps."""

    uri: str
    experiment: str = "cfplug"
    artifacts: str = "report"

    @property
    def shown(self) -> str:
        """Return the variable and its value, without a password."""
        return self.masked(f"{VARIABLE}={self.uri}")

    def masked(self, text: str) -> str:
        """Return `text` without the name and password in the address."""
        login, found, _ = urlsplit(self.uri).netloc.rpartition("@")
        return text.replace(f"{login}@", "...@") if found else text

    @property
    def database(self) -> Path | None:
        """Return the file of a sqlite database; None for another store."""
        if not self.uri.startswith(PREFIX):
            return None
        return Path(self.uri.removeprefix(PREFIX).partition("?")[0])


def read(environment: Mapping[str, str]) -> Settings | None:
    """Return the settings; None where CFPLUG_MLFLOW is not set.

    Raises:
        PluginError: A variable is invalid.
    """
    uri = environment.get(VARIABLE, "")
    if not uri:
        return None
    settings = Settings(
        uri, environment.get(EXPERIMENT) or "cfplug", environment.get(ARTIFACTS) or "report"
    )
    if settings.artifacts not in CHOICES:
        guess = did_you_mean(settings.artifacts, CHOICES)
        raise cfplug.PluginError(
            f"{ARTIFACTS}={settings.artifacts}: expected report, all or none{guess}"
        )
    _check_address(settings)
    return settings


def _check_address(settings: Settings) -> None:
    scheme, found, _ = settings.uri.partition("://")
    if not found:
        raise cfplug.PluginError(
            f"{settings.shown}: expected {PREFIX}FILE or the http address of a server; "
            f"did you mean {PREFIX}{settings.uri.removeprefix('sqlite:').removeprefix('file:')}?"
        )
    known = scheme.partition("+")[0] in SCHEMES
    if not known and (guess := did_you_mean(scheme, SCHEMES)):
        raise cfplug.PluginError(f"{settings.shown}: there is no store called {scheme}{guess}")
    if scheme == "sqlite":
        if settings.database in (None, Path(), Path(":memory:")):
            raise cfplug.PluginError(
                f"{settings.shown}: names no file, so nothing would be left; write {PREFIX}FILE"
            )
        _check_database(settings)


def _check_database(settings: Settings) -> None:
    """Check that the file is or can be a database: MLflow would retry for minutes."""
    database = settings.database
    assert database is not None
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        with_file = sqlite3.connect(database)
        try:
            with_file.execute("PRAGMA schema_version").fetchone()
        finally:
            with_file.close()
    except (OSError, sqlite3.Error) as error:
        raise cfplug.PluginError(f"{settings.shown}: {error}") from error
