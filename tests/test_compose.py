"""`compose.yaml` and the Dockerfile say what is so: schema, settings, files, commands."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from dotenv import dotenv_values

from chitram.cli import main
from chitram.settings import Settings
from ring import Membership

ROOT = Path(__file__).parent.parent
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
INSTANCES = ("app-1", "app-2", "worker", "migrate")
ONCE = {"migrate"}
"""What runs and ends has no health."""
MUST_BE_SET = {
    "APP_ENV",
    "DATABASE_URL",
    "JOBS",
    "JWT_SECRET_KEY",
    "MINIO_ACCESS_KEY",
    "MINIO_BUCKET",
    "MINIO_ENDPOINT",
    "MINIO_REGION",
    "MINIO_SECRET_KEY",
    "MINIO_SECURE",
    "REDIS_NODES",
    "STAGING_PATH",
    "STORAGE_BACKEND",
}
"""The settings whose defaults are for one machine."""
VARIABLE = re.compile(r"\$\{(\w+)(?::?([-?])([^}]*))?\}")

each_service = pytest.mark.parametrize("name", SERVICES)
each_instance = pytest.mark.parametrize("name", INSTANCES)


def dockerfile(path: str) -> list[list[str]]:
    """The instructions of a Dockerfile, as words."""
    text = re.sub(r"(?m)^\s*#.*\n", "", (ROOT / path).read_text()).replace("\\\n", " ")
    return [line.split(maxsplit=1) for line in text.splitlines() if line.strip()]


def filled_in() -> dict[str, str]:
    """`.env.example` as somebody would fill it in."""
    written = dotenv_values(ROOT / ".env.example")
    return {name: value or "0123456789abcdef" * 3 for name, value in written.items()}


def environment(name: str) -> dict[str, str]:
    """What a service is told, with the variables put in."""
    values = filled_in()
    given = SERVICES[name].get("environment", {})
    return {key: VARIABLE.sub(lambda found: values[found[1]], str(value)) for key, value in given.items()}


def images() -> set[str]:
    """Every image that is fetched: of services, and what ours are built from."""
    built = [service["build"] for service in SERVICES.values() if "build" in service]
    bases = {words[1].split()[0] for path in built for words in dockerfile(f"{path}/Dockerfile") if words[0] == "FROM"}
    ours = {service["image"] for service in SERVICES.values() if "build" in service}
    return bases | {service["image"] for service in SERVICES.values()} - ours


def test_the_file_keeps_to_the_schema():
    """Of the Compose specification, as check-jsonschema brings it along."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_installation_is_whole():
    """What it is said to have."""
    assert set(SERVICES) == {
        *("proxy", "app-1", "app-2", "worker", "migrate", "redis-a", "redis-b", "redis-c"),
        *("postgres", "minio", "prometheus", "redis-exporter", "grafana"),
    }


@each_instance
def test_every_variable_is_a_setting_and_no_necessary_one_is_missing(name):
    """None that the service would ignore; and every setting whose default would be wrong here."""
    given = set(environment(name))
    assert given <= {field.upper() for field in Settings.model_fields}
    assert given >= MUST_BE_SET


@each_instance
def test_the_service_takes_these_settings(name):
    """In production, and they lead to the other services by their names and ports."""
    settings = Settings.load(environment(name), dotenv=None)
    assert settings.app_env == "production"
    assert {node.name: node.address for node in Membership.of(settings.node_list, 1).nodes} == {
        letter: f"redis-{letter}:6379" for letter in "abc"
    }
    assert "@postgres:5432/chitram" in settings.database_url
    assert (settings.minio_endpoint, settings.minio_secure) == ("minio:9000", False)
    assert settings.staging_path == Path("/var/lib/chitram/staging")


def test_the_servers_know_the_same_secrets():
    """The database, the storage and the instances, from one file."""
    settings = Settings.load(environment("app-1"), dotenv=None)
    assert f":{environment('postgres')['POSTGRES_PASSWORD']}@" in settings.database_url
    assert environment("minio")["MINIO_ROOT_USER"] == settings.minio_access_key.get_secret_value()
    assert environment("minio")["MINIO_ROOT_PASSWORD"] == settings.minio_secret_key.get_secret_value()
    assert environment("minio")["MINIO_SITE_REGION"] == settings.minio_region


