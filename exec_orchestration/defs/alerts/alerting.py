"""What is told to the people on duty, and when: values and pure decisions. Nothing here reads Dagster or sends.

A Watch is what one address has been told. Steps lead from one Watch to the next, some of them with a message: whoever
sends keeps the Watch of the last step that was sent, and so tells the rest later.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from exec_orchestration import errors
from exec_orchestration.defs.alerts.notifier import Message
from exec_orchestration.defs.runbook import OTHER, entry

OPEN_AT_MOST = 200
SHOWN_CHARACTERS = 1_500
HIDDEN = "[hidden]"
# Their texts quote rows of people, so that only what the error means is told.
QUOTES_PEOPLE = ("UnhealthyRoster", "PlanRefused", "SyncStopped", "TooManyRejectedRows")
LOOKS_SECRET = (
    re.compile(r"\S+(?:@|%40)\S+"),
    re.compile(r"exec_(?:live|test)_\S+"),
    re.compile(r"\b(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{32,}"),
)


@dataclass(frozen=True)
class Watch:
    """What one address knows: the last event that was looked at, and what it was told and is not mended.

    `open` holds the failing chain or check, and the epoch second of its last failure.
    """

    after: int = 0
    open: Mapping[str, float] = field(default_factory=dict)


Step = tuple[Message | None, Watch]


@dataclass(frozen=True)
class RunEnd:
    """A run that has failed, or a further attempt that has succeeded. Times are epoch seconds."""

    event: int
    chain: str
    run_id: str
    what: str
    created_at: float
    ended_at: float
    failed: bool
    error: str = ""
    text: str = ""


@dataclass(frozen=True)
class CheckState:
    """A check as its last run has left it; `passed` is None where nothing is known, or where it only warns.

    `titles` say that it has failed and that it is mended; without a run it speaks of assets.
    """

    name: str
    passed: bool | None
    run_id: str = ""
    text: str = ""
    evaluated_at: float = 0.0
    titles: tuple[str, str] = ("The check {} has failed", "The check {} passes again")
    heading: str = OTHER

    @property
    def title(self) -> str:
        """What has become of it."""
        return self.titles[bool(self.passed)].format(self.name)

    @property
    def place(self) -> str:
        """Where to look in the UI."""
        return f"runs/{self.run_id}" if self.run_id else "assets"


LATE = ("What {} brings is late", "What {} brings is there again")


def run_steps(
    watch: Watch, ends: Iterable[RunEnd], *, until: int, ui_url: str, secrets: Collection[str] = ()
) -> Iterator[Step]:
    """One message for a chain's first failure, one when a later attempt succeeds; `until` is how far was looked."""
    for end in ends:
        told_at = watch.open.get(end.chain)
        message = None
        still_open = dict(watch.open)
        if end.failed:
            message = _failed(end, ui_url, secrets) if told_at is None else None
            still_open[end.chain] = end.ended_at
        elif told_at is not None and end.created_at > told_at:
            message = _recovered(end, ui_url)
            del still_open[end.chain]
        watch = Watch(end.event, _newest(still_open))
        yield message, watch
    yield None, Watch(until, watch.open)


def check_steps(
    watch: Watch, states: Iterable[CheckState], *, ui_url: str, secrets: Collection[str] = ()
) -> Iterator[Step]:
    """One message for a check that fails, one when it passes again."""
    states = list(states)
    known = {state.name for state in states}
    watch = Watch(watch.after, {name: at for name, at in watch.open.items() if name in known})
    yield None, watch
    for state in states:
        link = f"The {'run' if state.run_id else 'assets'}: {ui_url}/{state.place}"
        if state.passed is False and state.name not in watch.open:
            watch = Watch(watch.after, _newest({**watch.open, state.name: state.evaluated_at}))
            told = masked(state.text, secrets)
            yield Message(state.title, f"{told}\n\n{link}\nWhat to do: {entry(state.heading)}"), watch
        elif state.passed and state.name in watch.open:
            left = {name: at for name, at in watch.open.items() if name != state.name}
            watch = Watch(watch.after, left)
            yield Message(state.title, link), watch


def _failed(end: RunEnd, ui_url: str, secrets: Collection[str]) -> Message:
    told = f"{_paragraph(end, secrets)}\n\nThe run: {ui_url}/runs/{end.run_id}\n{runbook(end.error)}"
    return Message(f"{end.what} has failed", told)


def _recovered(end: RunEnd, ui_url: str) -> Message:
    return Message(f"{end.what} has succeeded again", f"The run: {ui_url}/runs/{end.run_id}")


def _paragraph(end: RunEnd, secrets: Collection[str]) -> str:
    """The error's own text where it is known to quote nobody, else what kind of error it is."""
    if end.error in QUOTES_PEOPLE:
        return f"{end.error}: {getattr(errors, end.error).__doc__} The run has the details."
    if is_ours(end.error):
        return masked(end.text, secrets)
    kind = f"An unforeseen {end.error}" if end.error else "The run ended without an error of its own"
    return f"{kind}. Its text may hold anything and is not repeated here; the run has it."


def is_ours(error: str) -> bool:
    """True for the name of an error that this project raises on purpose, whose text is written for people."""
    found = getattr(errors, error, None) if error else None
    return isinstance(found, type) and issubclass(found, errors.ExecOrchestrationError)


def runbook(error: str) -> str:
    """Where to read on, by the error's class."""
    return f"What to do: {entry(error) if is_ours(error) else entry()}"


def masked(text: str, secrets: Collection[str] = ()) -> str:
    """The text without what looks like an e-mail address or a key, without `secrets`, and not too long."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    for looks_secret in LOOKS_SECRET:
        text = looks_secret.sub(HIDDEN, text)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]} ..."


def _newest(found: Mapping[str, float]) -> dict[str, float]:
    """Not more than OPEN_AT_MOST, the newest."""
    return dict(sorted(found.items(), key=lambda each: each[1])[-OPEN_AT_MOST:])
