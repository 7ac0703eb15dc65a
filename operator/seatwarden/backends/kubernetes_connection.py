"""How to reach the API server: a kubeconfig or the pod's own ServiceAccount, turned into HTTP sessions.

The official client library reads the configuration (certificates, exec plugins, tokens that are renewed on disk). The
sessions made here carry those credentials on every request, also after a token was renewed, and are bounded: kopf's own
session opens a connection per object, which costs gigabytes at 10,000 objects.
"""

from dataclasses import dataclass
from pathlib import Path

import aiohttp
import yaml
from kubernetes.aio import config
from kubernetes.aio.client import Configuration
from kubernetes.aio.client.rest import RESTClientObject

USER_AGENT = "seatwarden"


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
    try:
        await config.load_kube_config(  # type: ignore[no-untyped-call]  # unannotated there
            str(kubeconfig), context=context, client_configuration=configuration
        )
    except (config.ConfigException, OSError, yaml.YAMLError) as error:
        raise NoCluster(f"The kubeconfig {kubeconfig} cannot be used: {error}") from error
    return KubernetesConnection(configuration, configuration.host, context or current_context(kubeconfig))


def current_context(kubeconfig: Path) -> str:
    """The name of the context that ``kubeconfig`` says is current, or an empty string."""
    document = yaml.safe_load(kubeconfig.read_text()) or {}
    return str(document.get("current-context") or "")
