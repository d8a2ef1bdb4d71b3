"""deploy/: what Docker Compose would start, as far as that can be said without Docker: the file is right, what it
mounts is there, each part can reach what it needs, and nothing is open to the network.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from dashboards.generator.boards import ALL
from otelchan import __version__
from otelchan.cli import make_parser
from otelchan.config.folders import DUMPS, IMAGES
from otelchan.config.load import load as settings
from otelchan.target.lock import FOLDER as LOCKS
from scripts.stack import COMPONENTS
from tests.support import collector_readme
from tests.support.compose import (
    DEPLOY,
    REPO,
    Json,
    compose,
    fault,
    load,
    mounts,
    relative,
    table,
    unexplained,
    variables,
)

SERVICES: Json = compose()["services"]
STACK = {component.name: component.version for component in COMPONENTS}
CAPABILITIES = ["BPF", "PERFMON", "SYS_PTRACE", "DAC_READ_SEARCH"]


def test_compose_takes_the_file() -> None:
    """All its keys and values are of the Compose specification."""
    assert "" == fault(compose())


def _set(*path: str | int, to: Any) -> Callable[[Json], None]:
    def change(content: Json) -> None:
        inner: Any = content["services"]
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = to

    return change


@pytest.mark.parametrize(
    "change",
    [
        _set("otelchan", "imagee", to="x"),
        _set("otelchan", "cap_add", to="BPF"),
        _set("otelchan", "read_only", to="maybe"),
        _set("otelchan", "restart", to="sometimes"),
        _set("otelchan", "mem_limit", to="lots"),
        _set("otelchan", "healthcheck", "intervall", to="5s"),
        _set("grafana", "healthcheck", "interval", to="5 parsecs"),
        _set("grafana", "ports", to=["127.0.0.1:x:3000"]),
        _set("grafana", "depends_on", to={"tempo": {"condition": "service_ready"}}),
        _set("grafana", "volumes", 0, to={"type": "bond", "source": "a", "target": "/a"}),
    ],
)
def test_a_wrong_key_or_value_is_found(change: Callable[[Json], None]) -> None:
    """The check above can fail."""
    wrong = copy.deepcopy(compose())
    change(wrong)
    assert fault(wrong)


def test_services_depend_on_services_and_all_volumes_are_used() -> None:
    """What the specification's parser does not look at."""
    assert set() == {name for each in SERVICES.values() for name in each.get("depends_on", [])} - set(SERVICES)
    sources = {source for each in SERVICES.values() for source in mounts(each).values()}
    assert set(compose()["volumes"]) == {source for source in sources if source[0] not in "./"}


def test_mounted_files_are_there() -> None:
    """Docker would make an empty folder of what is missing. What is on the machine is said by an absolute path."""
    sources = {source for each in SERVICES.values() for source in mounts(each).values()}
    assert {"/run/otelchan"} == {source for source in sources if source.startswith("/")}
    assert [] == [source for source in sorted(sources) if source[0] == "." and not relative(source).exists()]


def test_files_of_the_repository_are_mounted_read_only() -> None:
    """No container changes the clone."""
    every = [volume for each in SERVICES.values() for volume in each.get("volumes", [])]
    assert [] == [volume for volume in every if volume[0] == "." and not volume.endswith(":ro")]


def test_ports_are_on_loopback() -> None:
    """Neither Prometheus nor the Collector asks for a password."""
    ports = [port for each in SERVICES.values() for port in each.get("ports", [])]
    assert 4 == len(ports)
    assert [] == [port for port in ports if not port.startswith("127.0.0.1:")]


def test_versions_are_those_that_the_tests_use() -> None:
    """The Collector and Prometheus that run in the end-to-end tests (Prometheus 3.15 is the module 0.315), the Grafana
    whose types the dashboards are checked with, this otelchan. Tempo, which no test runs, has a version too."""
    module = re.fullmatch(r"0\.3(\d\d)\.(\d+)", STACK["prometheus"])
    assert module
    schema = load(REPO / "tests/grafana/package.json")["dependencies"]["@grafana/schema"]
    assert {
        "otelchan": f"otelchan:{__version__}",
        "collector": f"otel/opentelemetry-collector-contrib:{STACK['otelcol']}",
        "prometheus": f"prom/prometheus:v3.{int(module[1])}.{module[2]}",
        "grafana": f"grafana/grafana:{schema}",
    } == {name: each["image"] for name, each in SERVICES.items() if name != "tempo"}
    assert re.fullmatch(r"grafana/tempo:\d+\.\d+\.\d+", SERVICES["tempo"]["image"])


