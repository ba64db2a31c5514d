"""The way to a server, written once for both colours.

A step is what a line is asked to do, and is yielded. A blocking line has done it by then; what an awaited line gives is
awaited by who goes the way.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Generator
from functools import partial
from typing import Any, TypeAlias

from llamabot.adapters.wire.address import Address
from llamabot.adapters.wire.answer import Answer
from llamabot.adapters.wire.call import Call
from llamabot.adapters.wire.connection import FAILURES, check_tunnel, meaning_of, patience_s, tunnel_request

__all__ = ["Way", "reached", "way"]

Way: TypeAlias = Generator[Any, Any, None]


def reached(line: Any, call: Call, tls: Callable[[], ssl.SSLContext]) -> Way:
    """Connect a line to the server of a call; what goes wrong is told to its answer."""
    try:
        yield from way(line, call.address, call.deadline, tls)
    except FAILURES as error:
        line.close()  # it may have come as far as a proxy, who must not read what is meant for the server
        call.answer.fail(meaning_of(error))
    except BaseException:
        line.close()
        raise


def way(line: Any, address: Address, deadline: float, tls: Callable[[], ssl.SSLContext]) -> Way:
    """Connect a line to a server, through its proxy if it has one, encrypted if its address says so.

    Raises:
        ConnectionFailed, OSError: it cannot be reached, or not before the deadline.
    """
    places = yield line.resolve(*(address.proxy or address.place), deadline)
    yield from _opened(line, places, deadline)
    if address.is_tls and address.proxy is not None:
        answer = Answer()
        line.ask(partial(tunnel_request, address), answer, deadline)
        while not answer.has_head():
            yield line.receive(deadline)
        check_tunnel(answer)
    if address.is_tls:
        yield line.encrypt(tls(), address.place.host, deadline)


def _opened(line: Any, places: list[Any], deadline: float) -> Way:
    """Connect a line to the first of a host's addresses that answers."""
    failure: OSError = ConnectionError("the host has no address")
    for number, place in enumerate(places, 1):
        try:
            yield line.open(place, patience_s(deadline, is_last=number == len(places)))
        except OSError as error:
            failure = error
        else:
            return
    raise failure
