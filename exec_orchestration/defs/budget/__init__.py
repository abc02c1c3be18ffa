"""The request budget as Dagster sees it: whose account runs go on, what is used, what was stopped and goes on."""
