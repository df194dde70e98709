"""`FILE=` of `make run`: one pipeline reads a person's own file or folder instead of its source."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from include.errors import ConfigurationError
from include.pipelines.registry import pipeline_names
from include.settings import source_setting
from include.sources.calls.transcript_file import is_transcript
from include.sources.columns import columns_setting
from include.sources.files.formats import ENDINGS
from include.sources.files.location import find_files
from include.text.address import without_signature

# Where a folder of calls, one file each, is named instead.
CALLS, CALLS_SETTING = "call_transcripts", "CALL_TRANSCRIPTS_PREFIX"


@dataclass(frozen=True)
class OwnFile:
    """A person's own texts.

    Args:
        pipeline: that reads them.
        given: as it was typed, but for what signs an address.
        location: absolute path, folder, glob or URI.
        setting: the environment variable that makes the pipeline read them.
        is_dry: whether it is only looked at.
        model: that `MODEL` names, but for the bundled one, which costs nothing.
        columns: what the environment says of its columns.
    """

    pipeline: str
    given: str
    location: str
    setting: str
    is_dry: bool
    model: str | None = None
    columns: str = ""

    @property
    def settings(self) -> dict[str, str]:
        """What the run has in its environment besides."""
        return {source_setting(self.pipeline): "", self.setting: self.location}

    @property
    def columns_setting(self) -> str:
        """Name of the variable that says which columns are which."""
        return columns_setting(self.pipeline)

    @property
    def command(self) -> str:
        """The command that asks about it."""
        columns = f"{self.columns_setting}={shlex.quote(self.columns)} " if self.columns else ""
        return f"{columns}make run PIPELINES={self.pipeline} FILE={shlex.quote(self.given)}"


def check_there(own: OwnFile) -> None:
    """Find the file now, and not minutes later in a task.

    Raises:
        ConfigurationError, RetryLater: see `find_files`.
    """
    if own.setting != CALLS_SETTING:
        find_files(own.location, own.setting)


def own_file(environ: Mapping[str, str]) -> OwnFile | None:
    """What `FILE` names; None where it is not set.

    Args:
        environ: `FILE`, `PIPELINES`, `DRY` and `MODEL` as `make run` passes them on.

    Raises:
        ConfigurationError: `PIPELINES` does not name exactly one that there is, or `DRY` has no file to look at.
    """
    given = environ.get("FILE", "").strip()
    # All but a plain no: a slip of the finger must not ask a model about everything.
    is_dry = environ.get("DRY", "") not in ("", "0")
    if not given:
        if is_dry:
            raise ConfigurationError(
                "DRY=1 looks at a file. Name it: make run PIPELINES=support_tickets FILE=tickets.csv DRY=1"
            )
        return None
    names = environ.get("PIPELINES", "").replace(",", " ").split()
    if len(names) != 1 or names[0] not in pipeline_names():
        raise ConfigurationError(
            f"FILE={without_signature(given)} is read by one pipeline. Name it with PIPELINES=, one of: "
            f"{', '.join(pipeline_names())}."
        )
    location = given if "://" in given else str(Path(given).expanduser().absolute())
    is_of_calls = names[0] == CALLS and _holds_transcripts(location)
    setting = CALLS_SETTING if is_of_calls else source_setting(names[0])
    model = None if environ.get("MODEL") in ("", "bundled") else environ.get("MODEL")
    columns = environ.get(columns_setting(names[0]), "")
    return OwnFile(names[0], without_signature(given), location, setting, is_dry, model, columns)


def _holds_transcripts(location: str) -> bool:
    """Whether it is a folder with calls, one file each, and no table of texts."""
    if "://" in location:
        # Only an Airflow connection opens a bucket of calls, and CALL_TRANSCRIPTS_PREFIX names it.
        return False
    # A call by itself is refused by its own reader, which says to give the folder.
    names = [path.name for path in (Path(location), *Path(location).rglob("*")) if path.is_file()]
    tables = [name for name in names if name.lower().endswith(ENDINGS) and not is_transcript(name)]
    return not tables and any(map(is_transcript, names))
