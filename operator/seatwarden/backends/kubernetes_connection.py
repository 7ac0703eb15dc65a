"""How to reach the API server: a kubeconfig or the pod's own ServiceAccount, turned into HTTP sessions.

The official client library reads the configuration (certificates, exec plugins, tokens that are renewed on disk). The
sessions made here carry those credentials on every request, also after a token was renewed, and are bounded: kopf's own
session opens a connection per object, which costs gigabytes at 10,000 objects.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from kubernetes.aio import config
from kubernetes.aio.client import Configuration
from kubernetes.aio.client.rest import RESTClientObject

USER_AGENT = "seatwarden"
RENEWAL_PAUSE_SECONDS = 10.0


class NoCluster(Exception):
    """There is no usable configuration; the message says where it was looked for and what to do."""


@dataclass(frozen=True, slots=True)
class KubernetesConnection:
    """An API server and the credentials for it. ``context`` is the kubeconfig's context, or ``in-cluster``."""

    configuration: Configuration
    server: str
    context: str

    def open_session(self, *, connections: int) -> aiohttp.ClientSession:
        """A session of at most ``connections`` connections. The caller closes it."""
        configuration = self.configuration
        rest = RESTClientObject(configuration)

        async def authorize(
            request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
        ) -> aiohttp.ClientResponse:
            token = await configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
            if token:
                request.headers["Authorization"] = token
            return await handler(request)

        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=rest.ssl_context, limit=connections, keepalive_timeout=60),
            headers={"User-Agent": USER_AGENT},
            middlewares=(authorize,),
            proxy=configuration.proxy,
            read_bufsize=2**21,
        )


async def connect(kubeconfig: Path | None = None, context: str | None = None) -> KubernetesConnection:
    """The cluster of ``kubeconfig`` (of ``context`` in it), or without one the cluster that this pod runs in.

    ``kubeconfig`` may name several files as ``KUBECONFIG`` does.

    Raises:
        NoCluster: neither can be used.
    """
    configuration = Configuration()
    if kubeconfig is None:
        try:
            config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]  # unannotated there
        except config.ConfigException as error:
            raise NoCluster(
                f"This is no pod with a ServiceAccount ({error}), and no kubeconfig was given. Pass --kubeconfig FILE."
            ) from error
        return KubernetesConnection(configuration, configuration.host, "in-cluster")
    if not _is_there(kubeconfig):
        raise NoCluster(f"There is no kubeconfig {kubeconfig}. Pass --kubeconfig FILE.")
    try:
        loader = await config.load_kube_config(  # type: ignore[no-untyped-call]  # unannotated there
            str(kubeconfig), context=context, client_configuration=configuration
        )
        # Reads the certificates, too.
        RESTClientObject(configuration)
    except (config.ConfigException, OSError, yaml.YAMLError) as error:
        raise NoCluster(f"The kubeconfig {kubeconfig} cannot be used: {error}") from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        # What the library makes of YAML in which something is missing or is not what it should be.
        raise NoCluster(
            f"The kubeconfig {kubeconfig} cannot be used: it is incomplete, or none at all ({error!r})"
        ) from error
    configuration.refresh_api_key_hook = _renewal(loader)  # type: ignore[assignment]  # annotated as None there
    return KubernetesConnection(configuration, configuration.host, loader.current_context["name"])


def _is_there(kubeconfig: Path) -> bool:
    return any(Path(name).expanduser().exists() for name in str(kubeconfig).split(os.pathsep))


def _renewal(loader: Any) -> Callable[[Configuration], Awaitable[None]]:
    """Asks an exec plugin for another token before the last one expires: the library asks only once."""
    one_at_a_time = asyncio.Lock()
    asked = time.monotonic()

    async def renew(configuration: Configuration) -> None:
        nonlocal asked
        if not hasattr(loader, "exec_plugin_expiry"):
            return
        async with one_at_a_time:
            if time.monotonic() - asked < RENEWAL_PAUSE_SECONDS:
                return
            # It returns at once where the token is good for five minutes more.
            await loader.load_from_exec_plugin()
            asked = time.monotonic()
            configuration.api_key["BearerToken"] = loader.token

    return renew
