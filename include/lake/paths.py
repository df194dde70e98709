"""Where everything lies in the lake. Every path is built here and stays inside the root."""

import glob
import hashlib
import posixpath
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
from fnmatch import fnmatchcase
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from include.errors import ConfigurationError
from include.lake.columns import NAME
from include.lake.storage import Storage, never_list_from_cache

TABLES = ("raw", "results", "quarantine", "runs", "measures", "audit", "canaries")
TRIAL_SUFFIX, DRY_RUN_SUFFIX = "-trial", "-dry-run"
# What is asked or done beside a run, by its purpose: its files lie beside the run's, under a key that ends in it.
BESIDE = ("evaluation", "judge", "canary", "bridge", "naming", "audit", "correction")
_IS_BESIDE = re.compile(rf"\.({'|'.join(BESIDE)})$")
# Ends of a run key that have a meaning, or may be a hash.
_LOOKS_MADE = re.compile(rf"({TRIAL_SUFFIX}|{DRY_RUN_SUFFIX}|-[0-9a-f]{{16}}|{_IS_BESIDE.pattern[:-1]})$")
_RUN_KEY = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,150}$")


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-.")


def manual_run_key(run_id: str) -> str:
    """File name of a manual run's tables: the run id made safe, with a hash that keeps two ids apart."""
    return f"{_slug(run_id)[:60]}-{hashlib.sha256(run_id.encode()).hexdigest()[:8]}"


def window_run_key(start: datetime, end: datetime, model: str, prompt_version: str) -> str:
    """File name of a scheduled or backfilled run's tables: the same window, model and prompt give the same file.

    A model's name that is no file name as it is, is too long or could pass for another's gets a hash.
    """
    name = _slug(model)[:60]
    if name != model or _LOOKS_MADE.search(model):
        name += f"-{hashlib.sha256(model.encode()).hexdigest()[:16]}"
    return f"{start:%Y%m%dT%H%M%SZ}-{end:%Y%m%dT%H%M%SZ}-{prompt_version}-{name}"


def is_trial(path_or_key: str) -> bool:
    """Whether a run tried another model or prompt without `promote`; analysts' `current/` never shows it."""
    return posixpath.basename(path_or_key).removesuffix(".parquet").endswith(TRIAL_SUFFIX)


def is_beside(path_or_key: str) -> bool:
    """Whether a file or folder is of what was asked beside a run, such as its canaries: no run by itself."""
    return bool(_IS_BESIDE.search(posixpath.basename(path_or_key).removesuffix(".parquet")))


