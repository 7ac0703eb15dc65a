"""How to reach a local control plane: its address, and a kubeconfig for each identity that wants to speak to
it.

This is all that a second process needs (a test worker, an operator under test), and it can be read back from
the state folder alone.
"""

import asyncio
import datetime as dt
import json
import os
import ssl
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import yaml

from seatwarden.local.certificates import Authority
from seatwarden.local.identities import ADMIN, WELL_KNOWN, Identity

_CONTEXT = "seatwarden-local"
_KUBECTL_SECONDS = 60.0
_REQUEST_SECONDS = 30.0


class KubectlError(Exception):
    """kubectl ended with an error; the text is what it wrote to its error output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneAccess:
    """The way to a running control plane."""

    state: Path
    server: str
    kubectl_program: Path

    @classmethod
    def read(cls, state: Path) -> "PlaneAccess":
        """The access to the control plane that keeps its state in the folder ``state``."""
        known = json.loads((state / "access.json").read_text())
        return cls(state=state, server=known["server"], kubectl_program=Path(known["kubectl"]))

    def write(self) -> None:
        """Write what `read` reads, and a kubeconfig for each well-known identity."""
        known = {"server": self.server, "kubectl": str(self.kubectl_program)}
        (self.state / "access.json").write_text(json.dumps(known))
        for identity in WELL_KNOWN:
            self._write_kubeconfig(identity)
        # A state folder that is started again may have another port; everybody's kubeconfig goes on working.
        for path in (self.state / "kubeconfigs").glob("*.yaml"):
            document = yaml.safe_load(path.read_text())
            document["clusters"][0]["cluster"]["server"] = self.server
            _replace(path, document)

    @property
    def certificate_authority(self) -> Path:
        """The PEM certificate that the API server's own certificate is checked against."""
        return self.state / "pki" / "ca.crt"

    def token(self, identity: Identity = ADMIN) -> str:
        """The bearer token of a well-known identity."""
        tokens: dict[str, str] = json.loads((self.state / "pki" / "tokens.json").read_text())
        return tokens[identity.user]

    def kubeconfig(self, identity: Identity = ADMIN) -> Path:
        """A kubeconfig file with which one is ``identity``. Written on the first call, the same file ever
        after.
        """
        path = self._kubeconfig_path(identity)
        return path if path.exists() else self._write_kubeconfig(identity)

    def _kubeconfig_path(self, identity: Identity) -> Path:
        name = identity.user.rpartition(":")[2] if identity in WELL_KNOWN else identity.file_name
        return self.state / "kubeconfigs" / f"{name}.yaml"

    def _write_kubeconfig(self, identity: Identity) -> Path:
        path = self._kubeconfig_path(identity)
        cluster = {"server": self.server, "certificate-authority": str(self.certificate_authority)}
        context = {"cluster": _CONTEXT, "user": identity.user, "namespace": "default"}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": _CONTEXT, "cluster": cluster}],
            "users": [{"name": identity.user, "user": self._credentials(identity)}],
            "contexts": [{"name": _CONTEXT, "context": context}],
            "current-context": _CONTEXT,
        }
        _replace(path, document)
        return path

    def _credentials(self, identity: Identity) -> dict[str, str]:
        if identity in WELL_KNOWN:
            return {"token": self.token(identity)}
        now = dt.datetime.now(dt.UTC)
        folder = self.state / "pki"
        issued = Authority.load_or_make(folder, "client-ca", now=now).issue_client(
            folder, identity.file_name, user=identity.user, groups=identity.groups, now=now
        )
        return {"client-certificate": str(issued.certificate), "client-key": str(issued.key)}

    def session(self, identity: Identity = ADMIN) -> aiohttp.ClientSession:
        """An HTTP session that speaks to the API server as a well-known identity; paths are relative to its
        root.

        The caller closes it. Every request has a time limit of 30 seconds.
        """
        trust = ssl.create_default_context(cafile=self.certificate_authority)
        return aiohttp.ClientSession(
            self.server,
            headers={"Authorization": f"Bearer {self.token(identity)}"},
            connector=aiohttp.TCPConnector(ssl=trust),
            timeout=aiohttp.ClientTimeout(total=_REQUEST_SECONDS),
        )

    async def kubectl(self, *arguments: str, identity: Identity = ADMIN, stdin: str = "") -> str:
        """Run kubectl as ``identity`` and return its output.

        Raises `KubectlError` when it fails, `TimeoutError` when it takes more than a minute.
        """
        process = await asyncio.create_subprocess_exec(
            self.kubectl_program,
            *(f"--kubeconfig={self.kubeconfig(identity)}", f"--cache-dir={self.state / 'kubectl'}"),
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(_KUBECTL_SECONDS):
                output, errors = await process.communicate(stdin.encode())
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            raise KubectlError(errors.decode().strip())
        return output.decode()


def _replace(path: Path, document: object) -> None:
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.touch(mode=0o600)
    aside.write_text(yaml.safe_dump(document, sort_keys=False))
    aside.replace(path)
