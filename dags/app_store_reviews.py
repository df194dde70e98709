"""The nightly Airflow DAG `app_store_reviews`.

What is special about it lies in `include/pipelines/app_store_reviews/`, the wiring in `include/stages/dag.py`.
"""

from include.stages.dag import build_dag

dag = build_dag("app_store_reviews")
