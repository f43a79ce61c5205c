"""The colours and fonts of pictures, light and dark, as Vega-Lite configurations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif"

_LIGHT = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#a87900", "#3aa0d8")
_DARK = ("#56b4e9", "#f0824a", "#2fc39a", "#e39ac6", "#e6c229", "#8ec9f5")
"""Hues that colour-blind people can distinguish, made darker for white paper and lighter for a
dark page. Okabe and Ito, Color Universal Design (2008)."""

_MORE_LIGHT = ("#7b4ea3", "#8c564b", "#5f7f1f", "#a8324a", "#1f7f8c", "#7d838c")
_MORE_DARK = ("#b796dd", "#c79a8b", "#a5c25a", "#e5788c", "#5cc3cf", "#9aa5b4")
"""Six more, for charts with more than six categories."""

_FROM_YELLOW = ("#e0a526", "#d8704f", "#ad4a78", "#774392", "#2f2466")
"""From light to dark through several hues, for points and bars: each can be seen on its own."""


def _theme(
    colours: Mapping[str, str], line: str, palette: Sequence[str], ramps: Sequence[Sequence[str]]
) -> dict[str, Any]:
    ink, soft = colours["ink"], colours["soft"]
    text = {"labelColor": ink, "titleColor": soft, "labelFontSize": 11.5, "titleFontSize": 12}
    text["titleFontWeight"] = "normal"
    return {
        "background": None,
        "font": FONT,
        "params": [{"name": name, "value": value} for name, value in colours.items()],
        "axis": {
            **text,
            "gridColor": line,
            "domainColor": soft,
            "tickColor": line,
            "titlePadding": 8,
        },
        "legend": {**text, "gradientStrokeColor": None, "titlePadding": 6, "rowPadding": 3},
        "title": {"color": ink, "fontSize": 12, "fontWeight": 600},
        "style": {"guide-label": {"fill": ink}},
        "header": {"labelColor": ink, "labelFontSize": 12},
        "view": {"stroke": None},
        "range": {"category": list(palette), "heatmap": list(ramps[0]), "ramp": list(ramps[1])},
    }


THEMES: Mapping[str, Any] = {
    "light": _theme(
        {"accent": "#2f6fb3", "ink": "#1c2430", "soft": "#566170", "paper": "#ffffff"},
        "#e3e8ee",
        (*_LIGHT, *_MORE_LIGHT),
        (("#dcebf7", "#9fc9e2", "#56a0cf", "#2673b1", "#0b4582", "#06264d"), _FROM_YELLOW[:5]),
    ),
    "dark": _theme(
        {"accent": "#6fb1ee", "ink": "#e6eaf0", "soft": "#a3adbb", "paper": "#14181f"},
        "#2b3442",
        (*_DARK, *_MORE_DARK),
        (("#22344a", "#2a567f", "#3a80b4", "#62aadb", "#a4d2f2", "#e6f4ff"), _FROM_YELLOW[3::-1]),
    ),
}
"""Large numbers have the most contrast in both. The parameters accent, ink, soft and paper are the
colours that a specification asks for by these names."""
