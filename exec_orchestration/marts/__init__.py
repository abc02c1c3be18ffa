"""Upstairs: each mart is a pure function that returns a SQLAlchemy Select, a value that can be printed.

The query runs inside the warehouse, so memory does not grow with history, on SQLite, PostgreSQL or any dialect with
window functions. Named CTEs, one idea each, in the order a reader thinks. Column names are those of the mart's table.
No HTTP, no Dagster, no connection here.
"""
