"""Where a server is, and the proxy on the way to it."""

from __future__ import annotations

import base64
import os
import re
import sys
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from llamabot.ports.errors import ConfigurationError

__all__ = ["Address", "Place", "address_of"]

_PROXY = re.compile(r"(http|https|all)_proxy", re.IGNORECASE)
_PORTS = {"http": 80, "https": 443}


class Place(NamedTuple):
    """A host that is connected to."""

    host: str
    port: int


class Address:
    """A server's address. What is secret of it shows in no representation.

    Attributes:
        is_tls: whether the connection is encrypted.
        place: the host and port.
        host: both, as the header `Host` has them.
        path: what comes before the name of an endpoint.
        query: what comes behind it, with its question mark, or "".
        authorization: the header that the address itself asks for, or "".
        proxy: where to connect to instead, or None.
        proxy_authorization: the header that the proxy asks for, or "".
        route: what connections have in common that can stand in for each other.
    """

    def __init__(self, base: str) -> None:
        parts = _parts(base, "api_base")
        self.is_tls = parts.scheme == "https"
        self.place = _place(parts)
        self.host = _host(self.place, parts.scheme)
        self.path = parts.path.rstrip("/")
        self.query = f"?{parts.query}" if parts.query else ""
        self.authorization = _basic(parts)
        proxy = _proxy(parts.scheme, self.place)
        self.proxy = _place(proxy) if proxy else None
        self.proxy_authorization = _basic(proxy) if proxy else ""
        self.route: tuple[object, ...] = (self.is_tls, self.place, self.proxy)

    def __repr__(self) -> str:
        return f"Address({self.host!r})"

    @property
    def origin(self) -> str:
        """The address without a path."""
        return f"{'https' if self.is_tls else 'http'}://{self.host}"


def address_of(base: str) -> Address:
    """Return the address that `api_base` is, by the proxies that the environment names now.

    Raises:
        ConfigurationError: it is none, or the proxy is of a kind that is not known here.
    """
    return Address(base)


def _parts(address: str, name: str) -> SplitResult:
    try:
        parts = urlsplit(address.strip())
        fits = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits:
        raise ConfigurationError(f"{name} is no address, it begins with http:// or https://")
    return parts


def _place(parts: SplitResult) -> Place:
    host = parts.hostname or ""
    try:
        host = host if host.isascii() else host.encode("idna").decode()
    except UnicodeError:
        raise ConfigurationError("api_base is no address: no host has such a name") from None
    return Place(host, parts.port or _PORTS[parts.scheme])


def _host(place: Place, scheme: str) -> str:
    host = f"[{place.host}]" if ":" in place.host else place.host
    return host if place.port == _PORTS[scheme] else f"{host}:{place.port}"


def _basic(parts: SplitResult) -> str:
    if not parts.username and not parts.password:
        return ""
    credentials = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return f"Basic {base64.b64encode(credentials.encode()).decode()}"


def _proxy(scheme: str, place: Place) -> SplitResult | None:
    """Return the proxy that the environment, or the system, names for a server; by the rules of `urllib.request`."""
    if sys.platform == "linux" and not any(_PROXY.fullmatch(name) for name in os.environ):
        return None
    from urllib.request import getproxies, proxy_bypass

    proxies = getproxies()
    address = proxies.get(scheme) or proxies.get("all")
    if not address or proxy_bypass(f"{place.host}:{place.port}"):
        return None
    address = address if "://" in address else f"http://{address}"
    if not address.startswith("http://"):
        raise ConfigurationError("the proxy that the environment names is no http:// one; others are not known here")
    return _parts(address, "the proxy that the environment names")
