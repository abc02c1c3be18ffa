"""The sensors that tell people: of runs that failed, checks that fail, assets that are late, and when they are mended.

At least once, and without floods. Each address has a Watch of its own in the cursor. It moves on only with what the
address has taken, so that a message that was not sent is sent at the next tick, and an address that answers is not
told twice because another does not. A tick in which nothing at all moved on and something was not sent is an error.
Only a tick that is killed between sending and keeping its cursor repeats messages.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import cache, partial

import dagster as dg

from exec_orchestration.defs.alerts.alerting import Step, Watch, check_steps, run_steps
from exec_orchestration.defs.alerts.failing import check_states, freshness_states, last_event, run_ends
from exec_orchestration.defs.alerts.notifier import Message, Notifier, fingerprint
from exec_orchestration.defs.resources import notifier_now
from exec_orchestration.errors import AlertNotSent

SENT_AT_ONCE = 10
OFF = "Alerts are off: ALERT_URLS is not set. Once it is, what fails from then on is told."

Steps = Callable[[Watch], Iterator[Step]]
Send = Callable[[Message], None]


@dg.sensor(
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells ALERT_URLS of a run that failed: once for a backfill or a run with its re-executions, and again "
    "when a later attempt succeeds. What the request budget stopped, and budget_resume_sensor goes on with, is none.",
)
def run_failure_alert_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    notifier, ends = notifier_now(), cache(partial(run_ends, context.instance))

    def steps(watch: Watch) -> Iterator[Step]:
        found, until = ends(watch.after)
        return run_steps(watch, found, until=until, ui_url=notifier.ui_url, secrets=notifier.secrets)

    return _tick(context, notifier, steps, begin=lambda: Watch(last_event(context.instance)))


@dg.sensor(
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells ALERT_URLS of an asset check of severity ERROR that has failed, and again when it passes; "
    "and of what a schedule has not brought when it was due, and again when it is there.",
)
def check_alert_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    notifier = notifier_now()
    assert context.repository_def is not None
    graph = context.repository_def.asset_graph
    states = cache(lambda: [*check_states(context.instance, graph), *freshness_states(context.instance, graph)])

    def steps(watch: Watch) -> Iterator[Step]:
        return check_steps(watch, states(), ui_url=notifier.ui_url, secrets=notifier.secrets)

    return _tick(context, notifier, steps, begin=Watch)


def _tick(
    context: dg.SensorEvaluationContext, notifier: Notifier, steps: Steps, *, begin: Callable[[], Watch]
) -> dg.SensorResult:
    """One look for every address. Raises AlertNotSent when nothing moved on."""
    if not notifier.addresses:
        return dg.SensorResult(skip_reason=OFF, cursor=_kept({}))
    before = _remembered(context.cursor)
    after: dict[str, Watch] = {}
    sent, problems = 0, []
    for address in notifier.addresses:
        name = fingerprint(address)
        watch = before[name] if name in before else begin()
        after[name], number, problem = deliver(watch, steps(watch), partial(notifier.send, address))
        sent += number
        problems += [problem] if problem else []
    if problems and after == before:
        raise AlertNotSent(" ".join(problems))
    told = f"{sent} messages were sent." if sent else "There is nothing new to tell."
    return dg.SensorResult(skip_reason=" ".join([told, *problems]), cursor=_kept(after))


def deliver(watch: Watch, steps: Iterator[Step], send: Send) -> tuple[Watch, int, str | None]:
    """Send a few messages in order: the watch after the last that was taken, how many were, and what went wrong."""
    sent = 0
    for message, following in steps:
        if message is not None:
            if sent == SENT_AT_ONCE:
                return watch, sent, None
            try:
                send(message)
            except AlertNotSent as error:
                return watch, sent, str(error)
            sent += 1
        watch = following
    return watch, sent, None


def _remembered(cursor: str | None) -> dict[str, Watch]:
    return {name: Watch(**told) for name, told in json.loads(cursor or "{}").items()}


def _kept(watches: dict[str, Watch]) -> str:
    return json.dumps({name: asdict(watch) for name, watch in watches.items()})
