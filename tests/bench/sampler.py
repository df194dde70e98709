"""Where a process spends its CPU time, by sampling: hardly slower, and fair to small functions, unlike a tracer."""

import gc
import signal
import sysconfig
import time
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any, Self

# Of CPU time, not of waiting.
EVERY_SECONDS = 0.001
_ROOT = str(Path(__file__).parents[2])
_STANDARD_LIBRARY = sysconfig.get_path("stdlib")
# What aiohttp is made of.
_PARTS_OF_AIOHTTP = {"aiohttp", "yarl", "multidict", "propcache", "frozenlist", "aiosignal", "aiohappyeyeballs"}
_MOST_LINES = 40


class Sampler:
    """Counts, while its `with` runs, which part of the code is at work."""

    def __init__(self) -> None:
        self._parts: Counter[str] = Counter()
        self._lines: Counter[str] = Counter()
        self._collecting_since = self._collecting = 0.0
        self._cpu_seconds = 0.0

    def __enter__(self) -> Self:
        gc.callbacks.append(self._collector)
        signal.signal(signal.SIGPROF, self._sample)
        signal.setitimer(signal.ITIMER_PROF, EVERY_SECONDS, EVERY_SECONDS)
        self._cpu_seconds -= time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self._cpu_seconds += time.process_time()
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, signal.SIG_IGN)
        gc.callbacks.remove(self._collector)

    def as_json(self) -> dict[str, Any]:
        """CPU seconds; shares of them by part of the code and by line, largest first.

        Time within compiled code counts for the Python line that called it. The collector's is measured, because the
        signals that fall into one collection become a single one after it.
        """
        total = sum(self._parts.values()) or 1
        collected = self._collecting / self._cpu_seconds
        parts = {part: (1 - collected) * count / total for part, count in self._parts.items()}
        parts["garbage collector"] = collected
        return {
            "samples": total,
            "cpu_seconds": self._cpu_seconds,
            "parts": dict(sorted(parts.items(), key=lambda item: -item[1])),
            "lines": {line: (1 - collected) * count / total for line, count in self._lines.most_common(_MOST_LINES)},
        }

    def _collector(self, phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            self._collecting_since = time.process_time()
        else:
            self._collecting += time.process_time() - self._collecting_since

    def _sample(self, _: int, frame: FrameType | None) -> None:
        if frame is not None and frame.f_code is _COLLECTOR:
            return
        line = None
        while frame is not None:
            part = _part_of(frame.f_code.co_filename)
            if line is None:
                line = f"{_short(frame.f_code.co_filename)}:{frame.f_lineno} {frame.f_code.co_name}"
            if part is not None:
                self._parts[part] += 1
                break
            frame = frame.f_back
        else:
            self._parts["other"] += 1
        self._lines[line or "?"] += 1


# Where a sample is taken that fell into a collection.
_COLLECTOR = Sampler._collector.__code__


def _part_of(path: str) -> str | None:
    """The part that a file belongs to; None for the standard library, whose time is its caller's."""
    if "site-packages/" in path:
        package = path.split("site-packages/")[1].split("/")[0]
        return "aiohttp" if package in _PARTS_OF_AIOHTTP else package
    if path.startswith(_ROOT):
        return path[len(_ROOT) + 1 :]
    if path.startswith(f"{_STANDARD_LIBRARY}/asyncio/") or path.endswith("/selectors.py"):
        is_socket = path.endswith(("selector_events.py", "/selectors.py"))
        return "asyncio: sockets" if is_socket else "asyncio: loop"
    return None


def _short(path: str) -> str:
    for prefix in (f"{_ROOT}/", f"{_STANDARD_LIBRARY}/"):
        if path.startswith(prefix):
            path = path[len(prefix) :]
    return path.split("site-packages/")[-1]
