"""The chart on a cluster with real pods: ``python -m e2e.chart_story --kubeconfig FILE --image REPOSITORY:TAG``.

It installs, takes seats, replaces every pod under load, kills the leader, and uninstalls. Each step is told; the status is 0 when
all came out. The image has to be one that the cluster can have. It makes two namespaces and removes them again.
"""

import argparse
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from charts.values_file import CHART
from seatwarden.local.tool_builds import find_tools
from seatwarden.resources.names import API_VERSION
from tests.chart.helm_build import helm_program

RELEASE = "seatwarden"
SYSTEM = "seatwarden-e2e"
CUSTOMER = "seatwarden-e2e-customer"
KINDS = "seatpools,subscriptions,tenants"
LOAD_SECONDS = 60
_COMMAND_SECONDS = 300.0
Body = dict[str, Any]


class Failed(Exception):
    """A step did not come out; the text says what was seen."""


@dataclass(frozen=True, slots=True)
class Story:
    """The cluster, and the images that it can have."""

    kubeconfig: Path
    image: str
    valkey: str
    clients: int

    def kubectl(self, *words: str, stdin: str = "") -> str:
        """Run kubectl."""
        tools = find_tools()
        if tools is None:
            raise Failed("kubectl is not built yet: run make tools")
        return _run([str(tools.kubectl), f"--kubeconfig={self.kubeconfig}", *words], stdin)

    def helm(self, *words: str, stdin: str = "") -> str:
        """Run Helm."""
        where = [f"--kubeconfig={self.kubeconfig}", "--namespace", SYSTEM]
        return _run([str(helm_program()), *where, *words], stdin)

    def install(self) -> None:
        """Install with one command; it returns when all pods are ready."""
        valkey: Body = {"enabled": True}
        if self.valkey:
            valkey["image"] = _image(self.valkey)
        values = {"image": _image(self.image), "redis": {"valkey": valkey}}
        words = ("install", RELEASE, str(CHART), "--create-namespace", "--wait", "--timeout=2m")
        self.helm(*words, "--values=-", stdin=json.dumps(values))

    def ask(self) -> None:
        """`helm test`: endpoint and operator say that they are ready, by their Services."""
        self.helm("test", RELEASE, "--timeout=2m")

    def sell(self) -> None:
        """A customer with a pool is Ready."""
        self.kubectl("create", "namespace", CUSTOMER)
        self.kubectl("apply", "-n", CUSTOMER, "-f", "-", stdin=yaml.safe_dump_all(self._resources()))
        self.kubectl("wait", "-n", CUSTOMER, "--for=condition=Ready", "seatpool/dev", "--timeout=60s")

    def replace_all_under_load(self) -> None:
        """While programs work, every pod of operator and endpoint is replaced: no call fails, no seat is lost."""
        self._start_load()
        workloads = [f"deployment/{RELEASE}-operator", f"deployment/{RELEASE}-serve"]
        self.kubectl("rollout", "restart", "-n", SYSTEM, *workloads)
        for workload in workloads:
            self.kubectl("rollout", "status", "-n", SYSTEM, workload, "--timeout=120s")
        self._expect_running("the pods were replaced, but the load had ended before")
        leader = self.kubectl(
            "get", "lease", "-n", SYSTEM, "seatwarden-operator", "-o", "jsonpath={.spec.holderIdentity}"
        )
        self.kubectl("delete", "pod", "-n", SYSTEM, leader.rpartition("_")[0], "--grace-period=0", "--force")
        self.kubectl("wait", "-n", CUSTOMER, "--for=condition=complete", "job/load", "--timeout=180s")
        counted = json.loads(self.kubectl("logs", "-n", CUSTOMER, "job/load").splitlines()[-1])
        say(f"  {counted}")
        if set(counted) != {"answers", "seats kept"} or counted["seats kept"] != self.clients:
            raise Failed(f"calls failed or seats were lost: {counted}")

    def shrink(self) -> None:
        """The new leader acts: a change of the pool is in its status."""
        self.kubectl("scale", "-n", CUSTOMER, "seatpool/dev", "--replicas=3")
        self.kubectl(
            "wait", "-n", CUSTOMER, "--for=jsonpath={.status.capacity}=3", "seatpool/dev", "--timeout=60s"
        )

    def uninstall(self) -> None:
        """Resources first, then the release. The definitions stay, and nothing else."""
        self.kubectl("delete", KINDS, "-n", CUSTOMER, "--all", "--timeout=60s")
        self.helm("uninstall", RELEASE, "--wait")
        label = f"app.kubernetes.io/instance={RELEASE}"
        kinds = "clusterroles,clusterrolebindings,customresourcedefinitions,mutatingadmissionpolicies"
        left = self.kubectl("get", kinds, "-l", label, "-o", "name", "--ignore-not-found").split()
        own = "deployments,statefulsets,services,configmaps,secrets,roles,rolebindings,networkpolicies"
        left += self.kubectl("get", own, "-n", SYSTEM, "-l", label, "-o", "name").split()
        if len(left) != len(KINDS.split(",")) or not all(name.startswith("customresource") for name in left):
            raise Failed(f"this is left: {left}")

    def pods(self) -> str:
        """The pods, and the end of what each wrote."""
        told = self.kubectl("get", "pods", "-n", SYSTEM, "-o", "wide")
        for component in ("operator", "serve"):
            selector = f"app.kubernetes.io/component={component}"
            told += (
                f"{component}:\n{self.kubectl('logs', '-n', SYSTEM, '-l', selector, '--tail=15', '--prefix')}"
            )
        return told

    def clean(self) -> None:
        """Take away what a run that failed left."""
        if RELEASE in self.helm("list", "--short"):
            self.kubectl("delete", KINDS, "-n", CUSTOMER, "--all", "--wait=false")
            self.kubectl("wait", "-n", CUSTOMER, "--for=delete", KINDS, "--all", "--timeout=60s")
            self.helm("uninstall", RELEASE, "--wait")
        for namespace in (CUSTOMER, SYSTEM):
            self.kubectl("delete", "namespace", namespace, "--ignore-not-found", "--timeout=120s")

    def _start_load(self) -> None:
        program = Path(__file__).with_name("load_program.py").read_text()
        self.kubectl("create", "configmap", "load", "-n", CUSTOMER, f"--from-literal=load.py={program}")
        self.kubectl("apply", "-n", CUSTOMER, "-f", "-", stdin=yaml.safe_dump(self._load()))
        deadline = time.monotonic() + 60
        while "all are seated" not in self._said():
            if time.monotonic() > deadline:
                raise Failed(f"the programs did not get their seats: {self._said()}")
            time.sleep(1)

    def _said(self) -> str:
        try:
            return self.kubectl("logs", "-n", CUSTOMER, "job/load")
        except Failed as nothing_yet:
            return str(nothing_yet)

    def _expect_running(self, otherwise: str) -> None:
        if self.kubectl("get", "-n", CUSTOMER, "job/load", "-o", "jsonpath={.status.active}") != "1":
            raise Failed(otherwise)

    def _resources(self) -> list[Body]:
        specs: dict[str, tuple[str, Body]] = {
            "Tenant": ("acme", {}),
            "Subscription": (
                "team",
                {"tenantRef": {"name": "acme"}, "plan": {"name": "team"}, "seats": self.clients},
            ),
            "SeatPool": (
                "dev",
                {
                    "subscriptionRef": {"name": "team"},
                    "seats": self.clients,
                    "lease": {"duration": "15s", "heartbeat": "5s"},
                },
            ),
        }
        return [
            {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}
            for kind, (name, spec) in specs.items()
        ]

    def _load(self) -> Body:
        key = {"secretKeyRef": {"name": "dev-licence", "key": "licence-key"}}
        container = {
            "name": "load",
            "image": self.image,
            "command": ["python3", "/load/load.py"],
            "env": [
                {"name": "SEATWARDEN_URL", "value": f"http://{RELEASE}.{SYSTEM}"},
                {"name": "SEATWARDEN_LICENSE_KEY", "valueFrom": key},
                {"name": "CLIENTS", "value": str(self.clients)},
                {"name": "SECONDS", "value": str(LOAD_SECONDS)},
            ],
            "volumeMounts": [{"name": "load", "mountPath": "/load"}],
        }
        pod = {
            "restartPolicy": "Never",
            "enableServiceLinks": False,
            "containers": [container],
            "volumes": [{"name": "load", "configMap": {"name": "load"}}],
        }
        spec = {"backoffLimit": 0, "template": {"spec": pod}}
        return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "load"}, "spec": spec}


