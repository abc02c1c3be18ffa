"""Errors of the house -> Dagster's Failure, once, at the edge: one paragraph that says what to do.

Dagster keeps an error together with all that caused it. The text of anybody else's error may quote rows of people: only
its class and the lines of code go on, unless SHOW_PERSONAL_DATA says otherwise.
"""

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, ParamSpec, TypeVar, cast

import dagster as dg

from exec_orchestration.apis.budget import SYNC
from exec_orchestration.defs.budget.lanes import lane_of
from exec_orchestration.defs.budget.resuming import note_stop, note_stopped_sync
from exec_orchestration.defs.resources import personal_data_is_shown
from exec_orchestration.errors import ExecOrchestrationError, RateLimited, Refused

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

SPOKEN = (ExecOrchestrationError, dg.Failure, dg.RetryRequested, dg.DagsterError)
UNSPOKEN = "its text may quote people and is not repeated; SHOW_PERSONAL_DATA=true shows it"


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
        except Exception as error:  # noqa: BLE001 - whatever comes, its text is judged
            raise _told(error, _context(args, kwargs)) from _cause(error)

    return told


def _told_as_it_goes(body: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    @functools.wraps(body)
    def told(*args: Any, **kwargs: Any) -> Iterator[Any]:
        try:
            yield from body(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - whatever comes, its text is judged
            raise _told(error, _context(args, kwargs)) from _cause(error)

    return told


def _context(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The body's first argument, which is Dagster's context by whatever name."""
    return args[0] if args else kwargs.get("context")


def _told(error: Exception, context: Any) -> BaseException:
    """What the step ends with instead: a Failure for an error of ours, and for an unforeseen one its class."""
    return _failure(error, context) if isinstance(error, ExecOrchestrationError) else without_foreign_texts(error)


def _cause(error: Exception) -> BaseException | None:
    """What stands behind it: an error of ours behind its Failure, and what came before any other."""
    quiet = without_foreign_texts(error)
    return quiet if isinstance(error, ExecOrchestrationError) else _before(quiet)


def without_foreign_texts(error: BaseException) -> BaseException:
    """The error, and all that led to it, each by its class and its lines of code where its text is not ours."""
    if personal_data_is_shown():
        return error
    before = _before(error)
    told = error if isinstance(error, SPOKEN) else _by_class(error)
    told.__cause__ = without_foreign_texts(before) if before else None
    return told


def _before(error: BaseException) -> BaseException | None:
    """What led to an error, as a stack trace tells it."""
    return error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _by_class(error: BaseException) -> BaseException:
    """An error of the same name that was raised at the same place, and says nothing."""
    kind = type(type(error).__name__, (Exception,), {"__module__": type(error).__module__})
    told: BaseException = kind(UNSPOKEN)
    return told.with_traceback(error.__traceback__)


def _failure(error: ExecOrchestrationError, context: Any) -> dg.Failure:
    """The step's failure. A run that the budget stops says so in its tags, for the sensor that goes on with it.

    For a load that is budget_resume_sensor. What a sync sends is a plan of its own time: hr_roster_sensor asks anew.
    """
    limit = error if isinstance(error, RateLimited) else error.__cause__
    if isinstance(limit, RateLimited) and isinstance(context, dg.AssetExecutionContext):
        note = note_stopped_sync if lane_of(context.run) == SYNC else note_stop
        note(context.instance, context.run, limit.resume_at)
    return dg.Failure(str(error), metadata=_facts(error), allow_retries=False)


def _facts(error: ExecOrchestrationError) -> dict[str, Any]:
    facts: dict[str, Any] = {"error": type(error).__name__}
    if isinstance(error, Refused):
        facts["status"] = error.status
    if isinstance(error, RateLimited):
        facts["resume_at"] = dg.MetadataValue.timestamp(error.resume_at)
    return facts
