"""Texts that are answered together, and what has become of them."""

from dataclasses import dataclass

from include.lake.effort import Effort
from include.llm.flex import FlexPatience
from include.llm.prices import Price
from include.privacy.policy import RedactionPolicy


@dataclass(frozen=True)
class Job:
    """A shard of a run, or all texts that are tried.

    Args:
        run_key: under which the shards of a run share its budget and its fuse.
        texts: how many there are.
        progress: path of the file that shows how far it is, in the ledger's lake.
        price: of the model; None: unknown, and so nothing is known to be spent.
        redaction: what is taken out of raw outputs that are kept.
        mode: as the entries name it.
        number: of the shard.
        share_of_run: share of the run's texts that these are, from 0 to 1.
        expected_output_tokens: of an answer, from earlier runs; None: there are none.
        carried: folder of the ledger with notes that other runs have paid for; None: there is none.
        max_error_share: share of the run's records that may fail before its fuse blows; 1: all of them.
        times_blown: how often the fuse has ended it. What counted against the records then is asked again.
        flex: how long a record waits for room at flex; None: it is not asked for.
    """

    run_key: str
    texts: int
    progress: str
    price: Price | None
    redaction: RedactionPolicy
    mode: str = "online"
    number: int = 0
    share_of_run: float = 1.0
    expected_output_tokens: int | None = None
    carried: str | None = None
    max_error_share: float = 1.0
    times_blown: int = 0
    flex: FlexPatience | None = None


@dataclass(frozen=True)
class Answered:
    """What has become of a job, earlier attempts at it included.

    Args:
        done, failed: texts that have an outcome, and of these the ones without an answer.
        is_over_budget: whether the budget was used up, so that the texts left are for a later run.
        unusable: what was paid for no outcome.
        is_plain: whether each line of the ledger is an outcome of its own.
    """

    done: int
    failed: int
    is_over_budget: bool
    unusable: Effort
    is_plain: bool
