"""Child processes end with the one that started them, however it ends; ports and health are the children's own."""

import http.server
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from include.errors import EndpointUnusable
from include.local.children import Children
from include.local.model_server import wait_until_healthy
from include.local.ports import HOST, free_port
from tests.local.processes import descendants

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow
# A child that does not listen to SIGTERM, with a grandchild in a session of its own.
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
time.sleep(60)
"""
LAUNCHER = f"""
import os, sys, time
from pathlib import Path
from include.local.children import Children
with Children(Path(sys.argv[1])) as children:
    children.start("stubborn", [sys.executable, "-c", {STUBBORN!r}], os.environ)
    time.sleep(60)
"""


def wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until something is so; fails if it does not become so."""
    give_up_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.05)


def launcher(tmp_path: Path, before: set[psutil.Process]) -> subprocess.Popen[bytes]:
    """A process with a stubborn child, its grandchild and the reaper."""
    process = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, str(tmp_path)], env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    wait_for(lambda: len(descendants() - before) == 4)
    return process


def test_children_stop_with_everything_that_they_started(tmp_path: Path) -> None:
    before = descendants()
    with Children(tmp_path) as children:
        children.start("stubborn", [sys.executable, "-c", STUBBORN], os.environ)
        wait_for(lambda: len(descendants() - before) == 3)
    assert descendants() == before


def test_nothing_is_left_after_kill_9(tmp_path: Path) -> None:
    before = descendants()
    process = launcher(tmp_path, before)
    process.kill()
    process.wait()
    wait_for(lambda: descendants() == before)


def test_a_second_ctrl_c_does_not_leave_children_behind(tmp_path: Path) -> None:
    before = descendants()
    process = launcher(tmp_path, before)
    process.send_signal(signal.SIGINT)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    process.wait(20)
    assert descendants() == before


def test_children_end_even_when_their_guardian_was_killed(tmp_path: Path) -> None:
    before = descendants()
    with Children(tmp_path) as children:
        children.start("stubborn", [sys.executable, "-c", STUBBORN], os.environ)
        wait_for(lambda: len(descendants() - before) == 3)
        (reaper,) = [one for one in descendants() - before if one.cmdline()[-1].endswith("reaper.py")]
        reaper.kill()
    assert descendants() == before


def test_a_child_that_ends_by_itself_is_noticed(tmp_path: Path) -> None:
    with Children(tmp_path) as children:
        children.start("short", [sys.executable, "-c", "print('bye')"], os.environ)
        wait_for(lambda: bool(children.dead()))
        assert children.dead() == ["short"]
        assert children.log_path("short").read_text() == "bye\n"
        children.start("failing", [sys.executable, "-c", "raise SystemExit(3)"], os.environ)
        assert children.wait("failing") == 3
        assert children.dead() == ["short"], "what was waited for is not missed"


def test_a_busy_port_gives_way_to_the_next_free_one() -> None:
    with socket.socket() as busy:
        busy.bind((HOST, 0))
        busy.listen()
        port = busy.getsockname()[1]
        assert port < free_port(port) < port + 50


@pytest.mark.skipif(sys.platform != "linux", reason="claims are a Linux feature")
def test_two_that_start_at_once_choose_two_ports() -> None:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        wanted = probe.getsockname()[1]
    mine = free_port(wanted)
    script = f"from include.local.ports import free_port; print(free_port({mine}))"
    other = subprocess.run(
        [sys.executable, "-c", script], env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, check=True
    )
    assert int(other.stdout) > mine
    assert free_port(mine) == mine


def test_somebody_elses_server_does_not_pass_for_the_child(tmp_path: Path) -> None:
    with http.server.HTTPServer((HOST, 0), http.server.SimpleHTTPRequestHandler) as other, Children(tmp_path) as mine:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        mine.start("mute", [sys.executable, "-c", "import time; time.sleep(60)"], os.environ)
        with pytest.raises(EndpointUnusable, match=r"mute.*mute\.log"):
            wait_until_healthy(f"http://{HOST}:{other.server_port}/", mine, "mute", seconds=1)
        other.shutdown()
