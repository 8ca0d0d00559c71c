"""The manifests: every directory renders, and is what the API server's schemas and our own words ask for."""

import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.config import Config, load
from gateway.sender import SenderPlugin

KUBERNETES = Path(__file__).parents[2] / "deploy" / "kubernetes"
DIRECTORIES = sorted(
    str(path.parent.relative_to(KUBERNETES)) for path in KUBERNETES.rglob("kustomization.yaml")
)
VERSIONS = ("1.30", "1.37")
"""The oldest that takes the manifests, and the newest whose schemas we have."""

PLUGINS: dict[str, SenderPlugin] = {
    found.name: found.load() for found in entry_points(group="gateway.senders")
}

RENDERERS = (("kubectl", "kustomize"), ("kustomize", "build"))
RENDERER = next((command for command in RENDERERS if shutil.which(command[0])), None)
needs_renderer = pytest.mark.skipif(RENDERER is None, reason="neither kubectl nor kustomize is here")
each = pytest.mark.parametrize("directory", DIRECTORIES)

Resource = dict[str, Any]


@cache
def rendered(directory: str) -> list[Resource]:
    """All resources of a directory, as `kubectl apply -k` would send them."""
    assert RENDERER is not None
    command = [*RENDERER, str(KUBERNETES / directory)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    assert done.stderr == "", "something is deprecated"
    return list(yaml.safe_load_all(done.stdout))


def one(directory: str, kind: str) -> Resource:
    (found,) = [resource for resource in rendered(directory) if resource["kind"] == kind]
    return found


def pod(directory: str) -> Resource:
    spec: Resource = one(directory, "Deployment")["spec"]["template"]["spec"]
    return spec


def containers(directory: str) -> Iterator[Resource]:
    yield from pod(directory).get("initContainers", ())
    yield from pod(directory)["containers"]


def gateway(directory: str) -> Resource:
    (found,) = [container for container in containers(directory) if container["name"] == "gateway"]
    return found


def configuration(directory: str, tmp_path: Path) -> Config:
    """What the gateway of a directory would read, with a token of our own."""
    (tmp_path / "tokens").write_text("token\n")
    text = one(directory, "ConfigMap")["data"]["gateway.toml"]
    (tmp_path / "gateway.toml").write_text(text.replace("/etc/gateway-tokens/", f"{tmp_path}/"))
    return load(tmp_path / "gateway.toml", environment={}, plugins=PLUGINS)


@needs_renderer
@each
@pytest.mark.parametrize("version", VERSIONS)
def test_every_directory_renders_what_the_schemas_of_kubernetes_allow(directory: str, version: str) -> None:
    """Strictly: a key that is misspelt is a fault, and not dropped in silence."""
    kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="of the extra `test`")
    for resource in rendered(directory):
        kubernetes_validate.validate(resource, version, strict=True)


@needs_renderer
def test_the_schemas_do_find_a_fault() -> None:
    """What is strict here would be of no use if it took everything."""
    kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="of the extra `test`")
    service = {**one("standalone", "Service"), "spek": {}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(service, VERSIONS[-1], strict=True)


@needs_renderer
@each
def test_every_configuration_is_valid_and_what_refers_to_it_finds_it(directory: str, tmp_path: Path) -> None:
    """The ports that are probed are listened on; the directory that is written is the one mounted."""
    config = configuration(directory, tmp_path)
    ports = {port["name"]: port["containerPort"] for port in gateway(directory)["ports"]}
    assert config.admin.listen == f"0.0.0.0:{ports['admin']}"
    if "events" in ports:
        assert [str(listen) for listen in config.receiver.listen] == [f"0.0.0.0:{ports['events']}"]
    mounted = {mount["name"]: mount["mountPath"] for mount in gateway(directory)["volumeMounts"]}
    assert mounted["configuration"] == "/etc/gateway"
    assert mounted["state"] == "/var/lib/gateway"
    assert {volume["name"] for volume in pod(directory)["volumes"]} == set(mounted)
    volume = next(volume for volume in pod(directory)["volumes"] if volume["name"] == "configuration")
    assert volume["configMap"]["name"] == one(directory, "ConfigMap")["metadata"]["name"]


@needs_renderer
@each
def test_the_grace_period_is_longer_than_everything_that_comes_before_its_end(
    directory: str, tmp_path: Path
) -> None:
    """The sleep before SIGTERM, the drain to its deadline, and five seconds for the rest."""
    sleeps = [
        container["lifecycle"]["preStop"]["sleep"]["seconds"]
        for container in containers(directory)
        if "lifecycle" in container
    ]
    deadline = configuration(directory, tmp_path).shutdown.deadline
    assert pod(directory)["terminationGracePeriodSeconds"] >= sum(sleeps) + deadline + 5


@needs_renderer
@pytest.mark.parametrize("directory", [name for name in DIRECTORIES if "sidecar" in name])
def test_the_sidecar_starts_before_the_application_and_ends_after_it(directory: str) -> None:
    """A native one: an init container that goes on, with a start that is waited for and no preStop."""
    (sidecar,) = pod(directory)["initContainers"]
    assert sidecar["restartPolicy"] == "Always"
    assert {"startupProbe", "livenessProbe", "readinessProbe"} <= sidecar.keys()
    assert "lifecycle" not in sidecar


@needs_renderer
@each
def test_every_gateway_asks_its_cluster_for_the_least_rights(directory: str) -> None:
    """As the confinement is tested: no user but its own, no capability, nothing to write but its volumes."""
    assert gateway(directory)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    resources = gateway(directory)["resources"]
    assert resources.keys() == {"requests", "limits"}
    assert "cpu" not in resources["limits"], "a limit would hold it up in the middle of a second"


@needs_renderer
def test_the_socket_is_on_a_volume_that_both_containers_mount(tmp_path: Path) -> None:
    """At the path that the configuration listens on."""
    (listen,) = configuration("overlays/sidecar-socket", tmp_path).receiver.listen
    for container in containers("overlays/sidecar-socket"):
        mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
        assert str(Path(listen.removeprefix("unix:")).parent) in mounted


@needs_renderer
def test_the_journal_is_on_the_volume(tmp_path: Path) -> None:
    """A relative path counts from the image's working directory, where the volume is."""
    config = configuration("overlays/sidecar-journal", tmp_path)
    (destination,) = config.destinations.values()
    assert not Path(destination.buffer.journal).is_absolute()
    assert destination.buffer.journal


@needs_renderer
@pytest.mark.parametrize("directory", [name for name in DIRECTORIES if "standalone" in name])
def test_what_scales_and_protects_the_gateways_means_them(directory: str) -> None:
    """The autoscaler by name, budget and Service by label; and nobody else sets the number of replicas."""
    deployment = one(directory, "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert "replicas" not in deployment["spec"]
    assert one(directory, "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"] == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": deployment["metadata"]["name"],
    }
    assert one(directory, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == labels
    assert one(directory, "Service")["spec"]["selector"] == labels
