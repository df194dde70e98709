"""What the reviews of all app stores have in common: the columns of their rows."""

from datetime import UTC
from typing import Any

from include.sources.fields import moment_of
from include.sources.source import SourceRow
from include.text.clean import clean_text, is_blank
from include.text.columns import content_version

# What stores say of a review beside its words; null where one does not.
OTHERS = ("rating", "app_version", "country", "language", "device", "developer_reply")


def review_row(
    place: str,
    *,
    store: str,
    app_id: str,
    review_id: Any,
    title: Any,
    text: Any,
    written_at: Any,
    updated_at: Any,
    url: Any = None,
    **others: Any,
) -> SourceRow:
    """One review with the same columns whatever store it comes from; who wrote it is left out.

    Its version is the time of its last update and a hash of title and text, so it changes with each edit. A developer's
    reply is kept as it stands at the pull; alone it makes no new version, because the customer said nothing new. A
    review that has only a title has it as its text too. Values are taken as they were read: the normaliser judges them.

    Args:
        place: see `SourceRow`.
        store: `app_store` or `google_play`.
        app_id: of the store, a number or a package name.
        review_id: the store's own, the same after an edit.
        written_at, updated_at: ISO 8601 or a number since 1970, see `time_of`; the latter decides about the window.
        url: where a person can look the review up.
        others: columns of `OTHERS`, as far as the store has them.
    """
    changed_at = moment_of(updated_at)
    # Cleaned, because Google's two ways to the same review differ in the white space around it.
    version = content_version("\n".join(clean_text(part) if isinstance(part, str) else "" for part in (title, text)))
    if changed_at is not None:
        # To the second, because one of Google's two ways to the same review has no finer time.
        version = f"{changed_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}-{version}"
    row = {
        "id": review_id,
        "record_version": version,
        "text": text if isinstance(text, str) and not is_blank(text) else title,
        "created_at": written_at,
        "source_url": url,
        "title": title,
        **dict.fromkeys(OTHERS),
        **others,
        "app_id": app_id,
        "store": store,
    }
    return SourceRow(place, row, changed_at)


def place_of(store: str, app_id: str, review_id: Any, review: Any) -> str:
    """Name of a review that has no file and line; of one without an id, by its content."""
    return f"{store}/{app_id}/{review_id if isinstance(review_id, str) and review_id else content_version(str(review))}"
