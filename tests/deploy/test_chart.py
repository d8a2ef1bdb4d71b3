"""deploy/helm/otelchan: Helm takes it, it refuses wrong values, and what is made of it is not out of date."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest
import yaml

from otelchan import __version__
from otelchan.cli import main
from scripts import chart
from tests.support.chart import VERSIONS, one, refused, rendered
from tests.support.helm_api import api
from tests.support.stack import binary

NAMES = sorted(path.name.removesuffix("-values.yaml") for path in (chart.CHART / "ci").iterdir())
ANEW = "write it again with `.venv/bin/python scripts/chart.py {}`"


@pytest.fixture(autouse=True)
def _helm() -> None:
    binary("helm")


@pytest.mark.parametrize("name", NAMES)
def test_helm_finds_nothing_to_complain_of(name: str) -> None:
    """helm lint --strict, with each set of values."""
    arguments = ["lint", "--strict", "--kube-version", chart.KUBERNETES, "--values", str(chart.ci_values(name))]
    assert "0 chart(s) failed" in chart.helm(*arguments, str(chart.CHART))


def test_every_form_has_its_values_and_every_value_is_tried() -> None:
    """The plain manifests are those forms; everything-values.yaml names each value of node and Collector."""
    assert sorted([*chart.FORMS, "everything"]) == NAMES
    defaults = yaml.safe_load((chart.CHART / "values.yaml").read_text(encoding="utf-8"))
    tried = yaml.safe_load(chart.ci_values("everything").read_text(encoding="utf-8"))
    assert {"nameOverride", "sidecarExample"} == set(defaults) - set(tried)
    assert {"enabled"} == set(defaults["nodeAgent"]) - set(tried["nodeAgent"])


@pytest.mark.parametrize("name", chart.FORMS)
def test_the_plain_manifests_are_up_to_date(name: str) -> None:
    """They are what the chart renders."""
    expected = chart.plain(name)
    assert expected == (chart.PLAIN / f"{name}.yaml").read_text(encoding="utf-8"), ANEW.format("manifests")


def test_what_the_chart_renders_is_what_was_looked_at() -> None:
    """Every option away from its default, and the oldest Kubernetes."""
    expected = {path.name: path.read_text(encoding="utf-8") for path in chart.GOLDEN.iterdir()}
    assert chart.golden() == expected, ANEW.format("golden") + ", and look at the difference"


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("nodeAgnet.enabled=true", "nodeAgnet"),
        ("nodeAgent.lockfolder=/run", "lockfolder"),
        ("nodeAgent.extraCapabilities={CAP_SYS_NICE}", "/nodeAgent/extraCapabilities/0"),
        ("nodeAgent.extraCapabilities={SYS_MODULE}", "/nodeAgent/extraCapabilities/0"),
        ("nodeAgent.appArmorProfile=unconfined", "/nodeAgent/appArmorProfile"),
        ("nodeAgent.cacheSize=lots", "/nodeAgent/cacheSize"),
        ("status.port=80", "/status/port"),
        ("status.address=localhost", "/status/address"),
        ("image.digest=sha256:12", "/image/digest"),
        ("collector.gateway.endpoint=https://gateway:4317", "/collector/gateway/endpoint"),
        ("config.intervall_s=5", "intervall_s"),
        ("config.interval_s=0", "/config/interval_s"),
        ("config.otlp.endpoint=gateway:4318", "/config/otlp"),
        ("config.status.listen=127.0.0.1:1", "listen"),
        ("sidecarExample.collector=daemonset", "/sidecarExample/collector"),
    ],
)
def test_a_wrong_value_is_refused_with_its_name(setting: str, said: str) -> None:
    """By values.schema.json, before anything reaches the cluster; settings of otelchan too."""
    assert said in refused(setting)


@pytest.mark.parametrize(
    "setting",
    ["config.interval_s=5", "config.max_overhead=off", "config.otlp.protocol=grpc,config.otlp.endpoint=gateway:4317",
     "config.targets[0].exe=/srv/*,config.targets[0].exclude=true", "config.otlp.headers.authorization=Bearer x",
     "nodeAgent.extraCapabilities={SYS_NICE}", "global.anything=1"],
)  # fmt: skip
def test_a_right_value_is_not_refused(setting: str) -> None:
    """The schema is not stricter than otelchan."""
    assert "" == refused(setting)


@pytest.mark.parametrize("name", NAMES)
def test_otelchan_takes_the_configuration_that_is_rendered(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`otelchan config validate` of what is in the ConfigMap."""
    label = "watcher" if name == "everything" else "otelchan"
    file = tmp_path / "otelchan.yaml"
    file.write_text(one(rendered(name), "ConfigMap", label)["data"]["otelchan.yaml"], encoding="utf-8")
    assert 0 == main(["config", "validate", str(file)]), capsys.readouterr()


