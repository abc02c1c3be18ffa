"""The wire: which answers are tried again, how long it waits, what each failure becomes, and where the key never is."""

import gzip
import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from exec_orchestration.apis.budget import Quota
from exec_orchestration.apis.http import (
    LONGEST_RESUME_SECONDS,
    LONGEST_WAIT_SECONDS,
    RETRIED_STATUSES,
    TRIES,
    JsonClient,
)
from exec_orchestration.apis.vendor import Vendor, is_loopback
from exec_orchestration.errors import (
    BadAnswer,
    ExecOrchestrationError,
    KeyRefused,
    RateLimited,
    Refused,
    UnknownResource,
    Unreachable,
    VendorError,
)

ClientOf = Callable[..., JsonClient]
OK = {"fine": True}


def response(status: int = 200, body: Any = None, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if isinstance(body, bytes):
        return httpx.Response(status, content=body, headers=named)
    return (
        httpx.Response(status, json=body, headers=named) if body is not None else httpx.Response(status, headers=named)
    )


def failure(client: JsonClient, kind: type[VendorError] = VendorError) -> Any:
    with pytest.raises(kind) as caught:
        client.get("/skills", {})
    return caught.value


# What is sent


def test_a_request_carries_key_parameters_and_an_id(script: Any, client_of: ClientOf, key: str) -> None:
    """The key goes in its header with its prefix; parameters that are None stay at home; the path extends the base."""
    vendor = script(OK)
    assert client_of(vendor).get("/skills", {"page": 1, "status": None, "names": "ä,b"}) == OK
    (sent,) = vendor.requests
    assert str(sent.url) == "https://api.exec.example/rest/v1/skills?page=1&names=%C3%A4%2Cb"
    assert sent.headers["Authorization"] == f"Bearer {key}"
    assert sent.headers["Accept"] == "application/json"
    assert len(sent.headers["X-Request-Id"]) == 32
    assert sent.content == b""


def test_a_body_goes_out_as_json(script: Any, client_of: ClientOf) -> None:
    """The verb is the caller's; an empty list is a body too."""
    vendor = script(OK)
    client_of(vendor).send("PUT", "/users", body=[])
    (sent,) = vendor.requests
    assert (sent.method, sent.content, sent.headers["content-type"]) == ("PUT", b"[]", "application/json")


def test_a_request_keeps_its_id_over_its_tries_and_the_next_has_another(script: Any, client_of: ClientOf) -> None:
    """So that a vendor can tell a repetition from a new request."""
    vendor = script(response(500), OK)
    client = client_of(vendor)
    client.get("/a", {})
    client.get("/b", {})
    first, again, other = (sent.headers["X-Request-Id"] for sent in vendor.requests)
    assert first == again != other


def test_every_request_has_a_timeout(script: Any, client_of: ClientOf) -> None:
    """Ten seconds to connect, sixty for the rest: a silent vendor cannot hold a run for ever."""
    vendor = script(OK)
    client_of(vendor).get("/a", {})
    assert vendor.requests[0].extensions["timeout"] == {"connect": 10.0, "read": 60.0, "write": 60.0, "pool": 60.0}


# What is tried again


@pytest.mark.parametrize("status", [408, 429, 500, 501, 502, 503, 504, 520, 599])
def test_a_passing_failure_is_tried_again(script: Any, client_of: ClientOf, status: int) -> None:
    """408, 429 and every 5xx: the answer after it is the one that counts."""
    vendor = script(response(status), OK)
    assert client_of(vendor).get("/skills", {}) == OK
    assert len(vendor.requests) == 2


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("slow"),
        httpx.ReadTimeout("slow"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("hung up"),
        httpx.ProxyError("no proxy"),
    ],
)
def test_a_connection_error_is_tried_again(script: Any, client_of: ClientOf, error: Exception) -> None:
    """Whether the vendor was never reached or broke off."""
    vendor = script(error, OK)
    assert client_of(vendor).get("/skills", {}) == OK


