"""Other bulk libraries, each in a virtual environment of its own, because their pins conflict with ours."""

import subprocess
import sys
from pathlib import Path

from tests.bench.processes import ROOT

# What is installed for each; pyarrow and ours' own imports for the child that measures.
PEERS: dict[str, tuple[str, ...]] = {
    "curator": ("bespokelabs-curator==0.1.31", "setuptools<81"),
    "litellm": ("litellm==1.106.2",),
    "instructor": ("instructor==1.17.0",),
}
_OFFLINE = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "HF_HUB_OFFLINE": "1",
    "TELEMETRY_ENABLED": "false",
    "DO_NOT_TRACK": "true",
    "CURATOR_VIEWER": "0",
    "CURATOR_DISABLE_CACHE": "1",
}


def peer_python(name: str) -> tuple[str, dict[str, str]]:
    """Interpreter and variables of a peer; its environment is made at the first call.

    Returns:
        Path of the interpreter, and variables that keep it from the network.
    """
    folder = ROOT / ".bench" / name
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        print(f"setting up {name} in {folder}", file=sys.stderr, flush=True)
        uv = Path(sys.executable).parent / "uv"
        subprocess.run([uv, "venv", "--quiet", "--clear", folder], check=True)
        subprocess.run([uv, "pip", "install", "--quiet", "--python", python, *PEERS[name]], check=True)
        (folder / "ready").touch()
    found = next(folder.rglob("litellm_core_utils/tokenizers"), None)
    return str(python), {
        **_OFFLINE,
        **({"TIKTOKEN_CACHE_DIR": str(found)} if found else {}),
    }
