"""An exchange through LiteLLM, written once for both colours: it is asked, and its answer read or its error told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from llamabot.adapters.litellm.callbacks import untold
from llamabot.adapters.litellm.colours import Asking, Colour

__all__ = ["answered"]

T = TypeVar("T")


async def answered(asking: Asking, colour: Colour, meaning: Callable[[Any, Any], T]) -> T:
    """Return what an answer, or a stream that has begun, means; it is given with LiteLLM. Raises our error."""
    litellm = await colour.loaded()
    try:
        with untold(litellm, asking.arguments), asking.deadline:
            response = await colour.asked(litellm, asking)
        return meaning(response, litellm)
    except BaseException as error:  # noqa: BLE001 - those that are no failure of the call are raised by it
        failure = asking.failure(error)
    raise failure.error from failure.cause