def test_a_body_that_cannot_be_unpacked_is_tried_again(script: Any, client_of: ClientOf) -> None:
    """Bytes that are not the gzip they say they are were damaged on the way."""

    def damaged(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(b"not gzip"))

    calls = iter([damaged, lambda _: httpx.Response(200, json=OK)])
    assert client_of(lambda request: next(calls)(request)).get("/skills", {}) == OK


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 418, 422, 425, 451, 499])
def test_a_refusal_is_never_tried_again(script: Any, client_of: ClientOf, fake_time: Any, status: int) -> None:
    """A status that is not listed as passing is permanent: one request, no wait."""
    vendor = script(response(status))
    error = failure(client_of(vendor), Refused)
    assert error.status == status
    assert len(vendor.requests) == 1
    assert fake_time.slept == []


@pytest.mark.parametrize(
    ("status", "kind"), [(400, Refused), (401, KeyRefused), (403, KeyRefused), (404, UnknownResource), (418, Refused)]
)
def test_a_refusal_is_sorted_by_what_to_do(script: Any, client_of: ClientOf, status: int, kind: type) -> None:
    """Another key, another id, or a look at the request."""
    assert type(failure(client_of(script(response(status))))) is kind


@pytest.mark.parametrize("answer", [response(503), httpx.ConnectError("refused")])
def test_it_gives_up_after_six_tries(script: Any, client_of: ClientOf, fake_time: Any, answer: Any) -> None:
    """Five waits lie between six tries; the error says how often it tried, what came last and what to do."""
    vendor = script(answer)
    error = failure(client_of(vendor), Unreachable)
    assert len(vendor.requests) == TRIES == 6
    assert len(fake_time.slept) == TRIES - 1
    for part in ("GET /rest/v1/skills", "6 times", "EXEC_API_URL", "nothing was replaced"):
        assert part in str(error)
    assert ("status 503" if isinstance(answer, httpx.Response) else "ConnectError: refused") in str(error)


def test_the_last_try_may_be_the_good_one(script: Any, client_of: ClientOf) -> None:
    """Five failures and then an answer is an answer."""
    assert client_of(script(*[response(500)] * (TRIES - 1), OK)).get("/skills", {}) == OK


def test_the_retried_statuses_are_408_429_and_5xx() -> None:
    """No more and no less."""
    assert {status for status in range(100, 700) if status in RETRIED_STATUSES} == {408, 429, *range(500, 600)}


# How long it waits


@pytest.mark.parametrize(("status", "first"), [(503, 0.5), (408, 0.5), (429, 2.0)])
def test_without_a_word_from_the_vendor_waits_double(
    script: Any, client_of: ClientOf, fake_time: Any, status: int, first: float
) -> None:
    """Each wait is twice the one before, and up to a fifth longer, so that many clients do not come at once."""
    failure(client_of(script(response(status))))
    waits = fake_time.slept
    assert len(waits) == TRIES - 1
    for number, wait in enumerate(waits):
        assert first * 2**number <= wait <= first * 2**number * 1.2


