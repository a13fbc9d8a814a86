"""Curves by hour of the day as SVG, made of numbers in a millisecond, since every hour's page shows some."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape

import dagster as dg

Curve = Mapping[int, float | None]  #: hour of day → value
Scale = Callable[[float], float]  #: an hour or a value → its pixel

WIDTH, HEIGHT = 560, 256  #: pixels
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 26, 36  #: margins
COLOURS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#17becf")
APART = 0.12  #: of an hour between systems, so that error bars can be told apart
TICKS = 5  #: of the values, about


def by_hour(
    curves: Mapping[str, Curve],
    title: str,
    y_label: str,
    *,
    errors: Mapping[str, Curve] | None = None,
    dashed: Mapping[str, Curve] | None = None,
    dash: str = "",
) -> str:
    """One line a system, hour of day → value: a gap for an hour without one, no line without any.

    Args:
        curves: the values, by system.
        title: above the picture.
        y_label: what is drawn.
        errors: standard errors, drawn as bars of one each way.
        dashed: other values of the same systems, drawn dashed in their colour.
        dash: what the dashed ones are called.
    """
    errors, dashed = errors or {}, dashed or {}
    low, high, ticks = _scale([*curves.values(), *dashed.values()], curves, errors)

    def x(hour: float) -> float:
        return LEFT + (hour + 0.5) / 24 * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return TOP + (high - value) / (high - low) * (HEIGHT - TOP - BOTTOM)

    parts = list(_axes(x, y, ticks, title, y_label))
    for number, (system, curve) in enumerate(curves.items()):
        shift = APART * (number - (len(curves) - 1) / 2)
        colour = COLOURS[number % len(COLOURS)]
        line = f'fill="none" stroke="{colour}"'
        parts += [f'<polyline {line} stroke-width="1.5" points="{p}"/>' for p in _lines(curve, x, y, shift)]
        parts += [
            f'<polyline {line} stroke-dasharray="5 3" points="{points}"/>'
            for points in _lines(dashed.get(system, {}), x, y, shift)
        ]
        parts += _points(curve, errors.get(system, {}), x, y, shift, colour)
        name = f"{system} (dashed: {dash})" if dash and dashed.get(system) else system
        corner = f'x="{LEFT + 8}" y="{TOP + 14 + 12 * number}"'
        parts.append(f'<text {corner} fill="{colour}">{escape(name)}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" '
        f'font-size="10"><rect width="100%" height="100%" fill="white"/>{"".join(parts)}</svg>'
    )


def embedded(svg: str) -> dg.MarkdownMetadataValue:
    """The picture as metadata that an asset's page shows."""
    code = base64.b64encode(svg.encode()).decode()
    return dg.MetadataValue.md(f"![figure](data:image/svg+xml;base64,{code})")


def _scale(
    all_curves: Sequence[Curve], curves: Mapping[str, Curve], errors: Mapping[str, Curve]
) -> tuple[float, float, list[float]]:
    """Lowest and highest value shown, and round ones between."""
    values = [value for curve in all_curves for value in curve.values() if value is not None]
    for system, curve in curves.items():
        for hour, value in curve.items():
            error = errors.get(system, {}).get(hour)
            values += [] if value is None or error is None else [value - error, value + error]
    low, high = min(values, default=0.0), max(values, default=1.0)
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    low, high = low - margin, high + margin
    steps = [factor * 10.0**power for power in range(-6, 7) for factor in (1, 2, 5)]
    step = next((one for one in steps if (high - low) / one <= TICKS), high - low)
    first = -(-low // step)
    return low, high, [(first + n) * step for n in range(int((high - first * step) // step) + 1)]


def _axes(x: Scale, y: Scale, ticks: Sequence[float], title: str, y_label: str) -> Iterator[str]:
    """Grid, numbers and words."""
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    for value in ticks:
        yield f'<line x1="{LEFT}" x2="{right}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="#ddd"/>'
        yield f'<text x="{LEFT - 6}" y="{y(value) + 3:.1f}" text-anchor="end">{value:.4g}</text>'
    for hour in range(0, 24, 3):
        yield f'<line x1="{x(hour):.1f}" x2="{x(hour):.1f}" y1="{TOP}" y2="{bottom}" stroke="#eee"/>'
        yield f'<text x="{x(hour):.1f}" y="{bottom + 13}" text-anchor="middle">{hour}</text>'
    yield f'<polyline fill="none" stroke="#444" points="{LEFT},{TOP} {LEFT},{bottom} {right},{bottom}"/>'
    middle = f'x="{(LEFT + right) / 2:.0f}" text-anchor="middle"'
    yield f'<text {middle} y="{bottom + 28}">hour of service time</text>'
    yield f'<text {middle} y="16" font-size="12">{escape(title)}</text>'
    height = (TOP + bottom) / 2
    turned = f'transform="rotate(-90 12 {height:.0f})" text-anchor="middle"'
    yield f'<text x="12" y="{height:.0f}" {turned}>{escape(y_label)}</text>'


def _points(curve: Curve, errors: Curve, x: Scale, y: Scale, shift: float, colour: str) -> Iterator[str]:
    """A circle and an error bar for each value."""
    for hour, value in curve.items():
        if value is not None:
            at, error = f"{x(hour + shift):.1f}", errors.get(hour) or 0.0
            yield f'<circle cx="{at}" cy="{y(value):.1f}" r="2" fill="{colour}"/>'
            ends = f'y1="{y(value - error):.1f}" y2="{y(value + error):.1f}"'
            yield f'<line x1="{at}" x2="{at}" {ends} stroke="{colour}" stroke-width="0.7"/>'


def _lines(curve: Curve, x: Scale, y: Scale, shift: float) -> Iterator[str]:
    """The points of each stretch of hours that have a value."""
    points: list[str] = []
    for hour in range(25):
        value = curve.get(hour)
        if value is not None:
            points.append(f"{x(hour + shift):.1f},{y(value):.1f}")
        elif points:
            yield " ".join(points)
            points = []
