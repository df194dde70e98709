"""The nightly Airflow DAG `support_tickets`.

What is special about it lies in `include/pipelines/support_tickets/`, the wiring in `include/stages/dag.py`.
"""

from include.stages.dag import build_dag

dag = build_dag("support_tickets")
