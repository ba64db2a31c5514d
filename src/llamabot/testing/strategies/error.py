"""Errors of a model's provider."""

from __future__ import annotations

from functools import cache
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from llamabot.ports import errors

__all__ = ["port_errors"]

_reasons = st.sampled_from(["the provider says no", "boom", "überlastet"])
_waits = st.none() | st.integers(0, 60).map(float)


@cache
def port_errors() -> SearchStrategy[errors.CompletionError]:
    """An error of a completion port, of any kind."""
    return st.builds(_error, st.sampled_from(_ERRORS), _reasons, st.none() | st.sampled_from([401, 429, 500]), _waits)


def _error(kind: Any, message: str, status_code: int | None, retry_after_s: float | None) -> errors.CompletionError:
    error: errors.CompletionError = kind(message)
    error.status_code = status_code
    if isinstance(error, errors.RateLimited):
        error.retry_after_s = retry_after_s
    return error


_ERRORS = (
    errors.ProviderUnavailable,
    errors.AuthenticationFailed,
    errors.BadCompletion,
    errors.CompletionTimeout,
    errors.ContentRefused,
    errors.ContextTooLong,
    errors.RateLimited,
    errors.RequestRejected,
)
