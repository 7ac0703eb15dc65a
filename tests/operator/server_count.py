"""The API server's own count of what it was asked."""

import re
from collections import Counter

import aiohttp

WRITES = frozenset({"POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION"})
_REQUESTS = re.compile(r"^apiserver_request_total\{([^}]*)\} (\d+)", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


async def requests_so_far(session: aiohttp.ClientSession, *verbs: str) -> Counter[str]:
    """Finished requests with one of ``verbs``, refused ones too, as "VERB resource" or "VERB resource/subresource"."""
    async with session.get("/metrics") as answer:
        text = await answer.text()
    found: Counter[str] = Counter()
    for labels, count in _REQUESTS.findall(text):
        told = dict(_LABEL.findall(labels))
        if told["verb"] in verbs:
            resource = "/".join(filter(None, (told["resource"], told["subresource"])))
            found[f"{told['verb']} {resource}"] += int(count)
    return found
