"""Where a reader goes on from an error, a red check or an alert: one heading of the runbook each."""

from exec_orchestration.defs.resources import runbook_url

RUNBOOK = runbook_url()
OTHER = "any-other-error"


def entry(heading: str = OTHER) -> str:
    """The runbook's entry under a heading, which is the name of an error or a check in lower case."""
    return f"{RUNBOOK}#{heading.lower()}"