PLACES: dict[str, Callable[[float], httpx.Response]] = {
    "body": lambda wait: response(429, {"retry_after": wait}),
    "error": lambda wait: response(429, {"error": {"code": "rate_limited", "retry_after": wait}}),
    "header": lambda wait: response(429, retry_after=str(wait)),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("wait", [1, 30, LONGEST_WAIT_SECONDS])
def test_a_short_wait_is_taken_in_place(
    script: Any, client_of: ClientOf, fake_time: Any, place: str, wait: float
) -> None:
    """The vendor's own figure replaces the backoff, up to 75 s, wherever it stands."""
    vendor = script(PLACES[place](wait), OK)
    assert client_of(vendor).get("/skills", {}) == OK
    assert fake_time.slept == [wait]
    assert vendor.times[1] - vendor.times[0] >= wait


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("wait", [LONGEST_WAIT_SECONDS + 0.5, 3600, 86_400])
def test_a_long_wait_stops_at_once(script: Any, client_of: ClientOf, fake_time: Any, place: str, wait: float) -> None:
    """Over 75 s nothing sleeps: the error says when to come back."""
    vendor = script(PLACES[place](wait), OK)
    error = failure(client_of(vendor), RateLimited)
    assert len(vendor.requests) == 1
    assert fake_time.slept == []
    assert error.resume_at == datetime.fromtimestamp(fake_time.now + wait, UTC)
    assert f"{error.resume_at:%Y-%m-%d %H:%M} UTC" in str(error)


def test_a_date_in_the_header_is_a_wait(script: Any, client_of: ClientOf, fake_time: Any) -> None:
    """`Retry-After` may be an HTTP date: short it is waited for, long it is the time to resume."""
    soon, late = (datetime.fromtimestamp(fake_time.now + seconds, UTC) for seconds in (20, 2000))
    vendor = script(response(503, retry_after=format_datetime(soon, usegmt=True)), OK)
    assert client_of(vendor).get("/skills", {}) == OK
    assert fake_time.slept == [20.0]
    error = failure(client_of(script(response(429, retry_after=format_datetime(late, usegmt=True)))), RateLimited)
    assert error.resume_at == late


def test_the_unit_in_the_body_is_a_setting(script: Any, client_of: ClientOf, fake_time: Any) -> None:
    """With milliseconds, 1500 is a second and a half, and 75,001 is too long."""
    client = client_of(script(PLACES["error"](1500), OK), retry_after_unit_seconds=0.001)
    assert client.get("/skills", {}) == OK
    assert fake_time.slept == [1.5]
    failure(client_of(script(PLACES["body"](75_001)), retry_after_unit_seconds=0.001), RateLimited)


def test_a_limit_that_stays_ends_as_rate_limited(script: Any, client_of: ClientOf, fake_time: Any) -> None:
    """After six times 429 the error says when to come back: as the vendor asks, or in a minute."""
    vendor = script(PLACES["body"](3))
    assert failure(client_of(vendor), RateLimited).resume_at.timestamp() == pytest.approx(fake_time.now + 3)
    assert len(vendor.requests) == TRIES
    error = failure(client_of(script(response(429))), RateLimited)
    assert error.resume_at.timestamp() == pytest.approx(fake_time.now + 3600)


@pytest.mark.parametrize("wait", [10**15, 10**12])
def test_an_absurd_wait_is_an_error_of_ours(script: Any, client_of: ClientOf, fake_time: Any, wait: int) -> None:
    """A wait of a million years, such as a unit taken wrongly, still ends as RateLimited, for a year at most."""
    error = failure(client_of(script(PLACES["body"](wait))), RateLimited)
    assert error.resume_at.timestamp() == fake_time.now + LONGEST_RESUME_SECONDS
    assert fake_time.slept == []


def test_a_sleep_that_ends_early_does_not_lead_to_an_early_retry(
    script: Any, fake_time: Any, client_of: ClientOf
) -> None:
    """After a 429 the clock decides, not the number of sleeps."""
    vendor = script(PLACES["body"](10), OK)
    honest = client_of(vendor)
    client = JsonClient(
        honest.vendor,
        transport=httpx.MockTransport(vendor),
        sleep=lambda seconds: fake_time.sleep(seconds / 2),
        clock=fake_time.clock,
    )
    assert client.get("/skills", {}) == OK
    assert vendor.times[1] - vendor.times[0] >= 10 - 1e-6
    client.close()


def test_a_429_holds_the_other_threads_too(fake_time: Any, client_of: ClientOf, script: Any) -> None:
    """While one request waits for the vendor's limit, no other is sent."""
    vendor = script(PLACES["body"](10), OK)
    honest = client_of(vendor)
    nested: list[Any] = []

    def sleep(seconds: float) -> None:
        if not nested:
            nested.append(None)
            nested.append(client.get("/other", {}))  # as another thread would, in the middle of the wait
        fake_time.sleep(seconds)

    client = JsonClient(honest.vendor, transport=httpx.MockTransport(vendor), sleep=sleep, clock=fake_time.clock)
    client.get("/skills", {})
    assert nested[1] == OK
    assert [request.url.path for request in vendor.requests] == [
        f"/rest/v1/{name}" for name in ("skills", "other", "skills")
    ]
    assert vendor.times[1] - vendor.times[0] >= 10
    client.close()


# The minute limit


@pytest.mark.parametrize("per_minute", [1, 3])
def test_requests_are_paced(script: Any, client_of: ClientOf, fake_time: Any, per_minute: int) -> None:
    """As many as the limit go out at once, the next one a minute later."""
    vendor = script(OK)
    client = client_of(vendor, quota=Quota(per_minute=per_minute))
    for _ in range(2 * per_minute + 1):
        client.get("/skills", {})
    starts = [at - vendor.times[0] for at in vendor.times]
    assert starts == [0.0] * per_minute + [60.0] * per_minute + [120.0]
    assert sum(fake_time.slept) == 120.0


def test_retries_are_paced_too(script: Any, client_of: ClientOf) -> None:
    """The vendor counts every request, also the second try of one."""
    vendor = script(response(500), response(500), OK)
    client_of(vendor, quota=Quota(per_minute=2)).get("/skills", {})
    assert vendor.times[2] - vendor.times[0] >= 60


def test_a_failed_request_gives_its_place_back(script: Any, client_of: ClientOf) -> None:
    """After a connection error the place counts for a minute, not for ever."""
    vendor = script(httpx.ConnectError("refused"), OK)
    client = client_of(vendor, quota=Quota(per_minute=1))
    client.get("/a", {})
    client.get("/b", {})
    assert [round(at - vendor.times[0]) for at in vendor.times] == [0, 60, 120]


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_no_minute_holds_more_than_the_limit_with_threads(client_of: ClientOf, fake_time: Any, threads: int) -> None:
    """Several threads share one limit, whatever a request takes."""
    seen: list[float] = []
    lock = threading.Lock()

    def answer(_: httpx.Request) -> httpx.Response:
        with lock:
            seen.append(fake_time.now)
        fake_time.sleep(0.4)
        return httpx.Response(200, json=OK)

    client = client_of(answer, quota=Quota(per_minute=5))
    with ThreadPoolExecutor(threads) as pool:
        assert list(pool.map(lambda number: client.get("/skills", {"page": number}), range(23))) == [OK] * 23
    seen.sort()
    assert len(seen) == 23
    for first, one_too_many in zip(seen, seen[5:], strict=False):
        assert one_too_many - first >= 60 - 1e-6


def test_traffic_counts_what_was_sent_and_waited(script: Any, client_of: ClientOf) -> None:
    """Requests with their retries, and the difference between two moments."""
    client = client_of(script(PLACES["body"](3), OK))
    before = client.traffic
    client.get("/a", {})
    client.get("/b", {})
    spent = client.traffic - before
    assert (spent.requests, spent.retries, spent.waited_seconds) == (3, 1, 3.0)
    assert (before.requests, before.retries, before.waited_seconds) == (0, 0, 0.0)


# What came back


@pytest.mark.parametrize("value", [{}, [], [1], "text", 0, None, {"ä": ["\u2028"]}])
def test_any_json_is_an_answer(client_of: ClientOf, value: Any) -> None:
    """The client decodes; the shape is the resource's business."""
    assert client_of(lambda _: httpx.Response(200, json=value)).get("/skills", {}) == value


@pytest.mark.parametrize("status", [200, 201, 204])
def test_an_empty_answer_is_none(script: Any, client_of: ClientOf, status: int) -> None:
    """Nothing came, and nothing is wrong with that."""
    assert client_of(script(response(status))).get("/skills", {}) is None


@pytest.mark.parametrize(
    ("body", "kind", "begins"),
    [
        (b"<html><body>Sign in</body></html>", "text/html", "<html>"),
        (b'{"data": [', "application/json", "10 bytes that begin as JSON does"),
        (b"{oops: 1}", "application/json", "9 bytes that begin as JSON does"),
        (b"\xff\xfe\x00", "application/json", ""),
        (b"[" * 200_000, "application/json", "200000 bytes that begin as JSON does"),
        (b" ", "", ""),
    ],
    ids=["html", "cut off", "malformed", "not text", "too deep", "blank"],
)
def test_what_is_not_json_is_a_bad_answer(
    script: Any, client_of: ClientOf, body: bytes, kind: str, begins: str
) -> None:
    """The error names type and beginning of what came, and the setting to look at; it is not tried again."""
    vendor = script(response(200, body, **({"content_type": f"{kind}; charset=utf-8"} if kind else {})))
    error = failure(client_of(vendor), BadAnswer)
    assert len(vendor.requests) == 1
    for part in (kind or "no content type", begins, "EXEC_API_URL", "[request id "):
        assert part in str(error)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(script: Any, client_of: ClientOf, status: int) -> None:
    """The key would travel to another host; the error says where it leads."""
    vendor = script(response(status, location="https://elsewhere.example/rest/v1/skills"), OK)
    error = failure(client_of(vendor), Refused)
    assert len(vendor.requests) == 1
    assert "https://elsewhere.example/rest/v1/skills" in str(error)


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 200, 302])
@pytest.mark.parametrize("header", ["x-request-id", "request-id"])
def test_each_error_has_the_vendors_request_id(script: Any, client_of: ClientOf, status: int, header: str) -> None:
    """Its own id is what the vendor's support asks for."""
    answer = httpx.Response(status, content=b"<html>", headers={header: "req_theirs"})
    assert "[request id req_theirs]" in str(failure(client_of(script(answer))))