@dataclass(frozen=True)
class Lake:
    """The lake on any fsspec file system.

    Args:
        fs: file system; object storage as a `Storage`.
        root: path within it, without a slash at the end.
    """

    fs: Storage | fsspec.AbstractFileSystem
    root: str

    @property
    def is_local(self) -> bool:
        """Whether files can be appended to and renamed in place."""
        return isinstance(self.fs, LocalFileSystem)

    @property
    def hurried(self) -> "Lake":
        """The same lake for whoever must not wait for a storage that is away."""
        return replace(self, fs=self.fs.hurried()) if isinstance(self.fs, Storage) else self

    def uri(self, path: str) -> str:
        """A path as people paste it into pandas or DuckDB."""
        return path if self.is_local else self.fs.unstrip_protocol(path)

    def table(self, table: str, pipeline: str) -> str:
        """Folder of one table of a pipeline: `results/<pipeline>`."""
        if table not in (*TABLES, "current", "reports", "_work") or not NAME.match(pipeline):
            raise ConfigurationError(f"There is no table {table!r} of a pipeline {pipeline!r} in the lake.")
        return f"{self.root}/{table}/{pipeline}"

    def run_file(self, table: str, pipeline: str, run_date: date, run_key: str, suffix: str = ".parquet") -> str:
        """One run's file of a table: `results/<pipeline>/run_date=2026-11-23/<run_key>.parquet`."""
        return f"{self.table(table, pipeline)}/run_date={run_date.isoformat()}/{_checked(run_key)}{suffix}"

    def runs_path(self, pipeline: str, run_key: str) -> str | None:
        """The file in `runs/` of a run whose day is not known."""
        return next((path for path in self.listed("runs", pipeline) if path.endswith(f"/{run_key}.parquet")), None)

    def beside(self, runs_path: str, table: str, suffix: str = ".parquet") -> str:
        """The file of another table that a run with a file in `runs/` has."""
        return runs_path.replace(f"{self.root}/runs/", f"{self.root}/{table}/", 1).removesuffix(".parquet") + suffix

    def current_file(self, pipeline: str, day: str) -> str:
        """One day that analysts read: `current/<pipeline>/occurred_month=2026-11/part-23.parquet` for 2026-11-23."""
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", day):
            raise ConfigurationError(f"{day!r} is not a day such as 2026-11-23.")
        return f"{self.table('current', pipeline)}/occurred_month={day[:7]}/part-{day[8:]}.parquet"

    def current_ids(self, pipeline: str, month: str) -> str:
        """Which records a month of `current/` holds: `_index/<pipeline>/current/2026-11.parquet`."""
        return f"{self.index(pipeline)}/current/{month}.parquet"

    def themes(self, *parts: str) -> str:
        """A path below `themes/`, which belongs to all pipelines."""
        return posixpath.join(self.root, "themes", *parts)

    def theme_items(self, pipeline: str, run_date: date, run_key: str) -> str:
        """What one run's items were grouped to: `themes/items/<pipeline>/run_date=2026-11-23/<run_key>.parquet`."""
        return self.run_file("results", pipeline, run_date, run_key).replace(
            f"{self.root}/results/", self.themes("items/"), 1
        )

    def work(self, pipeline: str, run_key: str, *parts: str) -> str:
        """A path below `_work/<pipeline>/<run_key>`, where a run keeps what it has not published yet."""
        return posixpath.join(self.table("_work", pipeline), _checked(run_key), *parts)

    def files(self, table: str, pipeline: str, suffix: str = ".parquet") -> list[str]:
        """All files of a table of a pipeline, sorted."""
        return sorted(self.listed(table, pipeline, suffix))

    def listed(self, table: str, pipeline: str, suffix: str = ".parquet") -> Mapping[str, dict[str, Any]]:
        """All files of a table of a pipeline with what the file system says of them, as `find`.

        Object stores that list by prefix are asked once for a thousand files, not once for each night.
        """
        folder = self.table(table, pipeline)
        if not self._lists_by_prefix:
            return self.find(folder, f"*/*{suffix}")
        found = self.fs.find(folder, detail=True, prefix="occurred_month=" if table == "current" else "run_date=")
        return {
            path: info
            for path, info in found.items()
            if path.endswith(suffix) and path.removeprefix(f"{folder}/").count("/") == 1
        }

    @property
    def _lists_by_prefix(self) -> bool:
        return bool({"s3", "gs"} & {*self.fs.protocol})

    def has(self, path: str) -> bool:
        """Whether there is such a file or folder; fsspec's `exists` takes two requests for what is not there."""
        if not self._lists_by_prefix:
            return bool(self.fs.exists(path))
        folder, _, name = path.rpartition("/")
        return any(found == path or found.startswith(f"{path}/") for found in self.fs.find(folder, prefix=name))

    def index(self, pipeline: str) -> str:
        """Folder of what saves requests: `_index/<pipeline>`."""
        return f"{self.root}/_index/{posixpath.basename(self.table('runs', pipeline))}"

    def find(self, folder: str, pattern: str) -> Mapping[str, dict[str, Any]]:
        """What lies below a folder under a pattern such as `*/*.parquet`: path to what the file system says of it.

        `glob` of fsspec takes a `[` in the lake's own path for a pattern, and a folder that the storage fails to list
        for an empty one.

        Raises:
            RetryLater, ConfigurationError: see `Storage.patiently`.
        """
        name, _, rest = pattern.partition("/")
        try:
            listed = self.fs.ls(folder, detail=True)
        except FileNotFoundError:
            return {}
        found = {info["name"].rstrip("/"): info for info in listed}
        matching = {path: info for path, info in found.items() if fnmatchcase(posixpath.basename(path), name)}
        matching.pop(folder, None)
        if not rest:
            return matching
        inside = [self.find(path, rest) for path, info in matching.items() if info["type"] == "directory"]
        return {path: info for below in inside for path, info in below.items()}

    def below(self, folder: str) -> list[str]:
        """All files below a folder, sorted; given the folder, s3fs asks three times for one that is not there."""
        if not self._lists_by_prefix:
            return sorted(self.fs.find(folder))
        above, _, name = folder.rpartition("/")
        return sorted(self.fs.find(above, prefix=f"{name}/"))

    def remove_folder(self, folder: str) -> None:
        """Remove a folder with all that is in it, if it is there."""
        # Another try may have removed it since.
        with suppress(FileNotFoundError):
            if not self._lists_by_prefix:
                self.fs.rm(folder if self.is_local else glob.escape(folder), recursive=True)
                return
            names = [glob.escape(path) for path in self.below(folder)]
            self.fs.patiently(lambda: self.fs.plain.rm(names), folder)


def open_lake(uri: str) -> Lake:
    """The lake at a path or fsspec URI.

    Raises:
        ConfigurationError: no file system is known for the URI.
    """
    options: dict[str, Any] = {}
    if uri.startswith(("s3://", "s3a://")):
        # `Storage` repeats a call; below it each layer would do so for minutes.
        own = fsspec.config.conf.get("s3", {}).get("config_kwargs", {})
        options["config_kwargs"] = {"retries": {"total_max_attempts": 1}, **own}
    try:
        fs, root = fsspec.url_to_fs(uri, **options)
    except (ValueError, ImportError) as error:
        raise ConfigurationError(
            f"NIGHTSHIFT_LAKE={uri!r} cannot be opened ({error}). It is a folder, or a URI such as s3://bucket/prefix."
        ) from error
    if isinstance(fs, LocalFileSystem):
        return Lake(fs, root.rstrip("/"))
    never_list_from_cache(fs)
    return Lake(Storage(fs), root.rstrip("/"))


def _checked(run_key: str) -> str:
    if not _RUN_KEY.match(run_key):
        raise ConfigurationError(f"{run_key!r} is no run key: letters, digits, dots, dashes and underscores only.")
    return run_key