def test_the_example_explains_every_variable_and_gives_no_secret():
    """Nor one that nobody reads; without a secret nothing starts."""
    used = {found[0]: found[1] for found in VARIABLE.findall((ROOT / "compose.yaml").read_text())}
    written = dotenv_values(ROOT / ".env.example")
    assert set(used) == set(written)
    for name, value in written.items():
        secret = name.endswith(("PASSWORD", "SECRET_KEY"))
        assert bool(value) is not secret, name
        assert used[name] == ("?" if secret or name == "MINIO_ACCESS_KEY" else "-"), name
    lines = (ROOT / ".env.example").read_text().split("\n\n")
    assert all(block.startswith("#") for block in lines)
    ignored = (ROOT / ".gitignore").read_text().split()
    assert ".env" in ignored


def test_every_image_is_pinned():
    """By a version that does not move."""
    assert len(images()) > 6
    for image in images():
        tag = image.partition("@")[0].rpartition(":")[2]
        assert re.search(r"\d+\.\d+\.\d+|17\.\d+|RELEASE\.\d{4}-", tag), image
        assert not image.startswith("minio/"), "Docker Hub has no MinIO any more"
    ours = [service["image"] for service in SERVICES.values() if "build" in service]
    assert all(re.fullmatch(r"chitram(-\w+)?:\d+\.\d+\.\d+", image) for image in ours)


def test_each_image_of_ours_is_built_by_one_service_that_its_users_wait_for():
    """Builds run at the same time: two that export one name fail on a machine that has it not yet."""
    builders = [(service["image"], name) for name, service in SERVICES.items() if "build" in service]
    assert len(dict(builders)) == len(builders)
    assert "migrate" in SERVICES["app-1"]["depends_on"]
    assert {SERVICES[name]["image"] for name in ("app-1", "app-2", "worker")} == {SERVICES["migrate"]["image"]}
    assert dict(builders)[SERVICES["app-1"]["image"]] == "migrate"


@each_service
def test_no_service_has_rights_that_it_does_not_need(name):
    """Not root, no capability but the one that Caddy's program insists on, an image that stays as it is."""
    service = SERVICES[name]
    user, _, group = service["user"].partition(":")
    assert user.isdigit()
    assert int(user) > 0
    assert group.isdigit()
    assert service["cap_drop"] == ["ALL"]
    assert service.get("cap_add", []) == (["NET_BIND_SERVICE"] if name == "proxy" else [])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert not {"privileged", "network_mode", "pid", "ipc", "devices"} & set(service)
    assert not any("docker.sock" in str(volume) for volume in service.get("volumes", []))


@each_service
def test_every_service_is_bounded_and_watched(name):
    """Memory, processors, processes, logs; and it says whether it is well."""
    service = SERVICES[name]
    assert {"memory", "cpus", "pids"} <= set(service["deploy"]["resources"]["limits"])
    assert service["logging"]["options"]["max-size"]
    if name in ONCE:
        assert service["healthcheck"] == {"disable": True}
        assert service["restart"] == "on-failure:5"
    else:
        assert service["healthcheck"]["test"][0] == "CMD"
        assert service["restart"] == "unless-stopped"


@each_service
def test_every_file_that_is_mounted_exists(name):
    """And cannot be written to; volumes are declared."""
    for volume in SERVICES[name].get("volumes", []):
        source, _, rest = volume.partition(":")
        if source.startswith("."):
            assert rest.endswith(":ro"), volume
            if source.startswith("./grafana/") and not (ROOT / "grafana").exists():
                pytest.skip("the dashboards are not part of this checkout")
            assert (ROOT / source).exists(), volume
        else:
            assert source in COMPOSE["volumes"]


def test_nothing_but_the_proxy_is_published():
    """And Grafana, for whoever sits at the machine."""
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"proxy", "grafana"}
    assert all(port.startswith("127.0.0.1:") for port in published["grafana"])


def test_networks_keep_apart_what_has_no_business_with_each_other():
    """The proxy reaches the instances only; what keeps data reaches nothing outside."""
    joined = {name: set(service["networks"]) for name, service in SERVICES.items()}
    inside = {name for name, network in COMPOSE["networks"].items() if network.get("internal")}
    assert {name for name, networks in joined.items() if not networks <= inside} == {"proxy", "grafana"}
    assert {name for name, networks in joined.items() if "front" in networks} == {"proxy", "app-1", "app-2"}
    assert "data" not in joined["proxy"] | joined["grafana"] | joined["prometheus"]


