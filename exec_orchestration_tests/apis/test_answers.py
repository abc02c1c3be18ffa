"""An answer as a value: how it reads, how long it asks to wait, and the error that it deserves."""

from typing import Any

import httpx
import pytest

from exec_orchestration.apis.answers import EXCERPT_CHARACTERS, Answer, error_for, retry_after_seconds
from exec_orchestration.apis.http import described
from exec_orchestration.apis.http import lost as lost_answer
from exec_orchestration.apis.vendor import Vendor
from exec_orchestration.errors import KeyRefused, Refused, UnknownResource

KEY = "exec_live_" + "S3cret0000" * 4
NOW = 1_770_000_000.0  # 2026-02-02T02:40:00Z
VENDOR = Vendor(
    name="Exec",
    base_url="https://api.exec.example",
    key=KEY,
    key_header="Authorization",
    key_setting="EXEC_API_KEY",
    url_setting="EXEC_API_URL",
)


def answer(status: int | None = 500, content: bytes = b"", **more: Any) -> Answer:
    return Answer(what="GET /skills", request_id="req_1", key=KEY, status=status, content=content, **more)


def wait(content: bytes = b"", *, header: str | None = None, unit: float = 1.0) -> float | None:
    return retry_after_seconds(answer(429, content, retry_after_header=header), now=NOW, unit_seconds=unit)


@pytest.mark.parametrize(
    "content",
    [b'{"retry_after": 7}', b'{"error": {"retry_after": 7}}', b'{"retry_after": "7"}', b'{"retry_after": 7.0}'],
)
def test_the_wait_is_found_in_the_body_or_its_error(content: bytes) -> None:
    """At the top level or inside `error`, as a number or as one in quotes."""
    assert wait(content) == 7.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("Mon, 02 Feb 2026 02:40:30 GMT", 30.0),
        ("Mon, 02 Feb 2026 03:40:30 +0100", 30.0),
        ("Mon, 02 Feb 2026 02:40:30", 30.0),  # a date without a zone is in UTC
        ("Mon, 02 Feb 2026 02:39:00 GMT", 0.0),  # a date that is over asks for no wait
        ("soon", None),
        ("", None),
        ("-1", None),
        ("nan", None),
        ("inf", None),
    ],
)
def test_the_wait_is_found_in_the_header(header: str, seconds: float | None) -> None:
    """Seconds or an HTTP date; what is neither asks for nothing."""
    assert wait(header=header) == seconds


def test_the_body_goes_before_its_error_and_that_before_the_header() -> None:
    """Where the places disagree, the first one counts."""
    assert wait(b'{"retry_after": 1, "error": {"retry_after": 2}}', header="3") == 1.0
    assert wait(b'{"error": {"retry_after": 2}}', header="3") == 2.0
    assert wait(b'{"error": "too many"}', header="3") == 3.0


def test_a_number_in_the_body_counts_the_unit_and_one_in_the_header_seconds() -> None:
    """Exec's unit is not established, the header's is that of HTTP."""
    assert wait(b'{"retry_after": 1500}', unit=0.001) == 1.5
    assert wait(b'{"error": {"retry_after": 1500}}', unit=0.001) == 1.5
    assert wait(header="3", unit=0.001) == 3.0


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        b"[]",
        b"7",
        b'{"retry_after": null}',
        b'{"retry_after": -1}',
        b'{"retry_after": "soon"}',
        b'{"retry_after": {}}',
        b'{"retry_after": 1e400}',
        b'{"retry_after": NaN}',
        b'{"error": []}',
        b"\xff\xfe",
    ],
)
def test_a_body_without_a_usable_number_asks_for_nothing(content: bytes) -> None:
    """Nothing in a body, however odd, breaks the reading of it."""
    assert wait(content) is None


def test_a_number_beyond_floats_asks_for_nothing() -> None:
    """A whole number of 400 digits is valid JSON."""
    assert wait(b'{"retry_after": 1' + b"0" * 400 + b"}") is None


def test_a_date_beyond_the_calendar_asks_for_nothing() -> None:
    """A year of eleven digits is no date."""
    assert wait(header="Mon, 01 Jan 99999999999 00:00:00 GMT") is None


