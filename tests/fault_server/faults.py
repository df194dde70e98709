"""What a fault is, and how one is written down.

A fault is a function from the question to the reply, with its settings as keyword arguments; the first line of its
docstring is its line in the README. Each group of faults is a module of its own; `catalogue.py` has them all.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.fault_server.chat_request import ChatRequest
from tests.fault_server.reply import Reply

Make = Callable[..., Reply]


class FaultNotPossible(ValueError):
    """This question cannot be answered with this fault, such as a bad label where the schema has no closed set."""


@dataclass(frozen=True)
class Fault:
    """One way to fail.

    Args:
        name: as it stands in plans and in `FAULT:<name>`.
        group: `status`, `transport`, `body`, `answer`, `wrapped`, `text` or `tier`.
        description: one line for people.
        make: from the question and the settings to the reply.
        only_at: the service tier that a call must ask for to meet it; None: any.
    """

    name: str
    group: str
    description: str
    make: Make
    only_at: str | None = None

    def concerns(self, chat: ChatRequest) -> bool:
        """Whether this call can meet it."""
        return self.only_at in (None, chat.service_tier)

    @property
    def settings(self) -> dict[str, Any]:
        """Names of the keyword arguments, and their defaults."""
        parameters = list(inspect.signature(self.make).parameters.values())[1:]
        return {parameter.name: parameter.default for parameter in parameters}

    def reply(self, chat: ChatRequest, settings: Mapping[str, Any]) -> Reply:
        """The reply to one question.

        Raises:
            FaultNotPossible: see there.
        """
        return self.make(chat, **settings)


class FaultGroup:
    """Collects the faults of one module."""

    def __init__(self, name: str, only_at: str | None = None) -> None:
        self.name, self.only_at = name, only_at
        self.faults: list[Fault] = []

    def add(self, name: str, description: str, make: Make) -> None:
        """Register a fault."""
        self.faults.append(Fault(name, self.name, description, make, self.only_at))

    def __call__(self, name: str) -> Callable[[Make], Make]:
        """Decorator: register the function under this name, described by the first line of its docstring."""

        def register(make: Make) -> Make:
            self.add(name, (make.__doc__ or "").strip().splitlines()[0].rstrip("."), make)
            return make

        return register