def test_a_setting_that_is_not_otelchans_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The check above can fail: what is rendered, with a letter too many."""
    text = one(rendered("everything"), "ConfigMap", "watcher")["data"]["otelchan.yaml"]
    file = tmp_path / "otelchan.yaml"
    file.write_text(text.replace("interval_s", "intervall_s"), encoding="utf-8")
    assert 2 == main(["config", "validate", str(file)])
    assert "intervall_s" in "".join(capsys.readouterr())


def test_the_configuration_arrives_as_it_was_written() -> None:
    """Large numbers too, which templates easily write as 1e+06, and words that YAML takes for truth values."""
    values = yaml.safe_load(chart.ci_values("everything").read_text(encoding="utf-8"))
    text = one(rendered("everything"), "ConfigMap", "watcher")["data"]["otelchan.yaml"]
    assert values["config"] == yaml.safe_load(text)
    assert "series_total: 1000000\n" in text


def test_the_version_is_that_of_otelchan() -> None:
    """Of the chart, and of the image that it starts."""
    about = yaml.safe_load((chart.CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert (__version__, __version__) == (about["appVersion"], about["version"])
    assert f">={VERSIONS[0]}-0" == about["kubeVersion"]
    container = one(rendered("node"), "DaemonSet")["spec"]["template"]["spec"]["containers"][0]
    assert f"otelchan:{__version__}" == container["image"]


def test_a_package_has_the_files_and_renders_the_same(tmp_path: Path) -> None:
    """Also where the repository is not: the links have become files."""
    chart.helm("package", str(chart.CHART), "--destination", str(tmp_path))
    (package,) = tmp_path.iterdir()
    with tarfile.open(package) as archive:
        assert [] == [member.name for member in archive if not member.isfile()]
        names = {member.name for member in archive}
    assert "otelchan/files/dashboards/overview.json" in names
    assert [] == [name for name in names if "/ci/" in name]
    there = Path.cwd()
    os.chdir(tmp_path)
    try:
        packed = chart.render(chart.ci_values("everything"), chart=package)
    finally:
        os.chdir(there)
    assert chart.render(chart.ci_values("everything")) == packed


def test_another_configuration_starts_the_pods_again() -> None:
    """A ConfigMap that changes does nothing by itself: its digest is in the pod."""

    def digest(*settings: str) -> str:
        template = one(rendered("node", *settings), "DaemonSet")["spec"]["template"]
        return str(template["metadata"]["annotations"]["checksum/config"])

    assert digest() == digest("nodeAgent.cacheSize=1Gi")
    assert digest() != digest("config.interval_s=5")


@pytest.mark.parametrize(
    ("settings", "endpoint"),
    [
        ((), "http://$(NODE_IP):4318"),
        (("config=null",), "http://$(NODE_IP):4318"),
        (("collector.enabled=true",), "http://127.0.0.1:4318"),
        (("config.otlp.endpoint=http://here:4318",), None),
        (("config.otlp.metrics.endpoint=http://here:4318/v1/metrics",), None),
        (("config.otlp.enabled=false",), None),
        (("config.otlp_file=/tmp/otlp",), None),
    ],
)
def test_where_otelchan_sends_to(settings: tuple[str, ...], endpoint: str | None) -> None:
    """To the Collector in its pod; else as the configuration says, whose endpoint a variable would override; else to
    the Collector of its node."""
    spec = one(rendered("node", *settings), "DaemonSet")["spec"]["template"]["spec"]
    env = {each["name"]: each.get("value") for each in spec["containers"][0]["env"]}
    assert endpoint == env.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    assert ("NODE_IP" in env) == (endpoint == "http://$(NODE_IP):4318")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("logLevel=info", "It sends OTLP to port 4318 of its node: a Collector must listen there."),
        ("config.otlp.endpoint=http://here:4318", "It sends to where `config` says."),
        ("collector.enabled=true", "It sends to the Collector in its pod, and that one to otelchan-gateway:4317."),
        ("sidecarExample.enabled=true", "The example shop has otelchan beside it, which sees this pod only."),
    ],
)
def test_the_notes_say_what_comes_next(settings: str, said: str) -> None:
    """`helm install` finds all kinds in the API, and would install; nothing is created."""
    with api() as url:
        to = ["--namespace", "otelchan", "--dry-run=client", "--disable-openapi-validation", "--kube-apiserver", url]
        text = chart.helm("install", "otelchan", str(chart.CHART), *to, "--set", settings)
    _, _, notes = text.partition("\nNOTES:\n")
    assert said in notes
    assert "kubectl label namespace otelchan pod-security.kubernetes.io/enforce=privileged" in notes
    assert "kubectl -n otelchan logs daemonset/otelchan -c otelchan" in notes
