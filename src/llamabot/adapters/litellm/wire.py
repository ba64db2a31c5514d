"""Our values as LiteLLM's arguments. Pure: no call, no environment, no vendor."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from llamabot.ports.completion import CompletionRequest
from llamabot.protocols.chat_completions import request_fields

__all__ = ["arguments"]


def arguments(request: CompletionRequest, options: Mapping[str, Any], *, streamed: bool) -> dict[str, Any]:
    """Return the keyword arguments of one call; what the options say wins."""
    return {
        "model": request.model,
        "timeout": _few_timeouts(request.timeout_s),
        "max_retries": 0,
        "num_retries": 0,
        **request_fields(request, streamed=streamed),
        **options,
    }


def _few_timeouts(seconds: float) -> float:
    """Return the time-out, or a little less: two significant digits.

    LiteLLM keeps a client with open connections for every time-out it sees, and a deadline makes each call's another.
    """
    if not 0 < seconds < math.inf:
        return seconds
    step = 10.0 ** (math.floor(math.log10(seconds)) - 1)
    return round(math.floor(seconds / step + 1e-9) * step, 12)
