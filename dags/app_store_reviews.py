"""The nightly Airflow DAG `app_store_reviews`; what is special about it lies in `include/pipelines/app_store_reviews/`."""

from include.stages.dag import build_dag

dag = build_dag("app_store_reviews")
