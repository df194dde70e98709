"""What a source yields: records, and the rows that could not become one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Record:
    """One customer text, normalised and redacted.

    Args:
        record_id: the source's own id, stable from night to night.
        record_version: changes when the record does (an edited review); see `content_version`.
        source: pipeline name.
        source_url: where a person can look the record up, if anywhere.
        occurred_at: when the customer wrote it, UTC; the time of the pull where the source does not say.
        text: redacted, valid UTF-8, without control characters; never empty.
        attributes: the source's other columns, by name without `attr_`.
        unreadable_values: attributes that are null because what the source says does not convert to their type.
        is_dated: whether the source says when it was written; an undated record belongs to the run that pulls it.
    """

    record_id: str
    record_version: str
    source: str
    source_url: str | None
    occurred_at: datetime
    text: str
    attributes: Mapping[str, str | int | float | bool | None]
    unreadable_values: tuple[str, ...] = ()
    is_dated: bool = True


@dataclass(frozen=True, slots=True)
class UnreadableRecord:
    """A row of the source that goes to quarantine instead of to the model.

    Args:
        record_id: the source's id, or `<file name>#L<line>` where there is none; the same at every pull.
        record_version: hash of the raw row.
        source: pipeline name.
        occurred_at: UTC, if it was readable.
        error_type: `invalid_utf8`, `not_json`, `not_csv`, `not_table`, `not_parquet`, `damaged_file`, `missing_id`,
            `damaged_id`, `empty_text`, `bad_timestamp`, `too_large`; of whole files also `wrong_format`, `not_text`,
            `not_transcript`, `too_short`, `no_permission`, and of a conversation or a mail `unreadable`.
        error_message: one line that names the file and the line.
        raw: redacted head of the raw row.
    """

    record_id: str
    record_version: str
    source: str
    occurred_at: datetime | None
    error_type: str
    error_message: str
    raw: str