@pytest.mark.parametrize(
    "answer", [response(400), response(500), response(429), response(200, b"<"), httpx.ReadError("x")]
)
def test_each_error_has_our_request_id_where_the_vendor_gives_none(
    script: Any, client_of: ClientOf, answer: Any
) -> None:
    """The one that was sent along."""
    vendor = script(answer)
    error = failure(client_of(vendor))
    assert f"[request id {vendor.requests[0].headers['X-Request-Id']}]" in str(error)


# Where the key never is


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 408, 418, 429, 500])
@pytest.mark.parametrize("shape", ['{"error": {"code": "c", "message": "key KEY"}}', "<p>KEY</p>", '{"error": "KEY"}'])
def test_the_key_is_in_no_text_even_if_the_vendor_repeats_it(
    script: Any, client_of: ClientOf, key: str, status: int, shape: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither message, repr, traceback nor log record, at any level, of any library."""
    caplog.set_level(logging.DEBUG)
    client = client_of(script(response(status, shape.replace("KEY", key).encode())))
    if status == 200 and shape.startswith("{"):
        client.get("/skills", {})
        return
    error = failure(client)
    texts = [str(error), repr(error), "".join(traceback.format_exception(error)), caplog.text]
    texts += [repr(vars(record)) for record in caplog.records]
    texts += [repr(client.vendor), str(client.vendor), repr(client)]
    assert not [text for text in texts if key in text]


def test_the_key_is_in_no_text_of_a_connection_error(
    script: Any, client_of: ClientOf, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A library's own message may hold what was sent."""
    caplog.set_level(logging.DEBUG)
    error = failure(client_of(script(httpx.LocalProtocolError(f"Illegal header value b'Bearer {key}'"))), Unreachable)
    assert key not in "".join(traceback.format_exception(error)) + repr(error) + caplog.text
    assert "***" in str(error)


def test_a_wait_is_logged_with_what_came_back(
    script: Any, client_of: ClientOf, caplog: pytest.LogCaptureFixture
) -> None:
    """Section 3 of the contracts: what was observed is logged."""
    caplog.set_level(logging.INFO)
    client_of(script(response(429, {"error": {"code": "rate_limited", "retry_after": 3}}), OK)).get("/skills", {})
    assert "status 429 (rate_limited); waiting 3.0 s" in caplog.text


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("127.evil.com", False),
        ("127.0.0.1.evil.com", False),
        ("127.0.0.1.nip.io", False),
        ("localhost.evil.com", False),
        ("128.0.0.1", False),
        ("10.127.0.1", False),
        ("1270.0.0.1", False),
        ("0.0.0.0", False),
        ("::2", False),
        ("api.exec.com", False),
        ("", False),
    ],
)
def test_only_this_machine_is_loopback(host: str, loopback: bool) -> None:
    """A name that merely begins like it is not."""
    assert is_loopback(host) is loopback


