"""`themes`: how well texts are grouped whose groups people know, beside TF-IDF; how fast and lean a large night is.

Banking77 (77 intents of bank customers) and app store reviews lie outside of the project; where they are not there,
only the large night is measured.
"""

import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import adjusted_rand_score

from include.themes.embedding import DIMENSIONS, Vectors, embed, unit
from include.themes.grouping import Centers, Labels, group
from tests.bench.measuring import LONGEST_SECONDS, ROOT, Line, Options
from tests.themes.nights import REAL_DATA, Nights, grouped_in_nights

DRAWS, INTENTS, NIGHTS = 10, 25, 30
# More than the best of either needs.
_THRESHOLDS = np.arange(0.5, 0.96, 0.05)
# For TF-IDF, chosen on the same reviews by the same rule as `SAME` for ours.
SAME_OF_TFIDF = 0.65


def run(options: Options) -> Iterator[Line]:
    """Quality where the labelled texts are, then a night of 100,000 items."""
    if REAL_DATA.is_dir():
        yield from _threshold(options)
        yield from _quality(options)
    yield from _large_night(300 if options.quick else 100_000)


def _rows(name: str) -> list[dict[str, Any]]:
    with (REAL_DATA / name / "data.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def bank_draws(count: int) -> Iterator[tuple[str, list[str], list[str]]]:
    """Questions and their intents: draws of some intents, then all; each in an order of its own."""
    rows, random = _rows("tickets_banking77"), np.random.default_rng(77)
    intents = sorted({row["labels"]["intent"] for row in rows})
    for draw in range(count + 1):
        chosen = {*random.choice(intents, INTENTS, replace=False)} if draw < count else {*intents}
        drawn = [row for row in rows if row["labels"]["intent"] in chosen]
        order = random.permutation(len(drawn))
        name = f"{INTENTS} intents" if draw < count else f"{len(intents)} intents"
        yield name, [drawn[at]["text"] for at in order], [drawn[at]["labels"]["intent"] for at in order]


def alone(labels: Labels) -> Labels:
    """Each that is in no theme as one of its own."""
    return np.where(labels >= 0, labels, -1 - np.arange(len(labels)))


def tfidf(sentences: Sequence[str]) -> Vectors:
    """The vectors that ours are compared with."""
    counted = TfidfVectorizer(sublinear_tf=True).fit_transform(sentences)
    wide = TruncatedSVD(min(DIMENSIONS, counted.shape[1] - 1), random_state=0).fit_transform(counted)
    return unit(np.pad(wide, ((0, 0), (0, DIMENSIONS - wide.shape[1]))).astype(np.float32))


def centred(sentences: Sequence[str]) -> Vectors:
    """Ours."""
    vectors = embed(sentences)
    return unit(vectors - vectors.mean(axis=0))


def _threshold(options: Options) -> Iterator[Line]:
    """What the threshold is chosen by: how far themes are the same again when a fifth of the sentences is left out."""
    reviews = [row["text"] for row in _rows("reviews_appstore_games") if row["country"] in ("us", "gb", "ca")]
    sentences = [part for text in reviews for part in re.split(r"(?<=[.!?])\s+|\n+", text) if 15 < len(part) < 200]
    mixed = [sentences[at] for at in np.random.default_rng(0).permutation(len(sentences))]
    for name, vectors in (("wordllama", centred(mixed)), ("tfidf", tfidf(mixed))):
        yield from _stability(name, vectors, options)


def _stability(name: str, vectors: Vectors, options: Options) -> Iterator[Line]:
    for same in _THRESHOLDS[3:4] if options.quick else _THRESHOLDS[:7]:
        whole, agreed = group(vectors, Centers(same=same)), []
        for left_out in range(5):
            part = np.flatnonzero(np.arange(len(vectors)) % 5 != left_out)
            again = group(vectors[part], Centers(same=same))
            both = (whole[part] >= 0) & (again >= 0)
            agreed.append(adjusted_rand_score(whole[part][both], again[both]))
        yield {
            "bench": "themes",
            "metric": "stability",
            "value": round(float(np.mean(agreed)), 3),
            "unit": "adjusted Rand index",
            "vectors": name,
            "sentences": len(vectors),
            "same": round(float(same), 2),
            "in_themes": round(float((whole >= 0).mean()), 2),
        }


def _quality(options: Options) -> Iterator[Line]:
    chosen = int(np.abs(_THRESHOLDS - SAME_OF_TFIDF).argmin())
    ours: dict[str, list[float]] = {}
    nightly: dict[str, list[float]] = {}
    agreed: dict[str, list[float]] = {}
    theirs: dict[str, list[list[float]]] = {}
    for name, questions, intents in bank_draws(1 if options.quick else DRAWS):
        whole, in_nights = (_in_lake(questions, nights) for nights in (1, NIGHTS))
        ours.setdefault(name, []).append(adjusted_rand_score(intents, whole))
        nightly.setdefault(name, []).append(adjusted_rand_score(intents, in_nights))
        agreed.setdefault(name, []).append(adjusted_rand_score(whole, in_nights))
        vectors = tfidf(questions)
        scores = [adjusted_rand_score(intents, alone(group(vectors, Centers(same=same)))) for same in _THRESHOLDS]
        theirs.setdefault(name, []).append(scores)
    for name, values in ours.items():
        value, by_threshold = np.mean(values), np.mean(theirs[name], axis=0)
        best = int(by_threshold.argmax())
        yield {
            "bench": "themes",
            "metric": "adjusted_rand",
            "value": round(float(value), 3),
            "unit": name,
            "draws": len(values),
            "lowest": round(min(values), 3),
            "in_30_nights": round(float(np.mean(nightly[name])), 3),
            "of_all_at_once": round(float(np.mean(nightly[name]) / value), 2),
            "agreement": round(float(np.mean(agreed[name])), 3),
            "peer": "tfidf",
            "peer_value": round(float(by_threshold[chosen]), 3),
            "ratio": round(float(value / by_threshold[chosen]), 2),
            # With the threshold that is best for these very texts, which nobody knows before.
            "peer_at_its_best": round(float(by_threshold[best]), 3),
            "peer_same": round(float(_THRESHOLDS[best]), 2),
        }


def _in_lake(sentences: Sequence[str], nights: int) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        return grouped_in_nights(folder, sentences, nights)


def large_night(count: int) -> list[str]:
    """Summaries: half of them about one of some hundred things, the others of words that nobody else uses."""
    random = np.random.default_rng(1)
    things = ("sign-in code", "bank sync", "receipt photo", "dark mode", "widget", "refund", "export", "search", "map")
    troubles = ("comes too late", "is charged twice", "cannot be found", "is missing", "crashes", "is slow", "is wrong")
    places = ("on the tablet", "after the update", "for shared accounts", "in the summary", "at the airport", "abroad")
    parts = [random.choice(part, count) for part in (things, troubles, places)]
    syllables = [f"{first}{second}{third}" for first in "bdfgklmnprst" for second in "aeiou" for third in "lmnrst"]
    words = np.array([first + second for first in syllables for second in syllables])
    is_common = random.random(count) < 0.5
    return [
        f"The {thing} {trouble} {place}." if common else f"{' '.join(words[random.integers(len(words), size=8)])}."
        for thing, trouble, place, common in zip(*parts, is_common, strict=True)
    ]


def _large_night(count: int) -> Iterator[Line]:
    # In a process of its own, whose peak is that of the grouping.
    command = [sys.executable, "-m", "tests.bench.themes", str(count)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, timeout=LONGEST_SECONDS, check=True, text=True)
    taken = json.loads(done.stdout.splitlines()[-1])
    for metric, measured_in in (("seconds", "s"), ("peak_mb", "MB")):
        more = {"items": count, "themes": taken["themes"], "in_themes": taken["in_themes"]}
        yield {"bench": "themes", "metric": metric, "value": taken[metric], "unit": measured_in, **more}


def main(count: int) -> None:
    """A night of so many items that knows no theme yet, and one more beside its themes: the slower of the two."""
    problems, seconds = large_night(2 * count), []
    with tempfile.TemporaryDirectory() as folder:
        nights = Nights(folder)
        for night in range(2):
            started = time.monotonic()
            grouped = nights.tickets(night, problems[night * count : (night + 1) * count])
            seconds.append(time.monotonic() - started)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    told = {"themes": len(grouped.counts), "in_themes": round(1 - grouped.loose / count, 2)}
    print(json.dumps({"seconds": round(max(seconds), 1), "peak_mb": round(peak_mb), **told}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
