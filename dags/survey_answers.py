"""The nightly Airflow DAG `survey_answers`.

What is special about it lies in `include/pipelines/survey_answers/`,
the wiring in `include/stages/dag.py`.
"""

from include.stages.dag import build_dag

dag = build_dag("survey_answers")