def main() -> int:
    """Tell the story on the cluster that was given."""
    parser = argparse.ArgumentParser(prog="python -m e2e.chart_story", description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--image", required=True, help="REPOSITORY:TAG of Seatwarden")
    parser.add_argument(
        "--valkey", default="", help="REPOSITORY:TAG of Valkey; default: the one of the chart"
    )
    parser.add_argument(
        "--clients", type=int, default=50, help="programs that hold a seat while pods are replaced"
    )
    story = Story(**vars(parser.parse_args()))
    try:
        for step in (
            story.install,
            story.ask,
            story.sell,
            story.replace_all_under_load,
            story.shrink,
            story.uninstall,
        ):
            began = time.monotonic()
            say(f"{step.__doc__}")
            step()
            say(f"  ✓ after {time.monotonic() - began:.1f} s")
    except Failed as failed:
        say(f"  ✗ {failed}")
        say(story.pods())
        return 1
    finally:
        story.clean()
    say("All is as it should be.")
    return 0


def _image(reference: str) -> Body:
    repository, _, tag = reference.rpartition(":")
    return {"repository": repository, "tag": tag}


def say(text: str) -> None:
    """Tell it at once, as steps take a while."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _run(command: list[str], stdin: str = "") -> str:
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, timeout=_COMMAND_SECONDS, check=False
    )
    if done.returncode != 0:
        raise Failed(f"{' '.join(command[:6])} …: {done.stderr.strip()}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
