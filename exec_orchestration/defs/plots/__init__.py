"""Plots for Dagster's UI: what they are drawn on, the kinds of them, and which of them marts and sync show.

Which ones the budget shows is chosen in `budget.assets`.
"""