def test_what_came_back_is_the_vendors_code_and_message() -> None:
    """Status, code and message; else the status and the beginning of the body, of JSON the names of its fields."""
    told = b'{"error": {"type": "t", "code": "invalid_request", "message": "no such sorting"}}'
    assert answer(400, told).came_back == "status 400 (invalid_request: no such sorting)"
    assert answer(400, b'{"error": {"message": "no"}}').came_back == "status 400 (no)"
    assert answer(400, b'{"error": {}}').came_back == "status 400 (JSON with the fields error)"
    assert answer(400, b'{"message": "no", "user": "Ada"}').came_back == "status 400 (no)"
    assert answer(400, b'{"user": {"name": "Ada"}}').came_back == "status 400 (JSON with the fields user)"
    assert answer(400, b'[{"name": "Ada"}]').came_back == "status 400 (a JSON list of 1)"
    assert answer(400, b'{"user": "Ada').came_back == "status 400 (13 bytes that begin as JSON does)"
    assert answer(400, b'{"error": "no a@x.example"}').came_back == "status 400 (no [hidden])"
    assert answer(400, b"no a@x.example").came_back == "status 400 (no [hidden])"
    assert answer(502, b"<html>\n Bad  gateway</html>").came_back == "status 502 (<html> Bad gateway</html>)"
    assert answer(500).came_back == "status 500 (empty body)"
    assert answer(None, problem="ConnectError: refused").came_back == "ConnectError: refused"


@pytest.mark.parametrize("length", [EXCERPT_CHARACTERS - 1, EXCERPT_CHARACTERS, EXCERPT_CHARACTERS + 1])
def test_an_excerpt_is_short(length: int) -> None:
    """At most 200 characters, and dots where there is more."""
    shown = answer(500, b"x" * length).excerpt
    assert shown == "x" * min(length, EXCERPT_CHARACTERS) + ("..." if length > EXCERPT_CHARACTERS else "")


@pytest.mark.parametrize(
    "content",
    [
        KEY.encode(),
        b"x" * (EXCERPT_CHARACTERS - 5) + KEY.encode(),  # the cut must not leave half of it
        b'{"error": {"code": "' + KEY.encode() + b'", "message": "' + KEY.encode() + b'"}}',
        b'{"error": "' + KEY.encode() + b'"}',
        b'{"error": {"message": {"key": "' + KEY.encode() + b'"}}}',
    ],
)
def test_no_text_holds_the_key(content: bytes) -> None:
    """Wherever in the body the vendor repeats it, no excerpt, error or repr does."""
    came = answer(401, content)
    error = error_for(came, VENDOR)
    assert "exec_live_S3cr" not in " ".join((came.excerpt, came.came_back, str(error), repr(error), repr(VENDOR)))


@pytest.mark.parametrize("shown", [12, 30, 49])
def test_a_cut_leaves_no_half_of_the_key(shown: int) -> None:
    """A body of blanks, then the key across the place where the body is cut."""
    assert "exec_live_S3" not in answer(500, b" " * (4_000 - shown) + KEY.encode()).excerpt


def test_an_answer_hides_the_key_from_its_repr() -> None:
    """The key that an answer carries, to cut it out of texts, is itself not shown."""
    assert KEY not in repr(answer(200))


def test_a_lost_answer_says_how_without_the_key() -> None:
    """The connection error's class and text, with stars for the key."""
    request = httpx.Request("GET", "https://x.example/a?b=1", headers={"X-Request-Id": "ours"})
    lost = lost_answer(request, httpx.ConnectError(f"refused {KEY}"), key=KEY)
    assert (lost.status, lost.came_back, lost.where) == (None, "ConnectError: refused ***", "[request id ours]")
    assert lost_answer(request, httpx.ReadTimeout(""), key=KEY).came_back == "ReadTimeout"


def test_a_request_is_described_by_verb_path_and_query() -> None:
    """Neither host nor headers."""
    request = httpx.Request("GET", "https://x.example/skills", params={"page": 2}, headers={"Authorization": KEY})
    assert described(request) == "GET /skills?page=2"


@pytest.mark.parametrize(
    ("status", "kind", "advice"),
    [
        (400, Refused, "not tried again"),
        (401, KeyRefused, "EXEC_API_KEY"),
        (403, KeyRefused, "EXEC_API_KEY"),
        (404, UnknownResource, "EXEC_API_URL"),
        (418, Refused, "not tried again"),
        (302, Refused, "EXEC_API_URL"),
    ],
)
def test_each_status_deserves_its_error(status: int, kind: type[Refused], advice: str) -> None:
    """The class sorts by what to do, the text says it, with the request and its id."""
    error = error_for(answer(status), VENDOR)
    assert type(error) is kind
    assert error.status == status
    for part in ("Exec: GET /skills", f"status {status}", "[request id req_1]", advice):
        assert part in str(error)


def test_a_redirect_names_where_it_leads() -> None:
    """So that the setting can be mended."""
    assert "https://new.example/v2" in str(error_for(answer(301, location="https://new.example/v2"), VENDOR))
    assert "nowhere" in str(error_for(answer(301), VENDOR))


def test_a_redirect_that_repeats_the_key_does_not_show_it() -> None:
    """A gateway may echo the key in its sign-in address."""
    error = error_for(answer(302, location=f"https://login.example/?token={KEY}"), VENDOR)
    assert KEY not in str(error)
