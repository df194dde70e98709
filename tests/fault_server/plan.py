"""The script of a server: what it asks for, how fast it is, what it limits, and when it fails how."""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tests.fault_server.catalogue import find
from tests.fault_server.dialects import spoken


class _Setting(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Limit(_Setting):
    """At most so many requests or tokens in a span of time; what is beyond gets 429 with Retry-After.

    Args:
        requests, tokens: most of each within the span; None: any number.
        per_seconds: length of the span; 60 for a limit per minute, 1 for one per second.
        window: `sliding` looks back from each request; `fixed` starts anew at each multiple of the span on the wall
            clock, as a limit per clock minute does.
        retry_after_seconds: what Retry-After says; None: the true time until there is room, rounded up.
        counts_rejected: whether rejected requests use up the limit too, as OpenAI has it.
        charge: whether a request takes the tokens that it `used` or, as OpenAI has it, those `reserved` by its prompt
            and its `max_tokens`.
    """

    requests: int | None = Field(default=None, ge=1)
    tokens: int | None = Field(default=None, ge=1)
    per_seconds: float = Field(default=60.0, gt=0)
    window: Literal["sliding", "fixed"] = "sliding"
    retry_after_seconds: float | None = Field(default=None, ge=0)
    counts_rejected: bool = False
    charge: Literal["used", "reserved"] = "used"


class Rule(_Setting):
    """When which fault happens, or which answer is given. All conditions that are set must hold; without any, always.

    Args:
        fault: a name of the catalogue.
        settings: the fault's own, such as `{"seconds": 5}`.
        answer: instead of a fault: the content of the answer; anything but a string is sent as JSON.
        marker: the text that is asked about contains this.
        calls: first and last call to the server, counted from 1 when the plan was set.
        seconds: begin and end, counted from when the plan was set.
        probability: share of the calls; decided by the plan's seed, the text and how often it was asked about.
        times: only the first so many times for each text, which then is answered; None: for ever.
    """

    fault: str | None = None
    settings: Mapping[str, Any] = {}
    answer: Any = None
    marker: str | None = None
    calls: tuple[int, int] | None = None
    seconds: tuple[float, float] | None = None
    probability: float | None = Field(default=None, ge=0, le=1)
    times: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        if (self.fault is None) == (self.answer is None):
            raise ValueError("A rule has either a fault or an answer.")
        if self.fault is not None:
            find(self.fault, self.settings)
        return self


class Plan(_Setting):
    """All that a server does beyond answering at once.

    Args:
        rules: the first one whose conditions hold decides; none: the valid answer.
        markers: whether a text with `FAULT:<name>` in it gets that fault, and with `FAULT:<name>:once` the first time
            only.
        latency_seconds: how long each valid answer takes: a time, or the shortest and the longest.
        slots: questions that are answered at a time; the others wait in a queue, and who gives up is dropped from it.
            None: all are.
        api_key: required bearer token; None: anyone may ask.
        models: those that exist; None: any name does.
        of_models: what `GET /v1/models` says of each besides, such as its `shutdown_date`.
        limits: all of them hold at once.
        rate_headers: whether answers carry `x-ratelimit-*` headers about the limits.
        seed: of all that is random.
        dialect: what it takes of a question, by a name of `dialects.py`; None: all that OpenAI has.
        keep_bodies: whether the log has the bodies of the requests.
    """

    rules: tuple[Rule, ...] = ()
    markers: bool = True
    latency_seconds: float | tuple[float, float] = 0.0
    slots: int | None = Field(default=None, ge=1)
    api_key: str | None = None
    models: tuple[str, ...] | None = None
    of_models: dict[str, Any] = {}
    limits: tuple[Limit, ...] = ()
    rate_headers: bool = False
    seed: int = 0
    dialect: str | None = None
    keep_bodies: bool = False

    @model_validator(mode="after")
    def _speaks(self) -> Self:
        if self.dialect is not None:
            spoken(self.dialect)
        return self
