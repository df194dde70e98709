"""Start and stop a server from Python: in a thread of this process, or in a process of its own."""

import asyncio
import http.client
import json
import queue
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from tests.fault_server.journal import Counters, Log
from tests.fault_server.plan import Plan
from tests.fault_server.server import HOST, FaultApplication, serve

_ROOT = Path(__file__).resolve().parents[2]
# Far beyond what starting takes; a test must not hang for ever.
_START_SECONDS = 30.0


class FaultServer:
    """A server on 127.0.0.1, to be used in a `with`, or with `start` and `stop`.

    Args:
        plan: see `Plan`; none: every question gets a valid answer at once.
        port: 0 takes a free one, and keeps it when the server is started again.
        process: run in a process of its own, so that it shares no interpreter lock with the client: for benchmarks. A
            process that is started again begins with an empty log; a thread goes on with its old one.
        certificate: file (PEM) with a key and its certificate; the server speaks TLS then.
    """

    def __init__(
        self, plan: Plan | None = None, *, port: int = 0, process: bool = False, certificate: Path | None = None
    ) -> None:
        self.port = port
        self._plan = plan or Plan()
        self._process = process
        self._certificate = certificate
        self._application = FaultApplication(self._plan)
        self._stop: Callable[[], None] | None = None

    @property
    def base_url(self) -> str:
        """What goes into OPENAI_BASE_URL."""
        return f"{'https' if self._certificate else 'http'}://{HOST}:{self.port}/v1"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen; returns when the server answers.

        Raises:
            OSError: the port is taken.
            RuntimeError: the server runs already, or its process ended at once.
        """
        if self._stop is not None:
            raise RuntimeError("This server runs already.")
        if self._process:
            self._start_process()
            self.set_plan(self._plan)
        else:
            self._start_thread()

    def stop(self) -> None:
        """Drop all connections and stop listening, as a provider that is down. Twice is fine."""
        stop, self._stop = self._stop, None
        if stop is not None:
            stop()

    def log(self, *, requests: bool = True) -> Log:
        """Counters, and every request unless `requests` is false."""
        return Log.from_json(self._call("GET", f"/_log?requests={int(requests)}"))

    def counters(self) -> Counters:
        """Only the counters, which is quick however many requests there were."""
        return self.log(requests=False).counters

    def set_plan(self, plan: Plan) -> None:
        """Another plan; log, limits, calls and seconds begin anew."""
        self._plan = plan
        self._call("POST", "/_plan", plan.model_dump_json().encode())

    def reset(self) -> None:
        """The same plan from its beginning, with an empty log."""
        self._call("POST", "/_reset")

    def _call(self, method: str, path: str, body: bytes = b"") -> Any:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=_START_SECONDS)
        if self._certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            # Whoever started it knows it by its port.
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            connection = http.client.HTTPSConnection(HOST, self.port, timeout=_START_SECONDS, context=context)
        try:
            connection.request(method, path, body=body, headers={"Connection": "close"})
            response = connection.getresponse()
            answer = json.loads(response.read())
        finally:
            connection.close()
        if response.status != 200:
            raise ValueError(answer["error"]["message"])
        return answer

    def _start_thread(self) -> None:
        started: queue.Queue[tuple[int, Callable[[], None]] | OSError] = queue.Queue()

        def tell(port: int, stop: Callable[[], None]) -> None:
            started.put((port, stop))

        def run() -> None:
            try:
                asyncio.run(serve(self._application, self.port, tell, self._certificate))
            except OSError as error:
                started.put(error)

        thread = threading.Thread(target=run, name="fault-server", daemon=True)
        thread.start()
        result = started.get(timeout=_START_SECONDS)
        if isinstance(result, OSError):
            raise result
        self.port, ask_to_stop = result

        def stop() -> None:
            ask_to_stop()
            thread.join(_START_SECONDS)

        self._stop = stop

    def _start_process(self) -> None:
        # The process ends with its standard input, so it does not outlive a test that is killed.
        command = [sys.executable, "-m", "tests.fault_server", "--port", str(self.port), "--until-stdin-ends"]
        if self._certificate is not None:
            command += ["--tls-cert", str(self._certificate)]
        process = subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdin is not None and process.stdout is not None
        line = process.stdout.readline()
        if not line:
            process.wait(_START_SECONDS)
            raise RuntimeError(f"The fault server's process ended with code {process.returncode}; see its error above.")
        self.port = int(line.rsplit(":", 1)[1].split("/")[0])

        def stop() -> None:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.close()
            try:
                process.wait(_START_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()

        self._stop = stop
