"""Several sources as one."""

from collections.abc import Iterator, Mapping
from typing import Any

from include.errors import RetryLater
from include.sources.several import Several
from include.sources.source import Checkpoint, SourceRow, Window
from tests.sources.pulling import pull


class Pages:
    """A source of pages of ids; a page that is None fails once."""

    def __init__(self, *pages: list[str] | None) -> None:
        self.pages = list(pages)

    def pull(self, window: Window, resume: Mapping[str, Any] | None) -> Iterator[SourceRow | Checkpoint]:
        for number in range(resume["page"] if resume else 0, len(self.pages)):
            page = self.pages[number]
            if page is None:
                self.pages[number] = ["repaired"]
                raise RetryLater("away")
            yield from (SourceRow(name, {"id": name}) for name in page)
            yield Checkpoint({"page": number + 1})


def test_all_sources_are_pulled_in_turn() -> None:
    assert pull(Several([Pages(["a"], ["b"]), Pages(), Pages(["c"])])).ids == ["a", "b", "c"]


def test_a_retry_goes_on_in_the_source_and_on_the_page_that_failed() -> None:
    both = Several([Pages(["a"]), Pages(["b"], None, ["d"]), Pages(["e"])])
    failed = pull(both)
    assert isinstance(failed.error, RetryLater)
    assert (failed.checkpointed_ids, pull(both, resume=failed.resume).ids) == (["a", "b"], ["repaired", "d", "e"])


def test_a_retry_does_not_pull_a_finished_source_again() -> None:
    both = Several([Pages(["a"]), Pages(None)])
    failed = pull(both)
    assert (failed.checkpointed_ids, pull(both, resume=failed.resume).ids) == (["a"], ["repaired"])


def test_a_resumed_source_hands_no_resume_to_the_next() -> None:
    assert pull(Several([Pages(["a"]), Pages(["b"])]), resume={"source": 0, "resume": {"page": 1}}).ids == ["b"]


def test_sources_of_sources_resume_too() -> None:
    nested = Several([Several([Pages(["a"]), Pages(["b"], None)]), Pages(["d"])])
    failed = pull(nested)
    assert (failed.checkpointed_ids, pull(nested, resume=failed.resume).ids) == (["a", "b"], ["repaired", "d"])