def test_a_client_works_over_a_real_socket(free_vendor: str, key: str, caplog: pytest.LogCaptureFixture) -> None:
    """The same over HTTP: an answer, a refusal, and no key in what the libraries log."""
    caplog.set_level(logging.DEBUG)
    vendor = Vendor(
        name="Exec", base_url=free_vendor, key=key, key_header="Authorization", key_setting="K", url_setting="U"
    )
    client = JsonClient(vendor, sleep=lambda _: None)
    assert client.get("/exec/rest/v1/skills", {"a": 1}) == {"path": "/exec/rest/v1/skills?a=1", "key": key}
    with pytest.raises(UnknownResource):
        client.get("/missing", {})
    client.close()
    assert caplog.records
    assert key not in caplog.text


def test_nobody_listening_is_unreachable(key: str) -> None:
    """A port that nobody answers on: six tries, then the address to look at."""
    vendor = Vendor(
        name="Exec", base_url="http://127.0.0.1:9", key=key, key_header="x", key_setting="K", url_setting="EXEC_API_URL"
    )
    client = JsonClient(vendor, sleep=lambda _: None)
    with pytest.raises(Unreachable, match="ConnectError") as caught:
        client.get("/skills", {})
    client.close()
    assert isinstance(caught.value, ExecOrchestrationError)


