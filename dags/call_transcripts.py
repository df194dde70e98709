"""The nightly Airflow DAG `call_transcripts`; what is special about it lies in `include/pipelines/call_transcripts/`."""

from include.stages.dag import build_dag

dag = build_dag("call_transcripts")
