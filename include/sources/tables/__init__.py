"""Databases and warehouses: what a query gives, through any Airflow connection that has a `DbApiHook`.

A new table is no file here but a query in the folder of its pipeline. A store of rows that speaks no SQL would be one
more `Source` beside `sql_table.py`.
"""
