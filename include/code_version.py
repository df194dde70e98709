"""Which code made a run's answers."""

import hashlib
from functools import cache
from pathlib import Path

_INCLUDE = Path(__file__).parent
_SUFFIXES = {".py", ".md", ".csv", ".j2"}


@cache
def code_version() -> str:
    """First 12 hex digits of the SHA-256 over all code, prompts and prices below `include/`.

    A hash of the files rather than a commit: it is right in an image without git and in an edited checkout too.
    """
    digest = hashlib.sha256()
    for path in sorted(_INCLUDE.rglob("*")):
        if path.suffix in _SUFFIXES and "samples" not in path.parts:
            digest.update(path.relative_to(_INCLUDE).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]
