"""The image of the `Dockerfile` as a folder and an environment on this machine."""

import hashlib
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOME = "/opt/airflow"


@dataclass(frozen=True)
class Image:
    """What the Dockerfile's steps have made.

    Args:
        home: stands for /opt/airflow.
        binaries: of the environment that stands for the image's Python.
        environ: what the image sets.
    """

    home: Path
    binaries: Path
    environ: dict[str, str]

    def here(self, text: str) -> str:
        """A value or command with the image's folder replaced by the one on this machine."""
        return re.sub(rf"{HOME}(?=[/:\s\"']|$)", str(self.home), text)


def build(home: Path) -> Image:
    """Go through the Dockerfile's steps; the environment is kept below .bench/ for the next test with the same lock.

    Raises:
        AssertionError: a step that this does not know.
        subprocess.CalledProcessError: a step failed.
    """
    home.mkdir(parents=True)
    lock = hashlib.sha256((ROOT / "requirements.txt").read_bytes()).hexdigest()[:12]
    environment = ROOT / ".bench" / f"image-{lock}"
    image = Image(home, environment / "bin", {})
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    for line in (line for line in text.splitlines() if line and not line.startswith("#")):
        step, _, rest = line.partition(" ")
        if step == "ENV":
            image.environ.update(setting.split("=", 1) for setting in image.here(rest).split())
        elif step == "COPY":
            *sources, target = rest.split()
            for source in sources:
                _copy(ROOT / source, home / target)
        elif step == "RUN":
            _run(image, rest)
        else:
            assert step in ("FROM", "WORKDIR", "USER"), f"the Dockerfile has a step that the test does not know: {line}"
            assert step != "FROM" or rest == "python:3.11-slim"
    return image


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def _run(image: Image, command: str) -> None:
    environment = image.binaries.parent
    if command.startswith("pip install"):
        if (environment / "ready").exists():
            return
        shutil.rmtree(environment, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    # Whose the files are matters in a container only.
    script = f"chown() {{ :; }}; set -e; {image.here(command)}"
    search = f"{image.binaries}:/usr/bin:/bin"
    subprocess.run(["bash", "-c", script], cwd=image.home, env={**image.environ, "PATH": search}, check=True)
    if command.startswith("pip install"):
        (environment / "ready").touch()
