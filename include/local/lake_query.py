"""One query on the lake, as any tool that reads Parquet would ask it: what people write about, week by week."""

from include.lake.paths import Lake
from include.pipelines.definition import Pipeline

TOPICS = 8


def topics_by_week(lake: Lake, pipeline: Pipeline) -> str:
    """The SQL: texts by topic, a column for each week, the most frequent first."""
    report_fields = pipeline.report_fields
    folder = lake.uri(lake.table("current", pipeline.name)).replace("'", "''")
    # Files of an earlier version may lack a column.
    files = f"read_parquet('{folder}/*/*.parquet', union_by_name := true)"
    if report_fields.items:
        files = f"(SELECT occurred_at, unnest({report_fields.items}, recursive := true) FROM {files})"  # noqa: S608, of names in our own code
    return f"""PIVOT (
  SELECT {report_fields.topic} AS topic, date_trunc('week', occurred_at)::DATE AS week
  FROM {files}
) ON week USING count(*) GROUP BY topic ORDER BY list_sum([*COLUMNS(* EXCLUDE topic)]) DESC LIMIT {TOPICS}"""  # noqa: S608


def answer_of(query: str) -> str:
    """The result of a query as a table for people, or why there is none."""
    # Imported here because only those see it who wait for it.
    import duckdb

    try:
        with duckdb.connect() as connection:
            return str(connection.sql(query))
    except duckdb.Error as error:
        # Whatever is in an old lake: the runs have ended well, and this is the last page.
        return f"DuckDB cannot answer it: {error}"