def test_every_variable_is_in_the_readme_with_its_default() -> None:
    """And the README names no other."""
    assert variables() == {name: cells[0].strip("`") for name, cells in table("Variables").items()}


def test_the_readme_lists_services_images_and_ports() -> None:
    """As they are."""
    rows = table("What is what")
    assert list(SERVICES) == list(rows)
    for name, (image, ports, _) in rows.items():
        assert ", ".join(port.split(":")[-1] for port in sorted(SERVICES[name].get("ports", []))) == ports
        assert SERVICES[name]["image"].split(":")[0] in image or name == "otelchan"


@pytest.mark.parametrize("name", ["compose.yaml", "prometheus.yaml", "tempo.yaml"])
def test_every_line_says_what_it_is_for(name: str) -> None:
    """As in collector-config/."""
    assert [] == unexplained(DEPLOY / name)


def test_the_collector_runs_a_shipped_configuration() -> None:
    """With variables that this file has, and the memory that its README gives it."""
    collector = SERVICES["collector"]
    (argument,) = collector["command"]
    source = relative(mounts(collector)[argument.removeprefix("--config=")])
    assert collector_readme.FOLDER == source.parent
    known = collector_readme.variables(source.name)
    assert set() == set(collector["environment"]) - set(known) - {"GOMEMLIMIT"}
    assert f"{collector_readme.memory_limit_mib(source.name)}m" == collector["mem_limit"]
    limit = int(known["OTELCHAN_COLLECTOR_MEMORY_MIB"])
    assert f"{round(limit * 0.8)}MiB" == collector["environment"]["GOMEMLIMIT"]


