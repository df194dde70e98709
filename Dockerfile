# Nightshift in a container: plain Python with the lock file of a workstation, without a workstation's tools.
FROM python:3.11-slim

# `include` is imported as a package by DAGs, tasks and the plugin. The user has a name whatever AIRFLOW_UID is.
ENV AIRFLOW_HOME=/opt/airflow PYTHONPATH=/opt/airflow PYTHONUNBUFFERED=1 HOME=/opt/airflow USER=airflow
WORKDIR /opt/airflow

COPY requirements.txt requirements.txt
# The lock is whole, so nothing is resolved anew: pip would look for the newest `celery[redis]`, which has no hash here.
RUN pip install --no-cache-dir --no-deps --require-hashes --only-binary :all: -r requirements.txt && pip check

COPY dags dags
COPY include include
COPY plugins plugins
RUN python -m compileall -q dags include plugins

# New volumes take these over; whatever AIRFLOW_UID is, its group is 0.
RUN mkdir -p logs lake && chown -R 50000:0 /opt/airflow && chmod -R g=rwX /opt/airflow
USER 50000:0
