"""When a failed request is made again: the rule alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamabot.ports.errors import (
    AuthenticationFailed,
    CompletionError,
    ConfigurationError,
    EmbeddingError,
    ProviderUnavailable,
    RateLimited,
)
from llamabot.ports.retrying import RetryPolicy

POLICY = RetryPolicy(attempts=5, first_wait_s=1.0, longest_wait_s=4.0)
chances = st.floats(0, 1, exclude_max=True)


@given(st.integers(1, 4), chances)
def test_waits_half_of_what_has_doubled_and_a_random_part_of_the_rest(attempt: int, chance: float) -> None:
    wait_s = POLICY.next_wait_s(ProviderUnavailable("no"), attempt, lambda: chance)
    longest_s = (1.0, 2.0, 4.0, 4.0)[attempt - 1]
    assert wait_s == pytest.approx(longest_s / 2 + chance * longest_s / 2)


@given(st.floats(0.001, 10_000), st.integers(1, 4), chances)
def test_comes_back_no_sooner_than_the_provider_says(asked_s: float, attempt: int, chance: float) -> None:
    wait_s = POLICY.next_wait_s(RateLimited("no", retry_after_s=asked_s), attempt, lambda: chance)
    assert wait_s is not None
    assert asked_s <= wait_s <= asked_s + POLICY.first_wait_s


def test_hears_how_long_an_embedder_asks_to_wait() -> None:
    error = EmbeddingError("no")
    error.retryable, error.retry_after_s = True, 7.0
    assert POLICY.next_wait_s(error, 1, lambda: 0.5) == 7.5


def test_a_provider_that_asks_for_no_time_is_given_some() -> None:
    assert POLICY.next_wait_s(RateLimited("no", retry_after_s=0.0), 1, lambda: 0.0) == 0.5


def test_ends_with_the_last_attempt() -> None:
    waits = [POLICY.next_wait_s(ProviderUnavailable("no"), attempt, lambda: 0.0) for attempt in range(1, 7)]
    assert [wait_s is None for wait_s in waits] == [False, False, False, False, True, True]


@pytest.mark.parametrize(
    "error", [AuthenticationFailed("no"), CompletionError("no"), ValueError("no"), KeyboardInterrupt()]
)
def test_does_not_try_again_what_would_fail_again(error: BaseException) -> None:
    assert POLICY.next_wait_s(error, 1, lambda: 0.0) is None


def test_does_not_wait_for_what_there_is_no_time_for() -> None:
    error = RateLimited("no", retry_after_s=20.0)
    assert POLICY.next_wait_s(error, 1, lambda: 0.0, left_s=20.0) is None
    assert POLICY.next_wait_s(error, 1, lambda: 0.0, left_s=20.1) == 20.0


def test_doubles_no_further_than_numbers_go() -> None:
    patient = RetryPolicy(attempts=5000)
    assert patient.next_wait_s(ProviderUnavailable("no"), 4000, lambda: 0.0) == 15.0


@pytest.mark.parametrize("attempts", [0, -1, 2.0, True, "3", None])
def test_refuses_attempts_that_are_none(attempts: Any) -> None:
    with pytest.raises(ConfigurationError, match="attempts"):
        RetryPolicy(attempts=attempts)


@pytest.mark.parametrize("name", ["first_wait_s", "longest_wait_s", "within_s"])
@pytest.mark.parametrize("seconds", [-1, float("nan"), "1", None])
def test_refuses_seconds_that_are_none(name: str, seconds: Any) -> None:
    with pytest.raises(ConfigurationError, match=name):
        RetryPolicy(**{name: seconds})
