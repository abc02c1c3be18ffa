"""The user sync as Dagster runs it: between the side wing, which decides about people, and vendor, tables and UI."""
