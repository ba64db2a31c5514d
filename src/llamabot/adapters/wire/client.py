"""What both adapters of this wire are: options, secrets, connections of both colours, and their end."""

from __future__ import annotations

import copy
import ssl
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from llamabot.adapters.wire.address import Address, address_of
from llamabot.adapters.wire.connection import default_tls
from llamabot.adapters.wire.setup import Setup
from llamabot.ports.closing import AsyncClosing, Closing
from llamabot.ports.errors import ConfigurationError
from llamabot.ports.secrets import Secret, Secrets
from llamabot.protocols.chat_completions import refuse_of_a_request
from llamabot.protocols.options import WithOptions

if TYPE_CHECKING:
    from llamabot.adapters.wire.awaited import AwaitedConnections
    from llamabot.adapters.wire.blocking import BlockingConnections

__all__ = ["WireClient"]

C = TypeVar("C", bound="WireClient")

_making = threading.Lock()
"""Held while connections are made a place: of threads that come first at once, each would have one of its own."""


class _Connections:
    """The connections of an adapter and of its copies, each colour's made when it is first used."""

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        self._given = tls
        self._tls = default_tls(tls)
        self._addresses: dict[str, Address] = {}
        self._blocking: BlockingConnections | None = None
        self._awaited: AwaitedConnections | None = None

    def __reduce__(self) -> Any:
        if self._given is None:
            return _Connections, (None,)
        raise ConfigurationError(
            "tls= is not pickled: name the certificates by SSL_CERT_FILE, or make the adapter in the other process"
        )

    def __deepcopy__(self, memo: Any) -> _Connections:
        return self

    @property
    def blocking(self) -> BlockingConnections:
        return self._blocking or self._made_blocking()

    @property
    def awaited(self) -> AwaitedConnections:
        return self._awaited or self._made_awaited()

    def _made_blocking(self) -> BlockingConnections:
        from llamabot.adapters.wire.blocking import BlockingConnections

        with _making:
            if self._blocking is None:
                self._blocking = BlockingConnections(self._tls)
            return self._blocking

    def _made_awaited(self) -> AwaitedConnections:
        from llamabot.adapters.wire.awaited import AwaitedConnections

        with _making:
            if self._awaited is None:
                self._awaited = AwaitedConnections(self._tls)
            return self._awaited

    def address_of(self, base: str) -> Address:
        address = self._addresses.get(base)
        if address is None:
            address = self._addresses[base] = address_of(base)
        return address

    def close(self) -> None:
        if self._blocking is not None:
            self._blocking.close()
        if self._awaited is not None:
            self._awaited.close()

    async def aclose(self) -> None:
        if self._awaited is not None:
            await self._awaited.aclose()
        self.close()


class WireClient(WithOptions, Closing, AsyncClosing):
    """A server, how it is asked, and the connections to it.

    Closing closes the connections that wait; one in use is closed when its answer has been read. A closed adapter can
    be used again: it makes new ones.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str | Secret | None,
        options: Mapping[str, Any],
        secrets: Secrets,
        tls: ssl.SSLContext | None,
    ) -> None:
        given = {"api_base": base_url, **({} if api_key is None else {"api_key": api_key}), **options}
        super().__init__(given, secrets)
        self._connections = _Connections(tls)
        self._setup: Setup | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({dict(self.options)!r}, {self._secrets!r})"

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_setup": None}  # it holds the keys as they are sent

    def with_secrets(self: C, secrets: Secrets) -> C:
        """Return a copy, with the same connections, that authorises its requests with these secrets too."""
        other = copy.copy(self)
        vars(other).update(_secrets=self._secrets | secrets, _setup=None)
        return other

    def close(self) -> None:
        """Close the connections. Those of event loops that run are closed as soon as their loops come to it."""
        self._connections.close()

    async def aclose(self) -> None:
        """Close the connections, those of this event loop before this returns."""
        await self._connections.aclose()

    @property
    def _blocking(self) -> BlockingConnections:
        return self._connections.blocking

    @property
    def _awaited(self) -> AwaitedConnections:
        return self._connections.awaited

    def _setup_for(self, options: Mapping[str, Any]) -> Setup:
        """Return how to ask with these options; without any, as always.

        Raises:
            ConfigurationError: they do not say how; it has no traceback from inside, where frames hold the key.
        """
        try:
            if options:
                refuse_of_a_request(options)
                return Setup({**self.options, **options}, self._secrets, self._connections.address_of)
            if self._setup is None:
                self._setup = Setup(self.options, self._secrets, self._connections.address_of)
            return self._setup
        except ConfigurationError as error:
            wrong = error.with_traceback(None)
        wrong.__context__ = None
        raise wrong
