"""What the tests of all groups of faults share: one check each, and the product's own judgement of an answer."""

from collections.abc import Callable
from typing import Any

import pytest

from include.answer.structured_output import parse_answer
from include.errors import Quarantine
from tests.fault_server import FaultServer, Plan, Rule
from tests.fault_server.catalogue import CATALOGUE
from tests.fault_server_test.asking import SENTENCES, Reading, Response, ask

Check = Callable[[FaultServer], None]


class Checks:
    """The checks of one group of faults.

    Args:
        group: as in the catalogue.
    """

    def __init__(self, group: str) -> None:
        self.wanted = sorted(fault.name for fault in CATALOGUE.values() if fault.group == group)
        self._checks: dict[str, Check] = {}

    @property
    def names(self) -> list[str]:
        """Faults that have a check, sorted."""
        return sorted(self._checks)

    def __call__(self, *names: str) -> Callable[[Check], Check]:
        """Decorator: this function checks these faults."""

        def register(check: Check) -> Check:
            self._checks.update(dict.fromkeys(names, check))
            return check

        return register

    def run(self, name: str, server: FaultServer) -> None:
        """Let the server fail, check how, and see that it knows what it did and is well afterwards."""
        play(server, name)
        self._checks[name](server)
        assert set(server.counters().by_fault) == {name}
        server.set_plan(Plan())
        assert accepted(ask(server, "The text."))


def play(server: FaultServer, name: str, **settings: Any) -> None:
    """Let the server fail in this way for ever."""
    server.set_plan(Plan(rules=(Rule(fault=name, settings=settings),)))


def accepted(response: Response) -> bool:
    """Whether the product's own parser takes the answer."""
    parse_answer(Reading, response.content, SENTENCES)
    return response.status == 200 and response.choice["finish_reason"] == "stop"


def refused(response: Response, reason: str) -> str:
    """The message with which the product's own parser refuses the answer, for this reason."""
    assert response.status == 200
    assert response.choice["finish_reason"] == "stop"
    with pytest.raises(Quarantine) as caught:
        parse_answer(Reading, response.content, SENTENCES)
    assert caught.value.error_type == reason
    return caught.value.message