@pytest.mark.parametrize(("size", "is_read"), [(1_000_000, True), (1_000_001, False)])
def test_an_answer_may_be_as_long_as_the_setting_says(
    script: Any, client_of: ClientOf, size: int, is_read: bool
) -> None:
    """One byte more ends in an error that names the setting; it is not tried again."""
    vendor = script(httpx.Response(200, content=b'"' + b"x" * (size - 2) + b'"'))
    client = client_of(vendor, max_answer_mb=1)
    if is_read:
        assert len(client.get("/skills", {})) == size - 2
    else:
        assert "more than 1 MB (MAX_RESPONSE_MB)" in str(failure(client, BadAnswer))
    assert len(vendor.requests) == 1


def test_a_packed_answer_counts_as_long_as_it_is_unpacked(client_of: ClientOf) -> None:
    """A gzip bomb of 20 kB is not unpacked to its end."""
    packed = gzip.compress(b" " * 20_000_000)
    client = client_of(
        lambda _: httpx.Response(200, content=iter([packed]), headers={"content-encoding": "gzip"}), max_answer_mb=1
    )
    assert "MAX_RESPONSE_MB" in str(failure(client, BadAnswer))


def test_an_answer_that_trickles_on_is_given_up(client_of: ClientOf) -> None:
    """Each pause is short, and all of them together are too long: tried again, like a connection that broke."""

    def drops() -> Iterator[bytes]:
        while True:
            time.sleep(0.3)
            yield b" "

    client = client_of(lambda _: httpx.Response(200, content=drops()), max_answer_seconds=1)
    error = failure(client, Unreachable)
    assert "had no end after 1 s (MAX_RESPONSE_SECONDS)" in str(error)
    assert f"tried {TRIES} times" in str(error)
