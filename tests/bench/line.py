"""What a benchmark prints."""

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Settings:
    """How to run.

    Args:
        is_quick: little work, to see that it runs.
        with_peers: beside other bulk libraries.
    """

    is_quick: bool = False
    with_peers: bool = False


@dataclass(frozen=True)
class Line:
    """One figure.

    Args:
        bench, metric, value, unit: what was measured.
        settings: under which circumstances.
        peer, peer_value: who ran beside it; the ratio is ours over theirs.
    """

    bench: str
    metric: str
    value: float
    unit: str
    settings: dict[str, Any] = field(default_factory=dict)
    peer: str | None = None
    peer_value: float | None = None

    def to_json(self) -> str:
        """One line."""
        line: dict[str, Any] = {"bench": self.bench, "metric": self.metric, "value": _short(self.value)}
        line |= {"unit": self.unit, **self.settings}
        if self.peer is not None and self.peer_value is not None:
            line |= {"peer": self.peer, "peer_value": _short(self.peer_value)}
            line["ratio"] = _short(self.value / self.peer_value)
        return json.dumps(line)


def _short(value: float) -> float:
    return value if isinstance(value, int) else float(f"{value:.4g}")
