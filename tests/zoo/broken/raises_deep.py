"""Broken: it raises on import, deep in a library; the line to correct is in this file."""

import json

SETTINGS = json.loads("{")
