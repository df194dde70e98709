"""Starting, stopping, the log, and what a connection has to bear."""

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.fault_server import FaultServer, Plan, Rule
from tests.fault_server.__main__ import main
from tests.fault_server.catalogue import CATALOGUE, markdown_table
from tests.fault_server_test.asking import ask, question, send
from tests.servers.company_ca import CompanyCa

ROOT = Path(__file__).parents[2]
README = Path(__file__).parents[1] / "fault_server" / "README.md"


def test_a_server_in_a_process_does_the_same() -> None:
    """Same answers, same log, its own interpreter; and it is gone afterwards."""
    plan = Plan(rules=(Rule(fault="length", marker="long"),), models=("test-model",))
    with FaultServer(plan) as here, FaultServer(plan, process=True) as there:
        assert ask(here, "text").content == ask(there, "text").content
        assert ask(there, "long").choice["finish_reason"] == "length"
        assert there.log().counters.by_fault == {"length": 1}
        there.set_plan(Plan())
        assert ask(there, "long").choice["finish_reason"] == "stop"
        assert there.counters().requests == 1
        port = there.port
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=1)


def test_a_server_that_stops_refuses_connections_until_it_starts_again() -> None:
    """A provider that is down: open calls break, the port is kept, and so is the log."""
    server = FaultServer()
    with server:
        ask(server, "one")
        port = server.port
        server.stop()
        with pytest.raises(ConnectionRefusedError):
            ask(server, "two")
        server.start()
        assert server.port == port
        ask(server, "three")
        assert server.counters().requests == 2
    server.stop()


def test_a_taken_port_is_an_error() -> None:
    """In Python an exception, on the command line a message and code 1."""
    with FaultServer() as first:
        with pytest.raises(OSError, match="address already in use"):
            FaultServer(port=first.port).start()
        with pytest.raises(RuntimeError, match="ended with code 1"):
            FaultServer(port=first.port, process=True).start()
        assert main(["--port", str(first.port)]) == 1


def test_the_server_listens_on_this_machine_only(fault_server: FaultServer) -> None:
    """Another address of the loopback is refused already."""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", fault_server.port), timeout=1)


def test_a_process_ends_with_its_parent() -> None:
    """Nothing is left when the process that started it is killed."""
    program = (
        "import os, signal; from tests.fault_server import FaultServer\n"
        "server = FaultServer(process=True); server.start(); print(server.port, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert killed.returncode == -signal.SIGKILL
    for _ in range(1_200):
        try:
            socket.create_connection(("127.0.0.1", int(killed.stdout)), timeout=1).close()
        except OSError:
            return
        time.sleep(0.05)
    pytest.fail("The server still listens a minute after its parent's end.")


def test_a_user_can_start_it_and_ends_it_with_ctrl_c() -> None:
    """It says where it listens, and at the end what happened."""
    command = [sys.executable, "-m", "tests.fault_server", "--port", "0", "--fault", "500:marker=bad"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ}) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        server = FaultServer(port=int(first.rsplit(":", 1)[1].removesuffix("/v1\n")))
        assert first == f"Listening on {server.base_url}\n"
        assert [ask(server, text).status for text in ("good", "bad")] == [200, 500]
        process.send_signal(signal.SIGINT)
        assert "2 requests, 1 answered well" in process.stdout.read()
    assert process.returncode == 0


def test_a_wrong_command_line_says_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    """And leaves."""
    assert main(["--fault", "nonsense"]) == 2
    assert "There is no fault 'nonsense'" in capsys.readouterr().err


def test_the_log_has_every_request(fault_server: FaultServer) -> None:
    """Also those for models; bodies only where the plan says so."""
    before = time.time()
    fault_server.set_plan(Plan(latency_seconds=0.05, keep_bodies=True))
    send(fault_server, "GET", "/v1/models")
    ask(fault_server, "one")
    models, chat = fault_server.log().requests
    assert (models.path, models.number, models.outcome) == ("/v1/models", 0, "sent")
    assert (chat.path, chat.number, chat.outcome, chat.status) == ("/v1/chat/completions", 1, "sent", 200)
    assert before <= models.at <= chat.at <= time.time()
    assert 0.05 <= chat.seconds <= time.time() - before
    assert chat.good
    assert chat.body is not None
    assert json.loads(chat.body) == question("one")
    assert chat.accept_encoding == "identity"
    counters = fault_server.counters()
    assert (counters.requests, counters.calls_per_key[chat.key], counters.by_status) == (1, 1, {200: 2})
    fault_server.reset()
    assert fault_server.log().requests == []
    fault_server.set_plan(Plan())
    ask(fault_server, "one")
    assert fault_server.log().requests[0].body is None


def test_requests_in_flight_are_counted(fault_server: FaultServer) -> None:
    """Three that hang are three in flight, and none when their clients have left."""
    fault_server.set_plan(Plan(rules=(Rule(fault="hang"),)))
    body = json.dumps(question("text")).encode()
    lines = [socket.create_connection(("127.0.0.1", fault_server.port)) for _ in range(3)]
    for line in lines:
        line.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    _wait_for(fault_server, in_flight=3)
    for line in lines:
        line.close()
    _wait_for(fault_server, in_flight=0)
    counters = fault_server.counters()
    assert (counters.max_in_flight, counters.abandoned, counters.answered_ok) == (3, 3, 0)
    assert [entry.in_flight for entry in fault_server.log().requests] == [1, 2, 3]


