"""The nightly Airflow DAG `call_transcripts`.

What is special about it lies in `include/pipelines/call_transcripts/`, the wiring in `include/stages/dag.py`.
"""

from include.stages.dag import build_dag

dag = build_dag("call_transcripts")
