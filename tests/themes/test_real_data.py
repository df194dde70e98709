"""Questions of bank customers whose intents people know: themes find them again, better than counted words do."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from include.themes.grouping import Centers, group
from tests.bench.themes import SAME_OF_TFIDF, alone, bank_draws, tfidf
from tests.themes.nights import REAL_DATA, grouped_in_nights

pytestmark = [
    pytest.mark.long,
    pytest.mark.real_data,
    pytest.mark.skipif(not REAL_DATA.is_dir(), reason="the folder with real texts is not there"),
]


def test_intents_are_found_again_at_once_and_over_thirty_nights(tmp_path: Path) -> None:
    """Two draws of the ten, and all intents; `make bench BENCH=themes` has the ten."""
    found: dict[str, list[tuple[float, float]]] = {}
    nightly = []
    for number, (name, questions, intents) in enumerate(bank_draws(2)):
        whole = grouped_in_nights(tmp_path / f"whole-{number}", questions, 1)
        theirs = alone(group(tfidf(questions), Centers(same=SAME_OF_TFIDF)))
        ours = adjusted_rand_score(intents, whole)
        found.setdefault(name, []).append((ours, adjusted_rand_score(intents, theirs)))
        if number == 0:
            in_nights = grouped_in_nights(tmp_path / "nights", questions, 30)
            nightly.append(adjusted_rand_score(intents, in_nights) / ours)
    some, every = (np.mean(found[name], axis=0) for name in ("25 intents", "77 intents"))
    assert some[0] >= max(0.5, 1.4 * some[1])
    assert every[0] >= max(0.38, 1.4 * every[1])
    assert min(nightly) >= 0.9