def test_each_part_is_told_where_the_next_one_listens() -> None:
    """otelchan, the Collector, Prometheus and Tempo, Grafana: names of services, and ports that they open."""
    collector, grafana = SERVICES["collector"]["environment"], SERVICES["grafana"]["environment"]
    assert SERVICES["otelchan"]["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://collector:4318"
    assert "0.0.0.0:4318" == collector["OTELCHAN_COLLECTOR_HTTP"]
    assert "http://prometheus:9090/api/v1/otlp" == collector["PROMETHEUS_OTLP_ENDPOINT"]
    assert "--web.enable-otlp-receiver" in SERVICES["prometheus"]["command"]
    tempo = load(DEPLOY / "tempo.yaml")
    listens = tempo["distributor"]["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"]
    assert listens.replace("0.0.0.0", "tempo") == collector["TEMPO_OTLP_ENDPOINT"]
    assert f"http://tempo:{tempo['server']['http_listen_port']}" == grafana["TEMPO_URL"]
    assert "http://prometheus:9090" == grafana["PROMETHEUS_URL"]


def test_prometheus_is_configured_as_elsewhere() -> None:
    """OTLP and exemplars as in collector-config/, flags as its README says; the Collector is scraped where it is."""
    mine, theirs = load(DEPLOY / "prometheus.yaml"), load(REPO / "collector-config/prometheus.yaml")
    assert {key: theirs[key] for key in ("otlp", "storage")} == {key: mine[key] for key in ("otlp", "storage")}
    assert {"otlp", "storage"} == set(theirs)
    assert "--enable-feature=exemplar-storage" in SERVICES["prometheus"]["command"]
    (scrape,) = mine["scrape_configs"]
    port = collector_readme.variables("standalone.yaml")["OTELCHAN_COLLECTOR_METRICS_PORT"]
    assert [{"targets": [f"collector:{port}"]}] == scrape["static_configs"]
    assert "0.0.0.0" == SERVICES["collector"]["environment"]["OTELCHAN_COLLECTOR_METRICS_HOST"]


def test_prometheus_loads_all_rules() -> None:
    """Through the mount; their tests, a folder further down, are not rules."""
    (pattern,) = load(DEPLOY / "prometheus.yaml")["rule_files"]
    folder, _, names = pattern.rpartition("/")
    source = relative(mounts(SERVICES["prometheus"])[folder])
    loaded = {path.name for path in source.iterdir() if fnmatchcase(path.name, names)}
    assert {f"otelchan-{part}.yaml" for part in ("findings", "objectives", "agent", "collector")} == loaded


def test_grafana_finds_the_dashboards() -> None:
    """In the folder that its provisioning names, and nothing else that it would take for one; one is the first page."""
    at = mounts(SERVICES["grafana"])
    (provider,) = load(REPO / "dashboards/provisioning/dashboards/otelchan.yaml")["providers"]
    folder = relative(at[provider["options"]["path"]])
    assert {board.uid for board in ALL} == {f"otelchan-{path.stem}" for path in folder.rglob("*.json")}
    for kind in ("datasources", "dashboards"):
        assert (relative(at[f"/etc/grafana/provisioning/{kind}"]) / "otelchan.yaml").is_file()
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (folder / home.removeprefix(provider["options"]["path"] + "/")).is_file()


def test_otelchan_takes_its_arguments_and_settings() -> None:
    """The command line and the variables are otelchan's own."""
    otelchan = SERVICES["otelchan"]
    arguments = make_parser().parse_args(otelchan["command"])
    assert ("run", True) == (arguments.command, arguments.all)
    config = settings(None, {name: str(value) for name, value in otelchan["environment"].items()}, {})
    assert ("http://collector:4318", 10.0, 3.0) == (config.otlp.endpoint, config.interval_s, config.max_overhead)
    assert "http://127.0.0.1:9464/healthz" in otelchan["healthcheck"]["test"][-1]
    assert "127.0.0.1:9464" == arguments.status_listen


def test_what_otelchan_writes_is_kept() -> None:
    """Its file system is read only, but for the folders that it takes as root: executables that it has analysed, dumps,
    locks, and /tmp."""
    otelchan = SERVICES["otelchan"]
    writable = {target for target, source in mounts(otelchan).items() if not source.startswith(".")}
    assert {str(folder) for folder in (LOCKS, IMAGES.parent, DUMPS.parent)} == writable
    assert ["/tmp"] == otelchan["tmpfs"]


def test_otelchan_does_not_watch_the_programs_that_show_what_it_sees() -> None:
    """Their executables: otelcol-contrib, prometheus, tempo, grafana; nor Docker's. Other programs it does watch."""
    excluded = make_parser().parse_args(SERVICES["otelchan"]["command"]).exclude
    own = ["otelcol-contrib", "prometheus", "tempo", "grafana", "dockerd", "docker-proxy", "containerd-shim-runc-v2"]
    assert [] == [name for name in own if not any(fnmatchcase(name, glob) for glob in excluded)]
    assert [] == [name for name in ("shop", "leaky", "api") if any(fnmatchcase(name, glob) for glob in excluded)]


def test_otelchan_has_the_rights_that_the_readme_names_and_no_others() -> None:
    """As root with four capabilities, in the machine's process, name and control group namespaces. CAP_SYS_ADMIN is for
    perf events only."""
    otelchan = SERVICES["otelchan"]
    named = re.findall(r"`CAP_(\w+)`(?! where)", (REPO / "README.md").read_text(encoding="utf-8"))
    assert CAPABILITIES == named
    assert (["ALL"], CAPABILITIES) == (otelchan["cap_drop"], otelchan["cap_add"])
    assert ("host", "host", "host", True) == tuple(otelchan[key] for key in ("pid", "uts", "cgroup", "read_only"))
    assert "privileged" not in otelchan
    assert [] == [name for name, each in SERVICES.items() if name != "otelchan" and {"pid", "cap_add"} & set(each)]


def test_the_image_is_built_from_the_one_dockerfile() -> None:
    """In the repository; what is in it is for tests/unit/deploy/test_dockerfile.py and tests/deploy/test_image.py."""
    build = SERVICES["otelchan"]["build"]
    assert REPO == relative(build["context"])
    assert (REPO / build["dockerfile"]) == DEPLOY / "image" / "Dockerfile"


def test_every_package_is_installed() -> None:
    """The wheel has every file of the folder; with an __init__.py in each, tools that look for packages find them."""
    assert "[tool.hatch.build.targets.wheel]" in (REPO / "pyproject.toml").read_text(encoding="utf-8")
    assert '\npackages = ["otelchan"]' in (REPO / "pyproject.toml").read_text(encoding="utf-8")
    folders = {path.parent for path in (REPO / "otelchan").rglob("*.py")}
    assert [] == sorted(str(folder) for folder in folders if not (folder / "__init__.py").is_file())


def test_the_readme_says_that_it_was_never_run() -> None:
    """Plainly."""
    assert "never run as a whole" in (DEPLOY / "compose.md").read_text(encoding="utf-8")
    assert "never run by the project's tests" in Path(DEPLOY / "compose.yaml").read_text(encoding="utf-8")
