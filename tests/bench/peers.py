"""Virtual environments of the other libraries below `.bench/`: their pins conflict with ours and with each other's."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.bench.measuring import ROOT, Options, tell

FOLDER = ROOT / ".bench"
# Those that the figures in the README were measured with.
PACKAGES = {
    "curator": ("bespokelabs-curator==0.1.31",),
    "litellm": ("litellm==1.106.2",),
    "instructor": ("instructor==1.17.0",),
}
# All of them phone home or load tables from the internet otherwise.
_OFFLINE = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "HF_HUB_OFFLINE": "1",
    "TELEMETRY_ENABLED": "false",
    "DO_NOT_TRACK": "true",
}


@dataclass(frozen=True)
class Environment:
    """A library's virtual environment.

    Args:
        python: its interpreter.
        environ: what the library needs to work without the internet.
    """

    python: str
    environ: Mapping[str, str]


def environments(options: Options) -> dict[str, Environment]:
    """The environment of each peer, made at the first use; none unless peers were asked for."""
    return {name: _environment(name) for name in PACKAGES} if options.peers else {}


def _environment(name: str) -> Environment:
    folder = FOLDER / name
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        tell(f"setting up {folder} with {', '.join(PACKAGES[name])} (once)")
        uv = Path(sys.executable).with_name("uv")
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder], check=True)
        subprocess.run([uv, "pip", "install", "--quiet", "--python", python, *PACKAGES[name]], check=True)
        (folder / "ready").touch()
    # LiteLLM brings the tables of tiktoken along; it would download them otherwise.
    tables = next(folder.glob("lib/python*/site-packages/litellm/litellm_core_utils/tokenizers"), None)
    cached = {} if tables is None else {"TIKTOKEN_CACHE_DIR": os.fspath(tables)}
    return Environment(os.fspath(python), {**_OFFLINE, **cached})
