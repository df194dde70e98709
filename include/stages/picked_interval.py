"""Airflow's own *Data Interval*: whether a person has set it for a manual run.

Airflow gives every run with a logical date an interval, and does not keep who has set it: one that the timetable would
not give by itself, somebody has.
"""

from datetime import datetime, timedelta
from typing import Any

from include.pipelines.definition import Pipeline

# The form fills the logical date in when it is opened. Who picks a night by it picks an older one.
FORM_IS_OPEN = timedelta(hours=1)


def picked_interval(pipeline: Pipeline, dag_run: Any) -> tuple[datetime, datetime] | None:
    """The data interval that a person set, or asked for by an earlier logical date; None: nobody did.

    Args:
        dag_run: Airflow's, of a manual run. Where it gives an interval to such a run is `infer_manual_data_interval`
            of the timetable, called with the logical date by the API and with `run_after` by command line and
            operators (airflow/api_fastapi/core_api/datamodels/dag_run.py, airflow/api/common/trigger_dag.py).
    """
    from airflow.timetables.interval import CronDataIntervalTimetable
    from pendulum import instance

    interval = (dag_run.data_interval_start, dag_run.data_interval_end)
    if None in interval:
        return None
    timetable = CronDataIntervalTimetable(pipeline.schedule, timezone=pipeline.timezone)
    moments = [dag_run.run_after]
    logical_date = dag_run.logical_date
    if logical_date is not None and abs(logical_date - dag_run.run_after) < FORM_IS_OPEN:
        moments.append(logical_date)
    inferred = [timetable.infer_manual_data_interval(run_after=instance(moment)) for moment in moments]
    return None if interval in [(given.start, given.end) for given in inferred] else interval
