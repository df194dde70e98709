"""Several sources as one."""

from collections.abc import Iterator, Mapping
from typing import Any

from include.errors import RetryLater
from include.sources.combined import CombinedSource
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
    assert pull(CombinedSource({"one": Pages(["a"], ["b"]), "two": Pages(), "three": Pages(["c"])})).ids == [
        "a",
        "b",
        "c",
    ]


def test_a_retry_goes_on_in_the_source_and_on_the_page_that_failed() -> None:
    both = CombinedSource({"one": Pages(["a"]), "two": Pages(["b"], None, ["d"]), "three": Pages(["e"])})
    failed = pull(both)
    assert isinstance(failed.error, RetryLater)
    assert (failed.checkpointed_ids, pull(both, resume=failed.resume).ids) == (["a", "b"], ["repaired", "d", "e"])


def test_a_retry_does_not_pull_a_finished_source_again() -> None:
    both = CombinedSource({"one": Pages(["a"]), "two": Pages(None)})
    failed = pull(both)
    assert (failed.checkpointed_ids, pull(both, resume=failed.resume).ids) == (["a"], ["repaired"])


def test_a_resumed_source_hands_no_resume_to_the_next() -> None:
    resume = {"done": [], "source": "one", "resume": {"page": 1}}
    assert pull(CombinedSource({"one": Pages(["a"]), "two": Pages(["b"])}), resume=resume).ids == ["b"]


def test_a_retry_with_other_sources_pulls_what_is_new_and_no_source_twice() -> None:
    """An error says which setting to correct, and the task is cleared after that."""
    failed = pull(CombinedSource({"us": Pages(["a"]), "uk": Pages(None)}))
    corrected = CombinedSource({"at": Pages(["b"]), "gb": Pages(["c"]), "us": Pages(["never again"])})
    assert (failed.checkpointed_ids, pull(corrected, resume=failed.resume).ids) == (["a"], ["b", "c"])


def test_a_source_that_was_begun_goes_on_where_it_stood_at_any_place() -> None:
    begun = Pages(["a"], None, ["c"])
    failed = pull(CombinedSource({"us": begun}))
    assert pull(CombinedSource({"at": Pages(["b"]), "us": begun}), resume=failed.resume).ids == ["b", "repaired", "c"]


def test_sources_of_sources_resume_too() -> None:
    nested = CombinedSource(
        {"both": CombinedSource({"one": Pages(["a"]), "two": Pages(["b"], None)}), "last": Pages(["d"])}
    )
    failed = pull(nested)
    assert (failed.checkpointed_ids, pull(nested, resume=failed.resume).ids) == (["a", "b"], ["repaired", "d"])
