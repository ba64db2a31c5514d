"""How a server is asked: the options of an adapter, and of a request, as address, headers and fields of the body."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from llamabot.adapters.wire.address import Address
from llamabot.ports.errors import ConfigurationError
from llamabot.ports.secrets import Secrets
from llamabot.protocols.chat_completions import OUTPUT_SCHEMA, refuse_wrong_options
from llamabot.protocols.words import Scrubber

__all__ = ["Setup"]

_CONNECTION = frozenset(
    {
        *("api_base", "api_key", "base_url", "extra_body", "extra_headers", "headers", "organization", "timeout"),
        OUTPUT_SCHEMA,
    }
)
# What says something to LiteLLM alone, which a project may have set once for all its models.
_OF_LITELLM = frozenset(
    {
        *("api_type", "api_version", "custom_llm_provider", "drop_params", "max_retries", "no-log", "num_retries"),
        *("allowed_openai_params", "additional_drop_params", "metadata_for_callbacks"),
    }
)
_HEADERS: Mapping[str, str] = {
    "Accept": "application/json, text/event-stream",
    "Accept-Encoding": "identity",  # the fragments of a packed stream wait for each other
    "Content-Type": "application/json",
    "User-Agent": "llamabot",
}


class Setup:
    """The options of one adapter, or of one request, put to use. Holds the key; none of it shows.

    Attributes:
        address: where the server is.
        headers_on_the_way: of every request, those for a proxy that reads it included; with the key, and therefore no
            local variable of a frame that raises.
        fields: of the body, beside those of the request itself.
        timeout_s: the longest wait, if the options say.
        wants_several: whether more than one answer is asked for.
    """

    def __init__(self, options: Mapping[str, Any], secrets: Secrets, address_of: Callable[[str], Address]) -> None:
        refuse_wrong_options(options, secrets)
        merged = secrets.merged_into(options)
        self.address = address_of(_text(merged.get("api_base") or merged.get("base_url") or ""))
        self.headers_on_the_way = {**_headers(merged, self.address), **_headers_for_proxy(self.address)}
        self.fields = {name: value for name, value in merged.items() if name not in _CONNECTION | _OF_LITELLM}
        self.fields.update(merged.get("extra_body") or {})
        self.timeout_s = _seconds(merged.get("timeout"))
        self.wants_several = self.fields.get("n", 1) != 1
        self._heads: dict[tuple[str, bool], bytes] = {}
        self._secrets = secrets
        self._options = options

    def request_bytes(self, endpoint: str, body: bytes, *, lasts: bool) -> bytes:
        """Return a whole request; its connection lasts beyond the answer, or not."""
        head = self._heads.get((endpoint, lasts))
        if head is None:
            head = self._heads[endpoint, lasts] = self._head(endpoint, lasts=lasts)
        return b"%b%d\r\n\r\n%b" % (head, len(body), body)

    def scrubber(self) -> Scrubber:
        """Return what blacks out the keys of these options, and of the environment as it is now."""
        own = {"proxy_authorization": self.address.proxy_authorization, "authorization": self.address.authorization}
        return Scrubber({**self._options, **own}, self._secrets)

    def _head(self, endpoint: str, *, lasts: bool) -> bytes:
        address = self.address
        target = f"{address.path}/{endpoint}{address.query}"
        more = {**self.headers_on_the_way, **({} if lasts else {"Connection": "close"})}
        if address.proxy is not None and not address.is_tls:
            target = address.origin + target
        lines = [f"POST {target} HTTP/1.1", f"Host: {address.host}", *(f"{n}: {v}" for n, v in more.items())]
        return "\r\n".join([*lines, "Content-Length: "]).encode("latin-1")


def _headers(options: Mapping[str, Any], address: Address) -> dict[str, str]:
    """Return the headers of every request; what the options say wins, whatever its case."""
    headers = dict(_HEADERS)
    if key := _text(options.get("api_key")):
        headers["Authorization"] = f"Bearer {key}"
    elif address.authorization:
        headers["Authorization"] = address.authorization
    if organization := _text(options.get("organization")):
        headers["OpenAI-Organization"] = organization
    given = {**(options.get("headers") or {}), **(options.get("extra_headers") or {})}
    for name, value in given.items():
        for other in [other for other in headers if other.lower() == str(name).lower()]:
            del headers[other]
        if value is not None:
            headers[str(name)] = _text(value)
    for name, value in headers.items():
        _check_header(name, value)
    return headers


def _headers_for_proxy(address: Address) -> dict[str, str]:
    """Return what a proxy wants to see of a request that it can read; of others, it sees what opens the way alone."""
    if address.is_tls or not address.proxy_authorization:
        return {}
    return {"Proxy-Authorization": address.proxy_authorization}


def _check_header(name: str, value: str) -> None:
    if not name.isascii() or not name.replace("-", "").replace("_", "").isalnum():
        raise ConfigurationError(f"{name!r} is no name of a header")
    if name.lower() in ("content-length", "host", "transfer-encoding"):
        raise ConfigurationError(f"the header {name} is not for the options: the request itself has it")
    if any(not " " <= sign <= "\xff" and sign != "\t" for sign in value):
        raise ConfigurationError(f"the header {name} holds characters that no header can")


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value if isinstance(value, str) else ""


def _seconds(timeout: Any) -> float | None:
    return float(timeout) if isinstance(timeout, int | float) else None
