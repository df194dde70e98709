"""Which code made a run's answers."""

import hashlib
from functools import cache
from pathlib import Path

from include.privacy.policy import RedactionPolicy

_INCLUDE = Path(__file__).parent
HASHED_SUFFIXES = {".py", ".md", ".csv", ".j2", ".txt", ".sql", ".toml"}


@cache
def code_version() -> str:
    """First 12 hex digits of the SHA-256 over all code, prompts and prices below `include/`.

    A hash of the files rather than a commit: it is right in an image without git and in an edited checkout too.
    """
    return _hash_of(_INCLUDE)


@cache
def redaction_version(policy: RedactionPolicy) -> str:
    """First 12 hex digits of the SHA-256 over all that decides what is taken out of a pipeline's texts."""
    chosen = (sorted(policy.kinds), sorted(policy.patterns.items()), policy.customer_id_columns, policy.person_columns)
    return _hash_of(_INCLUDE / "privacy", repr(chosen))


def _hash_of(folder: Path, more: str = "") -> str:
    digest = hashlib.sha256(more.encode())
    for path in sorted(folder.rglob("*")):
        if path.suffix in HASHED_SUFFIXES and "samples" not in path.parts:
            digest.update(path.relative_to(_INCLUDE).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]
