"""Errors of the house -> Dagster's Failure, once, at the edge: one paragraph that says what to do."""

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, ParamSpec, TypeVar, cast

import dagster as dg

from exec_orchestration.apis.budget import SYNC
from exec_orchestration.defs.lanes import lane_of
from exec_orchestration.defs.resuming import note_stop
from exec_orchestration.errors import ExecOrchestrationError, RateLimited, Refused

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def told_plainly(body: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """`body`, whose ExecOrchestrationErrors end the step with their own text and no second attempt.

    A generator may have yielded some of its results by then; they stand.
    """
    if inspect.isgeneratorfunction(body):
        return cast("Callable[Parameters, Result]", _told_as_it_goes(body))

    @functools.wraps(body)
    def told(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        try:
            return body(*args, **kwargs)
        except ExecOrchestrationError as error:
            raise _failure(error, _context(args, kwargs)) from error

    return told


def _told_as_it_goes(body: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    @functools.wraps(body)
    def told(*args: Any, **kwargs: Any) -> Iterator[Any]:
        try:
            yield from body(*args, **kwargs)
        except ExecOrchestrationError as error:
            raise _failure(error, _context(args, kwargs)) from error

    return told


def _context(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The body's first argument, which is Dagster's context by whatever name."""
    return args[0] if args else kwargs.get("context")


def _failure(error: ExecOrchestrationError, context: Any) -> dg.Failure:
    """The step's failure. A load that the budget stops says so in its run's tags, for budget_resume_sensor to find.

    Not a sync: what it sends is a plan of its own time, and its sensor looks at the roster anew.
    """
    is_load = isinstance(context, dg.AssetExecutionContext) and lane_of(context.run) != SYNC
    if isinstance(error, RateLimited) and is_load:
        note_stop(context.instance, context.run, error.resume_at)
    return dg.Failure(str(error), metadata=_facts(error), allow_retries=False)


def _facts(error: ExecOrchestrationError) -> dict[str, Any]:
    facts: dict[str, Any] = {"error": type(error).__name__}
    if isinstance(error, Refused):
        facts["status"] = error.status
    if isinstance(error, RateLimited):
        facts["resume_at"] = dg.MetadataValue.timestamp(error.resume_at)
    return facts
