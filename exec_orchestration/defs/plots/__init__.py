"""Plots for Dagster's UI: what they are drawn on, the kinds of them, and which of them the marts and the sync show."""
