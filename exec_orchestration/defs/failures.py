"""Errors of the house -> Dagster's Failure, once, at the edge: one paragraph that says what to do."""

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import dagster as dg

from exec_orchestration.errors import ExecOrchestrationError, RateLimited, Refused

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def told_plainly(body: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """`body`, whose ExecOrchestrationErrors end the step with their own text and no second attempt."""

    @functools.wraps(body)
    def told(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        try:
            return body(*args, **kwargs)
        except ExecOrchestrationError as error:
            raise dg.Failure(str(error), metadata=_facts(error), allow_retries=False) from error

    return told


def _facts(error: ExecOrchestrationError) -> dict[str, Any]:
    facts: dict[str, Any] = {"error": type(error).__name__}
    if isinstance(error, Refused):
        facts["status"] = error.status
    if isinstance(error, RateLimited):
        facts["resume_at"] = dg.MetadataValue.timestamp(error.resume_at)
    return facts
