"""Errors: none of them holds an e-mail address, whatever it was told."""

import pickle
import time
import traceback
from datetime import UTC, datetime
from itertools import product
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from exec_orchestration.errors import (
    HIDDEN,
    BadSetting,
    ExecOrchestrationError,
    RateLimited,
    Refused,
    WarehouseError,
    without_e_mails,
)

ADDRESSES = (
    *("ada@example.com", "Ada.Love+x@mail.example.co.uk", "o'brien@x.example", "a_b-c@intranet", "zoë@exämple.de"),
    *("ada%40example.com", "ada%2Bx%40example.com", "ada@[10.0.0.1]", '"ada love"@x.example', "j\\u00f6rg@x.example"),
)
AROUND = (
    *("{}", "<{}>", "({})", "'{}'", '{{"email": "{}"}}', "email={}&page=1", "?email={}", "mailto:{}", "mailto://{}"),
    *("/users/{}/sessions", "https://api.example/users/{}?a=b", "ask {}, please", "one,{};two", "see {}.", "\n{}\n"),
)


@pytest.mark.parametrize(("address", "around"), list(product(ADDRESSES, AROUND)))
def test_an_address_is_hidden_wherever_it_stands(address: str, around: str) -> None:
    """The text around it stays."""
    assert without_e_mails(around.format(address)) == around.format(HIDDEN)
    assert str(ExecOrchestrationError(around.format(address))) == around.format(HIDDEN)


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://me@host/db",
        "postgresql+psycopg://me:pass@db.example.com:5432/warehouse is down",
        "sftp://hr@files.example.com/roster.csv",
        "https://api.example.com/rest/v1/sessions?page=1&sorting=created_at",
        "without @exec.com people",
        "an @ in its user or password has to be written as %40",
        "@dg.asset of 3 @ 4",
        "page 1 of 3 (12%)",
        "",
    ],
)
def test_what_is_no_address_stays(text: str) -> None:
    """URLs with a user above all."""
    assert without_e_mails(text) == text


def test_no_address_is_left_of_any_mixture() -> None:
    """Whatever stands between them."""
    chance = Random(7)
    for _ in range(2_000):
        parts = [chance.choice(ADDRESSES[:4]) for _ in range(3)]
        told = "".join(part + chance.choice([" ", ", ", "; ", "\n", "><", "|", ")(", " -> ", "/"]) for part in parts)
        assert without_e_mails(told).count(HIDDEN) == 3, told
        assert "@" not in without_e_mails(told), told


@given(st.emails(), st.sampled_from([around for around in AROUND if "mailto" not in around]))
def test_no_valid_address_is_left(address: str, around: str) -> None:
    """Of the rarest forms the part before a sign such as & may be left, never what leads to a mailbox."""
    local, _, domain = address.rpartition("@")
    assume(local.strip("&=?`{|}'/"))
    assume(not local.endswith("/"))
    assert f"@{domain}" not in without_e_mails(around.format(address))


@pytest.mark.parametrize("part", ["a", "a'", "a.b/", "a@", '"a', "a%41", "a://", "a:", "%", "'a", "\\"])
def test_a_long_text_is_looked_through_in_no_time(part: str) -> None:
    """Each place is looked at a few times, however long the words are."""
    began = time.monotonic()
    without_e_mails(part * 20_000)
    assert time.monotonic() - began < 2


def test_an_error_is_still_an_error() -> None:
    """With its own facts, its cause, and as a copy."""
    cause = ValueError("why")
    with pytest.raises(WarehouseError) as raised:
        raise WarehouseError("ada@x.example") from cause
    assert raised.value.__cause__ is cause
    assert "WarehouseError: [hidden]" in "".join(traceback.format_exception(raised.value))
    assert Refused("ada@x.example", status=409).status == 409
    assert str(RateLimited("ada@x.example", resume_at=datetime(2026, 1, 1, tzinfo=UTC))) == HIDDEN
    copy = pickle.loads(pickle.dumps(BadSetting("ada@x.example")))
    assert (type(copy), str(copy)) == (BadSetting, HIDDEN)