def test_with_slots_the_others_wait_and_who_leaves_is_dropped_from_the_queue(fault_server: FaultServer) -> None:
    """One hangs in the only slot and one leaves the queue; when the first one leaves too, the third is answered."""
    fault_server.set_plan(Plan(slots=1, rules=(Rule(fault="hang", marker="hangs"),)))
    lines = []
    for number, text in enumerate(("It hangs.", "two", "three"), 1):
        body = json.dumps(question(text)).encode()
        line = socket.create_connection(("127.0.0.1", fault_server.port), timeout=60)
        line.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        lines.append(line)
        _wait_for(fault_server, in_flight=number)
    lines[1].close()
    _wait_for(fault_server, in_flight=2)
    assert fault_server.counters().answered_ok == 0
    lines[0].close()
    assert lines[2].recv(12) == b"HTTP/1.1 200"
    _wait_for(fault_server, in_flight=0)
    lines[2].close()
    counters = fault_server.counters()
    assert (counters.abandoned, counters.answered_ok) == (2, 1)


def _wait_for(server: FaultServer, in_flight: int) -> None:
    for _ in range(6_000):
        if server.counters().in_flight == in_flight:
            return
        time.sleep(0.01)
    pytest.fail(f"There were never {in_flight} in flight.")


def test_a_request_may_come_in_pieces_and_several_in_one(fault_server: FaultServer) -> None:
    """Byte by byte, and then two at once: three answers in order on one connection."""
    bodies = [json.dumps(question(text)).encode() for text in ("one", "two", "three")]
    requests = [b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: %d\r\n\r\n%s" % (len(b), b) for b in bodies]
    with socket.create_connection(("127.0.0.1", fault_server.port), timeout=60) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in requests[0][:200]:
            line.send(bytes([byte]))
        line.sendall(requests[0][200:] + requests[1] + requests[2])
        received = _receive(line, answers=3)
    keys = [entry.key for entry in fault_server.log().requests]
    positions = [received.index(key.encode()) for key in keys]
    assert len(set(keys)) == 3
    assert positions == sorted(positions)


def _receive(line: socket.socket, answers: int) -> bytes:
    """Read so many whole answers with status 200."""
    received = b""
    while received.count(b"HTTP/1.1 200 OK") < answers or not received.endswith(b"}"):
        data = line.recv(65536)
        assert data, "The server has closed the connection."
        received += data
    return received


def test_thousands_of_requests_may_wait_on_one_connection(fault_server: FaultServer) -> None:
    """They are answered one after the other, not one within the other."""
    with socket.create_connection(("127.0.0.1", fault_server.port), timeout=60) as line:
        line.sendall(b"GET /v1/models HTTP/1.1\r\n\r\n" * 3000)
        _receive(line, answers=3000)
    assert len(fault_server.log().requests) == 3000


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\ncontent-length: many\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n", b"411"),
        (b"POST / HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n", b"413"),
        (b"GET / HTTP/1.1\r\nx: " + b"y" * 70_000, b"431"),
    ],
)
def test_what_is_no_request_is_refused(sent: bytes, status: bytes, fault_server: FaultServer) -> None:
    """With a status, and the end of the connection."""
    with socket.create_connection(("127.0.0.1", fault_server.port), timeout=60) as line:
        line.sendall(sent)
        received = b""
        while data := line.recv(65536):
            received += data
    assert received.startswith(b"HTTP/1.1 " + status)
    assert b"connection: close" in received


def test_who_asks_first_is_told_to_continue(fault_server: FaultServer) -> None:
    """curl does so with large bodies."""
    body = json.dumps(question("text")).encode()
    with socket.create_connection(("127.0.0.1", fault_server.port), timeout=60) as line:
        head = b"POST /v1/chat/completions HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: %d\r\n\r\n" % len(body)
        line.sendall(head)
        assert line.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        line.sendall(body)
        assert line.recv(100).startswith(b"HTTP/1.1 200 OK")


def test_the_readme_lists_every_fault() -> None:
    """Its table is the one that `python -m tests.fault_server --list` prints."""
    assert markdown_table() in README.read_text(encoding="utf-8"), "Copy the table from --list into the README."
    assert len(CATALOGUE) > 60


@pytest.mark.parametrize("process", [False, True])
def test_it_speaks_tls_with_a_certificate(process: bool, company_ca: CompanyCa) -> None:
    trusting = ssl.create_default_context(cafile=company_ca.certificate)
    with FaultServer(certificate=company_ca.issue("localhost"), process=process) as server:
        assert server.base_url == f"https://127.0.0.1:{server.port}/v1"
        connection = http.client.HTTPSConnection("localhost", server.port, context=trusting)
        connection.request("GET", "/v1/models")
        assert json.load(connection.getresponse())["data"]
        connection.close()
        # Its own controls too.
        assert [entry.path for entry in server.log().requests] == ["/v1/models"]
