"""What an infer task does without: pandas costs half a second and some 40 MB of each, the SDK of OpenAI as much."""

import asyncio
import pickle
import subprocess
import sys
from pathlib import Path

from include.stages.extract import extract_records
from include.stages.plan import plan_run
from tests.fault_server.running import FaultServer
from tests.stages.running import Deployment, tickets

INFER = """
import asyncio, pickle, sys
from include.llm.endpoint import Endpoint
from include.lake.paths import open_lake
from include.pipelines.registry import load_pipeline
from include.stages.infer import infer_shard
lake, pipeline, run, base_url = pickle.load(sys.stdin.buffer)
endpoint = Endpoint(base_url, "sk-own-test-key", is_demo=False)
done = asyncio.run(infer_shard(open_lake(lake), load_pipeline(pipeline), run, endpoint, 0))
print(done["done"], "pandas" in sys.modules, "openai" in sys.modules)
"""


def test_a_shard_is_answered_without_pandas_and_the_sdk(tmp_path: Path, fault_server: FaultServer) -> None:
    deployment = Deployment(tmp_path, fault_server.base_url)
    deployment.write_source(tickets(5))
    run = deployment.settle()
    extract_records(deployment.lake, deployment.pipeline, run, deployment.environ)
    asyncio.run(plan_run(deployment.lake, deployment.pipeline, run, deployment.endpoint))
    given = pickle.dumps((str(tmp_path / "lake"), run.pipeline, run, fault_server.base_url))
    done = subprocess.run([sys.executable, "-c", INFER], input=given, capture_output=True, timeout=120)
    assert done.stdout.split() == [b"5", b"False", b"False"], done.stderr.decode()
