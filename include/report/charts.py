"""Charts as inline SVG, so that the page needs no other file and no script."""

from collections.abc import Mapping, Sequence
from html import escape

from markupsafe import Markup

SEVERITY_COLOURS = ("#9fb3c8", "#f0b429", "#e66a3c", "#b42318")
SENTIMENT_COLOURS = {"positive": "#2f9e6e", "neutral": "#9fb3c8", "mixed": "#f0b429", "negative": "#c4402f"}
BAR_HEIGHT, BAR_GAP, LABEL_WIDTH, BAR_WIDTH = 20, 10, 190, 420


def severity_colours(order: Sequence[str]) -> dict[str, str]:
    """A colour for each severity, mildest first."""
    last = len(SEVERITY_COLOURS) - 1
    step = last / max(len(order) - 1, 1)
    return {severity: SEVERITY_COLOURS[round(number * step)] for number, severity in enumerate(order)}


def topic_bars(rows: Sequence[tuple[str, int, Mapping[str, int]]], order: Sequence[str]) -> Markup:
    """Horizontal bars, one a topic, stacked by severity.

    Args:
        rows: (topic, count, count by severity).
        order: severities, mildest first; empty when the pipeline has none.
    """
    most = max((count for _, count, _ in rows), default=1)
    colours = severity_colours(order)
    parts = []
    for number, (topic, count, by_severity) in enumerate(rows):
        top, left = number * (BAR_HEIGHT + BAR_GAP), float(LABEL_WIDTH)
        parts.append(f'<text x="{LABEL_WIDTH - 8}" y="{top + 15}" text-anchor="end">{escape(_short(topic, 26))}</text>')
        # The severest stands first, where bars of different length can be compared.
        stack = [(severity, by_severity.get(severity, 0), colours[severity]) for severity in reversed(order)]
        stack.append(("", count - sum(n for _, n, _ in stack), "#7b8794"))
        for severity, amount, colour in stack:
            if amount:
                width = BAR_WIDTH * amount / most
                parts.append(
                    f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{BAR_HEIGHT}" fill="{colour}">'
                    f"<title>{escape(f'{topic}: {amount} {severity}')}</title></rect>"
                )
                left += width
        parts.append(f'<text x="{left + 6:.1f}" y="{top + 15}" class="number">{count}</text>')
    height = max(len(rows) * (BAR_HEIGHT + BAR_GAP) - BAR_GAP, 1)
    return _svg(LABEL_WIDTH + BAR_WIDTH + 50, height, parts, "Topics by volume and severity")


def sentiment_bar(counts: Mapping[str, int]) -> Markup:
    """One bar, split by sentiment."""
    total, left, width = max(sum(counts.values()), 1), 0.0, 660
    parts = []
    for sentiment, count in counts.items():
        share = width * count / total
        parts.append(
            f'<rect x="{left:.1f}" y="0" width="{share:.1f}" height="26" fill="{SENTIMENT_COLOURS[sentiment]}"/>'
        )
        if share > 34:
            parts.append(
                f'<text x="{left + share / 2:.1f}" y="18" text-anchor="middle" fill="#fff">'
                f"{100 * count / total:.0f} %</text>"
            )
        left += share
    return _svg(width, 26, parts, "Sentiment")


def sparkline(values: Sequence[float]) -> Markup:
    """A small line of a topic's share, run by run; the last point is this run's."""
    width, height, most = 110, 26, max([*values, 1e-9])
    step = (width - 8) / max(len(values) - 1, 1)
    points = [(4 + number * step, height - 4 - (height - 8) * value / most) for number, value in enumerate(values)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    x, y = points[-1]
    parts = [
        f'<polyline points="{line}" fill="none" stroke="#486581" stroke-width="1.5"/>',
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="#102a43"/>',
    ]
    return _svg(width, height, parts, "Share over the last runs")


def _svg(width: float, height: float, parts: Sequence[str], title: str) -> Markup:
    return Markup(
        f'<svg viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" role="img" '
        f'aria-label="{escape(title)}" style="max-width:100%">{"".join(parts)}</svg>'
    )


def _short(text: str, characters: int) -> str:
    return text if len(text) <= characters else f"{text[: characters - 1]}…"
