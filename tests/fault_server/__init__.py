"""An OpenAI-compatible server that answers plausibly, or fails in the way it is told. See README.md.

from tests.fault_server import FaultServer, Plan, Rule

with FaultServer(Plan(rules=[Rule(fault="length", marker="refund", times=1)])) as server:
    ...  # ask server.base_url
    assert server.log().counters.by_fault == {"length": 1}
"""

from tests.fault_server.plan import Limit, Plan, Rule
from tests.fault_server.running import FaultServer

__all__ = ["FaultServer", "Limit", "Plan", "Rule"]
