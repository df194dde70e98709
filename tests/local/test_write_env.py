"""`make env`: a deployment's secrets, made up once, for their owner only."""

import base64
import re
import stat
from pathlib import Path

import pytest

from include.local.write_env import write_env

EXAMPLE = Path(__file__).parents[2] / ".env.example"
SECRETS = ("AIRFLOW_PASSWORD", "POSTGRES_PASSWORD", "FERNET_KEY", "JWT_SECRET", "API_SECRET_KEY")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ".env.example").write_bytes(EXAMPLE.read_bytes())
    return tmp_path


def values(folder: Path) -> dict[str, str]:
    lines = (folder / ".env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if re.match(r"[A-Z_]+=", line))


def test_all_that_must_be_secret_is_made_up_for_the_owner_only(folder: Path) -> None:
    write_env(folder)
    made = values(folder)
    assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o600
    assert len({made[name] for name in SECRETS}) == len(SECRETS)
    assert all(len(made[name]) >= 24 for name in SECRETS)
    assert len(base64.urlsafe_b64decode(made["FERNET_KEY"])) == 32
    # Docker Compose would take a dollar for a variable, and a URL a slash for its path.
    assert re.fullmatch(r"\w+", made["POSTGRES_PASSWORD"])
    assert made["OPENAI_API_KEY"] == ""
    assert [path.name for path in folder.iterdir() if path.name.startswith(".env.")] == [".env.example"]


def test_two_deployments_share_no_secret(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / ".env.example").write_bytes(EXAMPLE.read_bytes())
    write_env(folder)
    write_env(other)
    assert not {values(folder)[name] for name in SECRETS} & {values(other)[name] for name in SECRETS}


def test_what_stands_there_stays(folder: Path) -> None:
    own = "POSTGRES_PASSWORD=ours\nFERNET_KEY=\nJWT_SECRET=''\nAPI_SECRET_KEY= # later\nMINE=1"
    (folder / ".env").write_text(own, encoding="utf-8")
    (folder / ".env").chmod(0o644)
    filled = write_env(folder)
    assert filled == ["AIRFLOW_UID", "AIRFLOW_USER", "AIRFLOW_PASSWORD", "FERNET_KEY", "JWT_SECRET", "API_SECRET_KEY"]
    made = values(folder)
    assert made["POSTGRES_PASSWORD"] == "ours" and made["MINE"] == "1"
    assert all(len(made[name]) >= 24 for name in SECRETS if name != "POSTGRES_PASSWORD")
    assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o600
    before = (folder / ".env").read_bytes()
    assert write_env(folder) == []
    assert (folder / ".env").read_bytes() == before
