"""Fetch a wheel with pip, which knows the user's indexes, proxies and certificates."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from cfplug import Context
from cfplug.errors import DownloadError
from cfplug_movielens.cache import keep
from cfplug_movielens.releases import Wheel

LIMIT_SECONDS = 300


def fetch(wheel: Wheel, context: Context) -> Path:
    """Download a wheel with `python -m pip download` and return its path in the cache.

    Nothing is installed and nothing in the wheel is run: pip refuses another hash, and source
    packages, which it would have to build.

    Raises:
        DownloadError: pip failed; the message says why.
    """
    context.progress(None, f"pip is fetching {wheel.requirement}")
    with tempfile.TemporaryDirectory(dir=context.scratch) as folder:
        requirements = Path(folder, "requirements.txt")
        requirements.write_text(f"{wheel.requirement} --hash={wheel.hash}\n", encoding="utf-8")
        _download(requirements, wheel.options)
        came = Path(folder, wheel.file)
        if not came.is_file():
            raise DownloadError(f"pip did not download {wheel.file}")
        return keep(came, wheel.hash)


def _download(requirements: Path, options: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes"]
    command += ["--only-binary", ":all:", "--retries", "2", "--no-input"]
    command += ["--disable-pip-version-check", "--progress-bar", "off"]
    command += ["--requirement", requirements.name, "--dest", ".", *options]
    try:
        done = subprocess.run(
            command,
            cwd=requirements.parent,  # python -m imports from here first: a folder of our own
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LIMIT_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise DownloadError(f"pip did not finish within {LIMIT_SECONDS} seconds") from error
    if done.returncode:
        raise DownloadError(_reason(done.stderr))


def _reason(errors: str) -> str:
    """Return the last line of `errors` that starts with ERROR, or else the last line."""
    if "No module named pip" in errors:
        return "this Python has no pip (python -m ensurepip installs it)"
    if "DO NOT MATCH THE HASHES" in errors:
        return "pip refused a wheel with an unexpected hash"
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    marked = [line for line in lines if line.startswith("ERROR:")]
    last = (marked or lines or ["it failed without a message"])[-1]
    return f"pip: {last.removeprefix('ERROR:').strip()}"
