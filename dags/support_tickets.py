"""The nightly Airflow DAG `support_tickets`; what is special about it lies in `include/pipelines/support_tickets/`."""

from include.stages.dag import build_dag

dag = build_dag("support_tickets")
