"""`seatwarden dev` with root keys in a key-management service, which is the stand-in run by hand."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtime.dev_process import UP, dev_process

RING = "projects/me/locations/here/keyRings/licences"
TENANT = f"""
apiVersion: seatwarden.dev/v1alpha1
kind: Tenant
metadata:
  name: acme
spec:
  signing:
    provider: GoogleCloudKMS
    algorithm: ES256
    googleCloudKMS:
      keyRing: {RING}
"""
COMMAND = [sys.executable, "-m", "tests.kms"]


@pytest.fixture
def endpoint() -> Iterator[str]:
    """Where the stand-in is, as it says itself."""
    with subprocess.Popen([*COMMAND, RING], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


@pytest.mark.exclusive
@pytest.mark.timeout(180)
def test_a_tenant_has_its_key_in_the_service_that_was_named(endpoint: str, tmp_path: Path) -> None:
    manifest = tmp_path / "tenant.yaml"
    manifest.write_text(TENANT)
    options = ("--no-tour", "--endpoint-port=0", "--kms-endpoint", endpoint)
    with dev_process(*options, temporary=tmp_path / "t") as run:
        run.wait_for(UP)
        wait = "kubectl wait --for=condition=SigningKeyReady tenant/acme --timeout=50s"
        run.typed(f"kubectl apply -f {manifest}", wait)
        reference = run.typed("kubectl get tenant acme -o 'jsonpath={.status.signingKeys[0].reference}'")
        assert reference.startswith(f"{RING}/cryptoKeys/seatwarden-")
        run.process.send_signal(signal.SIGTERM)
        assert run.ended(within=30) == 0, run.said()


def test_the_stand_in_wants_a_key_ring() -> None:
    done = subprocess.run(COMMAND, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "usage: python -m tests.kms" in done.stderr
