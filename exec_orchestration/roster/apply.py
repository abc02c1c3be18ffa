"""Sends a plan that passed its own guards, and journals every answer before the next batch goes out.

The first request holds at most five people (the canary): when it fails as a whole, or Sparkwise does not do what was
asked, nothing else is sent. Creates and updates go before deactivations. A batch that is refused as a whole is split
until the person is found who is refused; whoever comes back in neither list is `unknown`, never assumed. Only this
module of the side wing has effects, through the vendor and the journal that it is given.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from exec_orchestration.errors import KeyRefused, RateLimited, Refused, SyncStopped, UnknownResource, VendorError
from exec_orchestration.roster.account import Journal, Outcome, Reply, Vendor
from exec_orchestration.roster.diff import DEACTIVATE, Change
from exec_orchestration.roster.discretion import discreet, names_in
from exec_orchestration.roster.plan import Plan

CANARY_SIZE = 5
BATCH_SIZE = 200
RETRY_DELAYS_SECONDS = (2.0, 8.0)
FAILURES_IN_A_ROW = 3
REFUSALS_IN_A_ROW = 12
REFUSALS_ONCE_IT_WORKED = 60
MANY = 50

SENT, APPLIED, REFUSED, FAILED, UNKNOWN = RESULTS = ("sent", "applied", "refused", "failed", "unknown")


@dataclass(frozen=True)
class World:
    """Whoever is outside: Sparkwise, the journal, the clock, and what tells a passing refusal from a final one."""

    vendor: Vendor
    journal: Journal
    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    is_transient: Callable[[str], bool]


def apply(plan: Plan, world: World) -> list[Outcome]:
    """Send all that may be sent; the last outcome of each person. Raises PlanRefused before, SyncStopped amid it."""
    plan.raise_if_unsafe(world.now())
    sender = _Sender(plan, world)
    for number, batch in enumerate(batches(plan.sendable)):
        sender.send(batch, attempt=1)
        if number == 0:
            sender.judge_canary(batch)
    for attempt, delay in enumerate(RETRY_DELAYS_SECONDS, start=2):
        again = [change for change in plan.sendable if sender.may_retry(change)]
        if again:
            world.sleep(delay)
        for batch in _of_size(again, BATCH_SIZE):
            sender.send(batch, attempt=attempt)
    return list(sender.outcomes.values())


def batches(changes: Sequence[Change]) -> Iterator[list[Change]]:
    """The requests to make: the canary, then as few batches as hold the rest, each of one kind.

    The canary is taken from all over its kind, since neighbours often have the same trouble.
    """
    kind = [change for change in changes if _is_leaving(change) == _is_leaving(changes[0])]
    canary = kind[:: max(1, len(kind) // CANARY_SIZE)][:CANARY_SIZE]
    first = {change.employee_id for change in canary}
    yield from _of_size(canary, CANARY_SIZE)
    yield from _of_size([change for change in changes if change.employee_id not in first], BATCH_SIZE)


def _of_size(changes: Sequence[Change], size: int) -> Iterator[list[Change]]:
    for leaving in (False, True):
        kind = [change for change in changes if _is_leaving(change) == leaving]
        for start in range(0, len(kind), size):
            yield kind[start : start + size]


def _is_leaving(change: Change) -> bool:
    return change.action == DEACTIVATE


@dataclass
class _Sender:
    plan: Plan
    world: World
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    failures: int = 0
    refusals: int = 0

    def send(self, batch: Sequence[Change], *, attempt: int) -> None:
        """One batch, split where it is refused as a whole; every answer is in the journal when this returns."""
        now = self.world.now()
        sent = [Outcome(change.employee_id, attempt, change.action, SENT, now) for change in batch]
        self.world.journal.sending(sent)
        self.outcomes.update({each.employee_id: each for each in sent})
        self._request(batch)
        lonely = [self.outcomes[change.employee_id] for change in batch if self._was_refused_alone(change)]
        if lonely and any(self.outcomes[change.employee_id].result == APPLIED for change in batch):
            # Others of the batch went through, so it is these people and not the request that Sparkwise refuses.
            self._answered([replace(each, result=REFUSED) for each in lonely])

    def judge_canary(self, canary: Sequence[Change]) -> None:
        """Stop after a first batch of whom nobody was answered for, or everybody refused while many wait."""
        waiting = len(self.plan.sendable) - len(canary)
        results = {self.outcomes[change.employee_id].result for change in canary}
        failed_as_a_whole = results <= {FAILED, UNKNOWN} and (self.failures or self.refusals)
        refused_as_a_whole = results == {REFUSED} and waiting > MANY
        if refused_as_a_whole:
            # Then it is hardly these people: they are to be sent again once the cause is mended.
            self._answered([replace(self.outcomes[change.employee_id], result=FAILED) for change in canary])
        if failed_as_a_whole or refused_as_a_whole or (results == {UNKNOWN} and waiting):
            raise self._stopped(f"the first {len(canary)} people came back with: {self._last_error(canary)}")

    def may_retry(self, change: Change) -> bool:
        """True for somebody whom Sparkwise refused for a cause that passes."""
        outcome = self.outcomes[change.employee_id]
        return outcome.result == FAILED and self.world.is_transient(outcome.error or "")

    def _request(self, batch: Sequence[Change]) -> None:
        try:
            reply = self._ask(batch)
        except (KeyRefused, UnknownResource, RateLimited) as error:
            self._all(batch, FAILED, error)
            raise self._stopped(str(error)) from error
        except Refused as error:
            self._split(batch, error)
        except VendorError as error:
            self._all(batch, UNKNOWN, error)
            self.failures += 1
            if self.failures >= FAILURES_IN_A_ROW:
                raise self._stopped(f"{self.failures} batches in a row failed, the last with: {error}") from error
        else:
            self.failures = self.refusals = 0
            self._answered([self._outcome_of(change, reply) for change in batch])

    def _ask(self, batch: Sequence[Change]) -> Reply:
        try:
            if _is_leaving(batch[0]):
                return self.world.vendor.deactivate([change.employee_id for change in batch])
            return self.world.vendor.upsert(
                [{**(change.account or {}), "remote_id": change.employee_id} for change in batch]
            )
        except VendorError as error:
            # Sparkwise's words may name those whom it was asked to write; this error is kept with all that it causes.
            error.args = (_discreet(str(error), batch),)
            raise

    def _split(self, batch: Sequence[Change], error: Refused) -> None:
        """Send the halves of a batch that was refused as a whole, as long as that leads anywhere."""
        self.refusals += 1
        if len(batch) == 1 or self.refusals >= self._patience():
            self._all(batch, FAILED, error)
        if self.refusals >= self._patience():
            raise self._stopped(f"{self.refusals} requests in a row were refused, the last with: {error}") from error
        if len(batch) > 1:
            middle = len(batch) // 2
            self._request(batch[:middle])
            self._request(batch[middle:])

    def _outcome_of(self, change: Change, reply: Reply) -> Outcome:
        """What the answer says of one person."""
        name, sent = change.employee_id, self.outcomes[change.employee_id]
        error = reply.refused.get(name)
        if error is not None and name not in reply.written:
            return replace(sent, result=FAILED if self.world.is_transient(error) else REFUSED, error=error)
        if error is None and name in reply.written:
            is_active = reply.written[name]
            if is_active is None or is_active != _is_leaving(change):
                return replace(sent, result=APPLIED)
            return replace(sent, result=UNKNOWN, error=f"Sparkwise answers that the account has active = {is_active}")
        where = "both lists" if error is not None else "neither list"
        return replace(sent, result=UNKNOWN, error=f"the person stands in {where} of Sparkwise's answer")

    def _patience(self) -> int:
        """How many requests in a row may be refused: few before anything went through, many to find a few people."""
        works = any(outcome.result == APPLIED for outcome in self.outcomes.values())
        return REFUSALS_ONCE_IT_WORKED if works else REFUSALS_IN_A_ROW

    def _was_refused_alone(self, change: Change) -> bool:
        outcome = self.outcomes[change.employee_id]
        return outcome.result == FAILED and not self.world.is_transient(outcome.error or "")

    def _all(self, batch: Sequence[Change], result: str, error: Exception) -> None:
        self._answered([replace(self.outcomes[each.employee_id], result=result, error=str(error)) for each in batch])

    def _answered(self, outcomes: Sequence[Outcome]) -> None:
        stamped = [replace(each, answered_at=self.world.now()) for each in outcomes]
        self.world.journal.answered(stamped)
        self.outcomes.update({each.employee_id: each for each in stamped})

    def _last_error(self, batch: Sequence[Change]) -> str:
        return _discreet(next(error for each in batch if (error := self.outcomes[each.employee_id].error)), batch)

    def _stopped(self, why: str) -> SyncStopped:
        done = sum(outcome.result == APPLIED for outcome in self.outcomes.values())
        waiting = len(self.plan.sendable) - len(self.outcomes)
        return SyncStopped(
            f"The sync stopped at {done} of {len(self.plan.sendable)} changes; {waiting} were not sent: {why} "
            "What was answered is in user_sync_outcome. Mend the cause, then run user_sync again: it looks at "
            "Sparkwise anew and sends only what is still missing."
        )


def _discreet(text: str, batch: Sequence[Change]) -> str:
    """What Sparkwise has said of a batch, without the names in it."""
    return discreet(text, [name for change in batch for name in names_in(change.changes, change.account)])
