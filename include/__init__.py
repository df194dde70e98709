"""Nightshift: overnight LLM batch jobs on Apache Airflow."""
