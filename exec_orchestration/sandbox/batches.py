"""A batch of users: reading the one that a client sends, and answering user by user.

Must not live here: what a change does to an account (`accounts`). Leads to: `sparkwise`, whose writes are batches.
"""

import json
from collections.abc import Callable
from typing import Any

from exec_orchestration.sandbox.accounts import account_json
from exec_orchestration.sandbox.answers import Answer, JsonObject, Meddling, Refused
from exec_orchestration.sandbox.cast import Account

LARGEST_BATCH = 200


def sent_users(body: bytes) -> list[JsonObject]:
    """The users of a batch; a body that is none is refused."""
    try:
        sent = json.loads(body)
    except ValueError as error:
        raise Refused(400, "The body is not JSON") from error
    users = sent.get("users") if isinstance(sent, dict) else None
    if not isinstance(users, list) or not all(isinstance(user, dict) for user in users):
        raise Refused(400, 'The body must be {"users": [...]}')
    return users


def sent_remote_ids(body: bytes) -> list[str | None]:
    """The remote ids of a batch, in order, null where a user has none; nothing where the body is no batch."""
    try:
        return [_remote_id(user) for user in sent_users(body)]
    except Refused:
        return []


def answer_batch(body: bytes, change: Callable[[JsonObject], Account], meddling: Meddling) -> Answer:
    """Each user on its own: one that fails does not stop the others. Rules of the sandbox may meddle with some."""
    users = sent_users(body)
    if not 1 <= len(users) <= LARGEST_BATCH:
        raise Refused(400, f"users must hold 1 to {LARGEST_BATCH} items, not {len(users)}")
    success: list[JsonObject] = []
    failed: list[JsonObject] = []
    written: list[str] = []
    for sent in users:
        remote_id = _remote_id(sent)
        if remote_id in meddling.skipped:
            continue
        done = _changed(sent, change, meddling)
        if isinstance(done, Account):
            written.append(str(remote_id))
        if remote_id in meddling.omitted:
            continue
        if isinstance(done, Account):
            success.append(account_json(done))
        else:
            failed.append({"user": sent, "error": done})
    return Answer(200, enveloped({"success": success, "failed": failed}), written=tuple(written))


def enveloped(data: JsonObject) -> JsonObject:
    """Sparkwise's envelope of an answer that went well."""
    return {"success": True, "data": data, "error": None}


def _changed(sent: JsonObject, change: Callable[[JsonObject], Account], meddling: Meddling) -> Account | str:
    """The account after the change, or why there was none."""
    refusal = meddling.refusal_of(_remote_id(sent))
    if refusal is not None:
        return refusal
    try:
        return change(sent)
    except ValueError as problem:
        return str(problem)


def _remote_id(user: JsonObject) -> str | None:
    found: Any = user.get("remoteId")
    return found if isinstance(found, str) else None
