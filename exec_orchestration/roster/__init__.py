"""The side wing: HR's roster is what is desired, Sparkwise's accounts are what exists, and a plan leads from one to
the other.

`sources` and `mapping` read a sheet, `health` turns it into people or refuses it, `diff` compares them with the
accounts, `plan` says what may be sent, `apply` sends it. All but `sources` and `apply` is pure. No HTTP, SQL or Dagster
here: whoever reads a database, speaks to Sparkwise or keeps the journal is handed over.
"""
