"""The sandbox as a process of its own, over a real socket."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from exec_orchestration.sandbox.app import EXEC_KEY, SPARKWISE_KEY, serve
from exec_orchestration.sandbox.world import World

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "exec_orchestration.sandbox.app")
AUTHORIZED = {"Authorization": f"Bearer {EXEC_KEY}"}


@pytest.fixture(scope="module")
def server() -> Iterator[tuple["subprocess.Popen[str]", dict[str, str]]]:
    """A running sandbox and the settings that it printed."""
    options = ("--port", "0", "--until", "2026-01-31", "--nested-members", "--requests-per-day", "50")
    options += ("--people", "60", "--trusted-domains", "example.com, other.example.com", "--strict-deactivation")
    options += ("--day-zone", "Etc/UTC", "--retry-after-place", "header", "--count-refused")
    with subprocess.Popen(
        (*COMMAND, *options), cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        try:
            lines = [process.stdout.readline().strip() for _ in range(5)]
            assert lines[4] == "ready"
            yield process, dict(line.split("=", 1) for line in lines[:4])
        finally:
            process.kill()


def test_a_sync_can_be_tried_over_the_socket(server: tuple["subprocess.Popen[str]", dict[str, str]]) -> None:
    """Starting accounts are set by a switch; trusted domains and strictness come from the command line."""
    _, settings = server
    users, key = settings["SPARKWISE_API_URL"] + "/users", {"x-api-key": settings["SPARKWISE_API_KEY"]}
    switch = settings["EXEC_API_URL"].removesuffix("/exec/rest/v1") + "/_sandbox/accounts"
    names = {"firstName": "Anna", "lastName": "Li", "active": True}
    with httpx.Client(headers=key, timeout=10) as client:
        before = client.get(switch).json()
        assert {one["remoteId"] for one in before if one["remoteId"]} <= {f"E{n:04d}" for n in range(1, 61)}
        client.put(switch, json=[{**names, "remoteId": "E0001", "active": False}]).raise_for_status()
        batch = {"users": [{**names, "remoteId": remote_id} for remote_id in ("E0023", "E0002")]}
        data = client.put(users, json=batch).json()["data"]
        assert [one["remoteId"] for one in data["success"]] == ["E0002"]
        assert "trusted domains" in data["failed"][0]["error"]
        data = client.request("DELETE", users, json={"users": [{"remoteId": "E0001"}]}).json()["data"]
        assert [one["error"] for one in data["failed"]] == ["User is already inactive"]
        assert [one["remoteId"] for one in client.get(switch).json()] == ["E0001", "E0002"]
        client.put(switch, json=before).raise_for_status()


def test_the_process_serves_and_leaves_in_good_order(
    server: tuple["subprocess.Popen[str]", dict[str, str]],
) -> None:
    """The printed addresses answer, the options hold, a hang-up breaks the connection, SIGTERM ends with 0."""
    process, settings = server
    assert set(settings) == {"EXEC_API_URL", "EXEC_API_KEY", "SPARKWISE_API_URL", "SPARKWISE_API_KEY"}
    origin = settings["EXEC_API_URL"].removesuffix("/exec/rest/v1")
    assert origin.startswith("http://127.0.0.1:")
    with httpx.Client(headers=AUTHORIZED, timeout=10) as client:
        members = client.get(settings["EXEC_API_URL"] + "/workspace/members").json()
        assert set(members["data"][0]) == {"user", "role", "created_at"}
        users = client.get(settings["SPARKWISE_API_URL"] + "/users", headers={"x-api-key": SPARKWISE_KEY})
        assert users.json()["success"] is True

        client.put(origin + "/_sandbox/faults", json=[{"path": "/skills", "hang_up": True, "times": 1}])
        with pytest.raises(httpx.RemoteProtocolError):
            client.get(settings["EXEC_API_URL"] + "/skills")
        assert client.get(settings["EXEC_API_URL"] + "/skills").status_code == 200

        now = client.get(origin + "/_sandbox/clock").json()["now"]
        client.put(origin + "/_sandbox/clock", json={"advance_seconds": 86_400 - now % 86_400}).raise_for_status()
        *admitted, refused = [client.get(settings["EXEC_API_URL"] + "/skills") for _ in range(51)]
        assert {answer.status_code for answer in admitted} == {200}
        assert refused.status_code == 429
        assert 86_000 < int(refused.headers["retry-after"]) <= 86_400
        counted = client.get(origin + "/_sandbox/limits").json()
        assert (counted["in_day"], counted["most_in_day"], counted["refused"]) == (51, 50, 1)
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(timeout=10) == 0


def test_only_loopback_is_served(world: World) -> None:
    """Another host is refused before anything listens."""
    with pytest.raises(ValueError, match=r"127\.0\.0\.1 only"):
        serve(world, port=0, host="0.0.0.0")


def test_wrong_options_are_explained() -> None:
    """An end before the start is said in words."""
    done = subprocess.run(
        (*COMMAND, "--until", "2025-12-31"), cwd=ROOT, text=True, capture_output=True, timeout=30, check=False
    )
    assert done.returncode == 2
    assert "2025-12-31 is before --start 2026-01-01" in done.stderr
