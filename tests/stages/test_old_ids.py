"""Nights over a lake that an earlier version wrote: to it `12345.0` was an id of its own."""

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.lake.old_ids import OldIds
from include.lake.paths import Lake, open_lake
from include.lake.raw_records import raw_schema
from include.lake.write import write_table
from tests.fault_server.running import FaultServer
from tests.stages.help_desk_scenario import DAY, HOUR, NIGHT, Office, office

__all__ = ["office"]


class Exports(Office):
    """An office that reads a CSV file, written with whole numbers or, where there were gaps, with floats."""

    def __init__(self, folder: Path, server: FaultServer) -> None:
        super().__init__(folder, server)
        self.file = folder / "tickets.csv"
        self.environ["NIGHTSHIFT_SOURCE_SUPPORT_TICKETS"] = str(self.file)

    def put(self, *ids: str, text: str = "has a problem") -> None:
        """One ticket for each id."""
        said = "".join(f"{each},Ticket {float(each):.0f} {text}.,{NIGHT - HOUR:%Y-%m-%dT%H:%M:%SZ}\n" for each in ids)
        self.file.write_text(f"id,text,created_at\n{said}")

    def make_old(self) -> None:
        """Make of the lake what the version before would have written of the same file with floats."""
        lake = Path(self.deployment.lake.root)
        for path in lake.rglob("*.parquet"):
            table = pq.ParquetFile(path).read()
            if "record_id" in table.column_names:
                place = table.column_names.index("record_id")
                field = table.schema.field(place)
                ids = pa.array([f"{each}.0" for each in table["record_id"].to_pylist()]).cast(field.type)
                pq.write_table(table.set_column(place, field, ids), path)
        for folder in lake.rglob("_index"):
            shutil.rmtree(folder)


@pytest.fixture
def exports(tmp_path: Path, fault_server: FaultServer) -> Exports:
    return Exports(tmp_path, fault_server)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["", ".0"])
def test_no_night_is_paid_again_because_ids_have_one_form_now(exports: Exports, form: str) -> None:
    exports.put("12345", "678")
    assert exports.night(NIGHT) == {"12345", "678"}
    exports.make_old()
    exports.put(f"12345{form}", f"678{form}")
    run = exports.settle(NIGHT + DAY)
    assert (exports.extract(run).skipped, exports.plan(run)) == ({"has_outcome": 2}, [])
    exports.put(f"12345{form}", f"678{form}", "9")
    assert exports.night(NIGHT + DAY) == {"9"}
    assert set(exports.current()) == {"12345.0", "678.0", "9"}


@pytest.mark.slow
def test_an_edited_record_takes_the_place_of_its_old_form(exports: Exports) -> None:
    exports.put("12345")
    exports.night(NIGHT)
    exports.make_old()
    exports.put("12345", text="has another problem")
    assert exports.night(NIGHT + DAY) == {"12345.0"}
    assert exports.current() == {"12345.0": "Ticket 12345 has another problem."}


def raw(folder: Path, *rows: tuple[str, str]) -> Lake:
    """A lake with these ids and versions in `raw/`."""
    lake = open_lake(str(folder))
    schema = raw_schema({})
    records = [
        {"record_id": record_id, "record_version": version, "source": "demo", "occurred_at": NIGHT, "text": "Late."}
        for record_id, version in rows
    ]
    path = lake.run_file("raw", "demo", NIGHT.date(), "a")
    write_table(lake, path, pa.Table.from_pylist(records, schema=schema))
    return lake


def test_a_record_keeps_the_id_that_the_lake_has(tmp_path: Path) -> None:
    ids = OldIds(raw(tmp_path, ("1.0", "a"), ("-2.0", "a"), ("v3.0", "a"), ("4", "a")), "demo")
    kept = {given: ids.of(given, "another") for given in ("1", "-2", "v3", "3", "4", "T-1")}
    assert kept == {"1": "1.0", "-2": "-2.0", "v3": "v3", "3": "3", "4": "4", "T-1": "T-1"}


def test_where_both_forms_are_in_the_lake_the_one_with_the_version_counts_else_the_old_one(tmp_path: Path) -> None:
    ids = OldIds(raw(tmp_path, ("1.0", "a"), ("1.0", "b"), ("1", "a"), ("1", "c")), "demo")
    assert [ids.of("1", version) for version in "bcd"] == ["1.0", "1", "1.0"]
