"""A whole run on a deployment alias of a model that thinks: refused for nothing but its first question, and kept."""

import json
from pathlib import Path

from include.llm.providers.dialect import THINKING_TOKENS
from tests.fault_server import FaultServer, Plan
from tests.llm.speaking import Model, Speaker
from tests.stages.running import Deployment, tickets
from tests.stages.test_whole_run import VALID

MINI = Model("max_completion_tokens", False, ("minimal", "low"), thinking=1_300, content=VALID)


def test_what_plan_has_learned_holds_for_the_run_and_its_answers_are_found_again(tmp_path: Path) -> None:
    with Speaker(MINI) as server:
        deployment = Deployment(tmp_path, server.base_url)
        deployment.write_source(tickets(3))
        row = deployment.run(model="prod-fast", promote=True)
        assert (row["published"], row["quarantined"], row["requests"]) == (3, 0, 4 + 3)
        last = json.loads(server.asked[-1].body)
        assert last["max_completion_tokens"] == deployment.pipeline.max_output_tokens + THINKING_TOKENS
        assert last["reasoning_effort"] == "minimal"
        assert row["dialect"].startswith("max_completion_tokens, no temperature, effort minimal")
        # The same texts under other ids: the first question finds the dialect, and with it the answers.
        deployment.write_source([{**ticket, "id": f"again-{ticket['id']}"} for ticket in tickets(3)])
        again = deployment.run("manual__2", model="prod-fast", promote=True)
        assert (again["published"], again["reused"], again["requests"]) == (3, 3, 4)


def test_sixty_records_are_published_where_there_is_no_json_schema(tmp_path: Path) -> None:
    with FaultServer(Plan(dialect="deepseek")) as server:
        deployment = Deployment(tmp_path, server.base_url)
        deployment.write_source(tickets(60))
        row = deployment.run(model="prod-fast", promote=True)
        counters = server.log().counters
    assert (row["published"], row["quarantined"], row["dialect"]) == (60, 0, "json_object, max_tokens, temperature 0")
    # One refusal, the first question, and the sixty.
    assert row["requests"] == counters.requests == 2 + 60
    assert set(deployment.table("results")["dialect"]) == {row["dialect"]}
