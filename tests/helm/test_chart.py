"""The chart: linted and rendered by Helm, and what comes out is what a cluster takes, and as closed as it says."""

import importlib.util
import json
import re
import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from fondaco_core.config import read_settings

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm"
HELM = Path(sys.executable).parent / "helm"
KUBERNETES = "1.35"
VALUES = {"default": (), "small": ("-f", "examples/small.yaml"), "large": ("-f", "examples/large.yaml")}
# What the public schemas of Kubernetes do not know: the Prometheus operator's.
FOREIGN = {"PodMonitor"}

pytestmark = pytest.mark.skipif(not HELM.exists(), reason="there is no Helm for this machine (scripts/helm)")
Manifest = dict[str, Any]


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([HELM, *arguments], cwd=CHART, capture_output=True, text=True, check=False)


def rendered(*arguments: str) -> list[Manifest]:
    done = helm("template", "market", ".", "--namespace", "shop", *arguments)
    assert done.returncode == 0, done.stderr
    return [manifest for manifest in yaml.safe_load_all(done.stdout) if manifest]


@pytest.fixture(params=VALUES)
def manifests(request: pytest.FixtureRequest) -> list[Manifest]:
    return rendered(*VALUES[request.param])


def pods(manifests: list[Manifest]) -> dict[str, Manifest]:
    """The pod of every workload, by the component it is."""
    return {
        manifest["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"]: manifest["spec"]["template"][
            "spec"
        ]
        for manifest in manifests
        if manifest["kind"] in {"Deployment", "Job"}
    }


def container(pod: Manifest) -> Manifest:
    (only,) = pod["containers"]
    return dict(only)


def environment(pod: Manifest) -> dict[str, Manifest]:
    return {entry["name"]: entry for entry in container(pod)["env"]}


@pytest.mark.parametrize("values", VALUES)
def test_helm_finds_nothing_to_complain_of(values: str) -> None:
    linted = helm("lint", "--strict", ".", *VALUES[values])

    assert linted.returncode == 0, linted.stdout


def test_everything_is_what_kubernetes_takes(manifests: list[Manifest]) -> None:
    for manifest in manifests:
        if manifest["kind"] not in FOREIGN:
            kubernetes_validate.validate(manifest, KUBERNETES, strict=True)


def test_every_process_has_its_workload(manifests: list[Manifest]) -> None:
    assert pods(manifests).keys() == {"api", "worker", "relay", "scheduler", "migration"}
    for pod in pods(manifests).values():
        modules = [word for word in container(pod)["command"] if word.startswith("fondaco_")]
        assert all(importlib.util.find_spec(module.partition(".")[0]) for module in modules)


