"""Charts: pygal's SVG without its style and script, so that the page's own style sheet rules.

Import goes up, export goes down. What was not measured is a pale column, not an empty one. The
numbers themselves stand in a table beside it: the chart is a picture with a name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

import pygal
from flask_babel import format_decimal
from flask_babel import gettext as _
from markupsafe import Markup
from pygal.style import Style

from gateway.quantities import BY_COMMODITY
from gateway.web.charts.overview import ELECTRICITY, Line, Overview

# Two pictures: text that is scaled down with a wide one cannot be read on a phone.
_SIZES = {"wide": (960, 320), "narrow": (380, 280)}
_LABELS = {"wide": 12, "narrow": 6}
_HEADROOM = 1.05
_DROPPED_TAGS = frozenset({"style", "script", "desc", "title"})
_DROPPED_ATTRIBUTES = frozenset({"style", "id"})


def draw(overview: Overview, of: str) -> Markup:
    """The chart in both sizes; the style sheet shows the one that fits."""
    return Markup("").join(_drawn(overview.lines, of, size) for size in _SIZES)


def _drawn(lines: Sequence[Line], of: str, size: str) -> Markup:
    commodity = None if of == ELECTRICITY else BY_COMMODITY[of]
    scale = 1000 if commodity is None else commodity.scale
    up = [line.usage.import_wh if commodity is None else line.usage.of(of) for line in lines]
    down = [_negative(line.usage.export_wh) if commodity is None else None for line in lines]
    top = (max((amount for amount in up if amount is not None), default=0) or 1) * _HEADROOM
    bottom = min((amount for amount in down if amount is not None), default=0) * _HEADROOM
    missing = [top if line.missing(of) else None for line in lines]
    width, height = _SIZES[size]
    chart = pygal.StackedBar(
        width=width,
        height=height,
        margin=4,
        spacing=6,
        show_legend=False,
        print_values=False,
        js=[],
        style=Style(font_family="sans-serif", label_font_size=12, major_label_font_size=12),
        range=(bottom / scale, top / scale),
        x_labels=[line.short for line in lines],
        x_labels_major=_major([line.short for line in lines], _LABELS[size]),
        show_minor_x_labels=False,
        truncate_label=-1,
        value_formatter=_axis,
        max_scale=6,
    )
    for amounts in (up, down, missing):
        chart.add("", [None if amount is None else amount / scale for amount in amounts])
    root = chart.render_tree()
    _undress(root)
    drawn = ELECTRICITY if commodity is None else "device"
    root.set("class", f"chart chart-{size} chart-{drawn}")
    root.set("role", "img")
    if commodity is None:
        name = _("Chart of electricity import and export")
    else:
        name = _("Chart of use: %(what)s", what=_(commodity.title))
    root.set("aria-label", name)
    # The markup is pygal's own; the labels in it were escaped by the serializer.
    return Markup(ElementTree.tostring(root, encoding="unicode"))  # noqa: S704


def _undress(element: Any) -> None:
    """Take out whatever carries style or script, and the texts that only pygal's script would show."""
    for name in _DROPPED_ATTRIBUTES & set(element.attrib):
        del element.attrib[name]
    for child in list(element):
        if not isinstance(child.tag, str) or child.tag.rpartition("}")[2] in _DROPPED_TAGS:
            element.remove(child)
        else:
            _undress(child)


def _axis(amount: float) -> str:
    return str(format_decimal(abs(amount), "#,##0.##"))


def _major(labels: Sequence[str], most: int) -> list[str]:
    """Evenly spaced labels, so that they fit beside each other."""
    step = -(-len(labels) // most)
    return list(labels[::step])


def _negative(amount: int | None) -> int | None:
    return None if amount is None else -amount
