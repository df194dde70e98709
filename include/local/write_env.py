"""`make env`: the file `.env` of a deployment, readable by its owner only, with secrets that nobody has chosen.

Needs nothing but Python: it runs where there is Docker and no environment of ours.
"""

import base64
import os
import re
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Who holds the key folder's files can read them in the containers; root's id would make their processes root.
_OWNER = str(os.getuid() or 50_000)
# What is filled in where nothing stands. Hexadecimal digits need no quoting in a URL.
_VALUES: Mapping[str, Callable[[], str]] = {
    "AIRFLOW_UID": lambda: _OWNER,
    "AIRFLOW_USER": lambda: "admin",
    "AIRFLOW_PASSWORD": lambda: secrets.token_hex(12),
    "POSTGRES_PASSWORD": lambda: secrets.token_hex(32),
    "FERNET_KEY": lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    "JWT_SECRET": lambda: secrets.token_hex(64),
    "API_SECRET_KEY": lambda: secrets.token_hex(64),
}


def write_env(folder: Path) -> list[str]:
    """Fill in what is empty in a folder's `.env`, which begins as a copy of its `.env.example`.

    Returns:
        Names of what was filled in.
    """
    path = (folder / ".env").resolve()
    text = (path if path.exists() else folder / ".env.example").read_text(encoding="utf-8")
    filled = []
    for name, make in _VALUES.items():
        line = f"{name}={make()}"
        # As Docker Compose reads it: quotes around nothing, or a comment, are nothing too.
        nothing = rf"^{name}=[^\S\n]*(\"\"|'')?[^\S\n]*(#.*)?$"
        text, found = re.subn(nothing, line, text, count=1, flags=re.MULTILINE)
        if not found and re.search(rf"^{name}=", text, re.MULTILINE):
            continue
        if not found:
            text = f"{text.rstrip()}\n{line}\n"
        filled.append(name)
    # Complete or not at all, and never readable by others on the way.
    draft = path.with_name(f".env.{secrets.token_hex(4)}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)
    return filled


if __name__ == "__main__":
    new = write_env(ROOT)
    for name, mode in (("secrets", 0o700), ("data", 0o755)):
        (ROOT / name).mkdir(mode, exist_ok=True)
    print(f".env: {'wrote ' + ', '.join(new) if new else 'all that must be secret stood there already'}.")
    print("You log in as AIRFLOW_USER with AIRFLOW_PASSWORD. Now set OPENAI_API_KEY, and what else you need, in .env.")