def test_every_container_is_without_privileges_and_read_only(manifests: list[Manifest]) -> None:
    for pod in pods(manifests).values():
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container(pod)["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"cpu", "memory"} <= container(pod)["resources"]["requests"].keys()
        assert "memory" in container(pod)["resources"]["limits"]


def test_what_serves_is_probed(manifests: list[Manifest]) -> None:
    for component, pod in pods(manifests).items():
        if component == "migration":
            continue
        assert container(pod)["livenessProbe"]["httpGet"]["path"] == "/healthz"
        assert container(pod)["startupProbe"]["httpGet"]["path"] == "/healthz"
    assert container(pods(manifests)["api"])["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_secrets_come_by_reference_and_only_to_who_needs_them(manifests: list[Manifest]) -> None:
    assert not [manifest for manifest in manifests if manifest["kind"] == "Secret"]
    for component, pod in pods(manifests).items():
        given = environment(pod)
        for name in ("FONDACO_DATABASE_URL", "FONDACO_ROLE_SECRET", "FONDACO_REDIS_URL", "FONDACO_MASTER_KEY"):
            assert "value" not in given.get(name, {})
        key = given["FONDACO_DATABASE_URL"]["valueFrom"]["secretKeyRef"]["key"]
        assert key == ("ownerUrl" if component == "migration" else "url")
        assert ("FONDACO_MASTER_KEY" in given) is (component in {"api", "worker"})


def test_every_setting_is_one_that_the_code_reads(manifests: list[Manifest]) -> None:
    known = set(re.findall(r"FONDACO_[A-Z_]+", (ROOT / "platform/fondaco_core/config.py").read_text()))

    given = {name for pod in pods(manifests).values() for name in environment(pod) if name.startswith("FONDACO_")}

    assert given <= known


def test_the_migration_comes_before_the_code_that_needs_it(manifests: list[Manifest]) -> None:
    (job,) = (manifest for manifest in manifests if manifest["kind"] == "Job")

    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"


def test_the_ingress_speaks_tls(manifests: list[Manifest]) -> None:
    (ingress,) = (manifest for manifest in manifests if manifest["kind"] == "Ingress")

    (tls,) = ingress["spec"]["tls"]
    assert tls["secretName"]
    assert tls["hosts"] == [ingress["spec"]["rules"][0]["host"]]


def test_the_network_is_closed_but_for_what_is_named(manifests: list[Manifest]) -> None:
    policies = {m["metadata"]["name"]: m["spec"] for m in manifests if m["kind"] == "NetworkPolicy"}

    closed = policies["market-fondaco-closed"]
    assert closed["policyTypes"] == ["Ingress", "Egress"]
    assert "app.kubernetes.io/component" not in closed["podSelector"]["matchLabels"]
    outside = policies["market-fondaco-outside"]
    (selected,) = outside["podSelector"]["matchExpressions"]
    assert selected["values"] == ["api", "worker"]
    blocks = {block["ipBlock"]["cidr"]: block["ipBlock"]["except"] for block in outside["egress"][0]["to"]}
    assert "169.254.0.0/16" in blocks["0.0.0.0/0"]
    assert "fc00::/7" in blocks["::/0"]


def test_replicas_are_scaled_or_counted_and_never_both() -> None:
    scaled = {(m["kind"], m["metadata"]["name"]): m for m in rendered()}
    counted = {(m["kind"], m["metadata"]["name"]): m for m in rendered(*VALUES["small"])}

    assert "replicas" not in scaled["Deployment", "market-fondaco-api"]["spec"]
    assert ("HorizontalPodAutoscaler", "market-fondaco-api") in scaled
    assert ("PodDisruptionBudget", "market-fondaco-worker") in scaled
    assert counted["Deployment", "market-fondaco-api"]["spec"]["replicas"] == 1
    assert not [name for kind, name in counted if kind in {"HorizontalPodAutoscaler", "PodDisruptionBudget"}]


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("api.replica=3", "replica"),
        ("publicUrl=http://market.example.com", "publicUrl"),
        ("image.digest=latest", "digest"),
        ("secrets.database.name=", "secrets/database/name"),
        ("worker.threads=0", "worker/threads"),
        ("networkPolicy.database.cidrs={example.com}", "cidrs"),
        ("trustedProxies=null", "trustedProxies"),
        ("trustedProxies={}", "trustedProxies"),
        ("trustedProxies={ingress-nginx}", "trustedProxies"),
        # Whoever believes everybody lets every visitor be whom they like.
        ("trustedProxies={0.0.0.0/0}", "trustedProxies"),
    ],
)
def test_values_that_make_no_sense_are_refused_by_name(value: str, complaint: str) -> None:
    refused = helm("template", "market", ".", "--set", value)

    assert refused.returncode != 0
    assert complaint in refused.stderr


def test_behind_an_ingress_a_visitor_is_not_the_ingress(manifests: list[Manifest]) -> None:
    believed = environment(pods(manifests)["api"])["FONDACO_TRUSTED_PROXIES"]["value"]

    settings = read_settings({"FONDACO_TRUSTED_PROXIES": believed})
    assert any(ip_address("10.20.3.4") in network for network in settings.trusted_proxies if network.version == 4)
    assert not any(ip_address("203.0.113.9") in network for network in settings.trusted_proxies)
    assert not any(ip_address("2001:db8::1") in network for network in settings.trusted_proxies)


def test_an_ingress_without_a_proxy_to_believe_is_refused_by_name() -> None:
    refused = helm("template", "market", ".", "--set-json", "trustedProxies=[]")

    assert refused.returncode != 0
    assert "trustedProxies" in refused.stderr


@pytest.mark.parametrize(
    ("values", "warned"),
    [
        ((), False),
        (("--set", "networkPolicy.enabled=false"), True),
        (("--set", "ingress.enabled=false", "--set-json", "trustedProxies=[]"), True),
    ],
)
def test_who_installs_it_is_warned_where_a_visitor_could_be_anybody(*, values: tuple[str, ...], warned: bool) -> None:
    shown = helm("install", "market", ".", "--dry-run=client", *values)

    assert shown.returncode == 0, shown.stderr
    notes = shown.stdout.partition("NOTES:")[2]
    assert "rollout status" in notes
    assert ("WARNING: " in notes) is warned


def test_mail_without_a_sender_is_refused_by_name() -> None:
    refused = helm("template", "market", ".", "--set", "secrets.mail.name=mail")

    assert refused.returncode != 0
    assert "mail.from" in refused.stderr


def test_every_value_is_described_by_the_schema_and_commented() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())

    assert values.keys() == schema["properties"].keys() - {"global"}
    assert schema["additionalProperties"] is False


def test_the_image_is_made_of_what_was_locked() -> None:
    developer = dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    image = dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", (ROOT / "requirements.run.lock").read_text(), re.MULTILINE))

    assert image.items() <= developer.items()
    assert "pytest" not in image