def test_the_instances_wait_for_the_schema_and_for_nothing_that_may_be_away():
    """The service starts without Redis and without its storage."""
    for name in ("app-1", "app-2", "worker"):
        assert set(SERVICES[name]["depends_on"]) == {"migrate", "postgres"}


def test_the_proxy_knows_the_instances():
    """By the names and the port that they have here, and lets through what they take."""
    text = (ROOT / "deploy" / "proxy" / "Caddyfile").read_text()
    assert "{$UPSTREAMS:app-1:8000 app-2:8000}" in text
    assert set(re.findall(r"\{\$(\w+)", text)) == {
        *environment("proxy"),
        *("UPSTREAMS", "LISTEN_HTTP", "LISTEN_HTTPS", "LISTEN_PROBE"),
    }
    largest = int(environment("proxy")["MAX_BODY"].removesuffix("MiB"))
    assert largest > Settings.load(environment("app-1"), dotenv=None).max_file_size_mb


def test_what_the_dockerfile_copies_exists_and_is_sent_to_the_builder():
    """By `.dockerignore`, which lets nothing else through."""
    copies = [words[1] for words in dockerfile("Dockerfile") if words[0] == "COPY"]
    copied = [line.split()[:-1] for line in copies if "--from" not in line]
    sources = {source for group in copied for source in group}
    assert all((ROOT / source).exists() for source in sources)
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignore
    assert {line.removeprefix("!") for line in ignore if line.startswith("!")} == sources


def test_the_image_runs_commands_that_exist():
    """As somebody without rights; the program itself gets the signals."""
    instructions = {words[0]: words[1] for words in dockerfile("Dockerfile")}
    entry, default = json.loads(instructions["ENTRYPOINT"]), json.loads(instructions["CMD"])
    assert entry == ["chitram"]
    for arguments in (default, SERVICES["migrate"]["command"], SERVICES["worker"]["command"]):
        done = CliRunner().invoke(main, [arguments[0], "--help"])
        assert done.exit_code == 0, done.output
        for option in arguments[1:]:
            assert not option.startswith("--") or option in done.output
    assert instructions["USER"] == SERVICES["app-1"]["user"]


def test_the_image_is_built_by_the_uv_that_wrote_the_lock_file():
    """An older one might not read it."""
    locked = re.search(r'name = "uv"\nversion = "([\d.]+)"', (ROOT / "uv.lock").read_text())
    assert locked
    assert f"uv=={locked[1]}" in (ROOT / "Dockerfile").read_text()


def test_the_health_checks_ask_addresses_that_exist():
    """Of the port that the instances listen on."""
    instructions = dict(words for words in dockerfile("Dockerfile"))
    asked = [shlex.join(SERVICES["app-1"]["healthcheck"]["test"]), instructions["HEALTHCHECK"]]
    port = re.search(r"--port\W+(\d+)", instructions["CMD"])
    assert port
    for text, path in zip(asked, ("/health/ready", "/health/live"), strict=True):
        assert f"127.0.0.1:{port[1]}{path}" in text


def test_the_worker_does_what_the_instances_leave_to_it_and_is_watched():
    """Its probes are on the port that the health check asks, and Prometheus finds each of them by its name."""
    assert {environment(name)["JOBS"] for name in ("app-1", "app-2", "worker")} == {"worker"}
    port = int(environment("worker")["METRICS_PORT"])
    assert f"127.0.0.1:{port}/health/ready" in shlex.join(SERVICES["worker"]["healthcheck"]["test"])
    assert "METRICS_PORT" not in environment("app-1")
    config = yaml.safe_load((ROOT / "grafana" / "prometheus.yml").read_text())
    (job,) = [each for each in config["scrape_configs"] if each["job_name"] == "chitram-worker"]
    assert job["dns_sd_configs"] == [{"names": ["worker"], "type": "A", "port": port}]
    assert {"watch", "data"} == set(SERVICES["worker"]["networks"])


def test_the_devcontainer_does_what_the_makefile_says():
    """JSON with comments."""
    text = (ROOT / ".devcontainer" / "devcontainer.json").read_text()
    content = json.loads(re.sub(r"(?m)^\s*//.*$", "", text))
    assert content["postCreateCommand"] == "make setup"
    assert re.search(r"(?m)^setup:", (ROOT / "Makefile").read_text())
    assert content["image"].rpartition(":")[2] != "latest"
