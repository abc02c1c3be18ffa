"""The schema's history: one file per revision, checked in a test against the declarations."""
