"""Broken: it raises on import, deep in a library, because of a line here."""

import json

SETTINGS = json.loads("{")
