# Nightshift on the official Airflow image: the same code and the same lock file as on a workstation.
FROM apache/airflow:3.3.2

COPY --chown=airflow:0 requirements.txt /opt/airflow/requirements.txt
# The image's own Airflow stays; the lock file pins the same version, so pip leaves it alone.
RUN pip install --no-cache-dir -r /opt/airflow/requirements.txt

COPY --chown=airflow:0 dags /opt/airflow/dags
COPY --chown=airflow:0 include /opt/airflow/include
COPY --chown=airflow:0 plugins /opt/airflow/plugins

# `include` is imported as a package by DAGs, tasks and the plugin.
ENV PYTHONPATH=/opt/airflow
