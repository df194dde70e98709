"""Every error that Nightshift raises on purpose.

    NightshiftError
    |-- ConfigurationError      a setting is wrong; said before the first paid request
    |-- StopRun                 going on cannot help; the run fails at once with a remedy
    |   |-- EndpointUnusable    not reachable, key refused, model unknown, quota used up
    |   |-- FuseBlown           too many records were refused or got no usable answer
    |   |-- SourceUnreadable    most rows of the source cannot become records
    |   |-- BudgetExceeded      the run would cost, or has cost, more than its budget
    |   |-- QualityGateFailed   the answers as a whole are not fit; nothing is published
    |   `-- CountsDoNotAddUp    extracted is not published + quarantined + skipped
    |-- RetryLater              passing trouble outlasted the request's own retries; the task retries
    `-- Quarantine              this one record cannot be answered; it goes to quarantine with a reason

What a caller does is the class, not the text: let `StopRun` fail the task without a retry, let `RetryLater` fail
it with one, write `Quarantine` to the quarantine table.
"""


class NightshiftError(Exception):
    """The root of all errors below.

    `leaves` is the reason under which the records that a failed run has not answered count as skipped.
    """

    leaves = "provider_stopped"


class ConfigurationError(NightshiftError):
    """A setting, a pipeline folder or a form value is wrong. The message names it and the way out."""


class StopRun(NightshiftError):
    """The run cannot succeed however often it is tried. Airflow fails the task without a retry."""


class EndpointUnusable(StopRun):
    """The LLM endpoint refuses every request: unreachable, key refused, model unknown, quota used up."""


class FuseBlown(StopRun):
    """Too large a share of the run's records was refused or got no usable answer."""

    leaves = "fuse"


class SourceUnreadable(StopRun):
    """Most rows of the source cannot become records: of another format, or with columns of other names."""


class BudgetExceeded(StopRun):
    """The run's estimated or actual cost is above its budget (USD)."""

    leaves = "over_budget"


class QualityGateFailed(StopRun):
    """The answers as a whole are not fit to be published: a suite-level expectation, or nearly all quarantined."""

    leaves = "answered_unpublished"


class CountsDoNotAddUp(StopRun):
    """Conservation is broken: `extracted != published + quarantined + skipped`."""


class RetryLater(NightshiftError):
    """The endpoint or the lake is away for longer than a request waits. What was answered is kept."""


class Quarantine(NightshiftError):
    """One record cannot be processed.

    Args:
        error_type: short machine-readable reason, such as `truncated` or `empty_text`.
        message: one line for people; never the record's whole text.
        raw_output: what the model said, if it said anything.
    """

    def __init__(self, error_type: str, message: str, raw_output: str | None = None) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.message = message
        self.raw_output = raw_output
