"""Asking someone else: whom, when, with what, and when not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.wrap.four_ways import WAYS, outcome, request

import llamabot as lmb
from llamabot.ports.completion import ModelCapabilities
from llamabot.ports.errors import (
    AuthenticationFailed,
    CompletionError,
    ConfigurationError,
    ContentRefused,
    ContextTooLong,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
    StreamTruncated,
)
from llamabot.ports.secrets import Secrets, split_secrets
from llamabot.testing import FunctionCompletion, HashedEmbedding, ScriptedCompletion
from llamabot.testing.faults import CutStream, faulty

DOWN = ProviderUnavailable("the provider is down")


@pytest.mark.parametrize("way", WAYS)
def test_asks_another_model_of_the_same_port(way: str) -> None:
    port = FunctionCompletion(lambda asked: f"I am {asked.model}" if asked.model == "third" else DOWN)
    fallback = lmb.Fallback(port, "second", "third", "fourth")
    assert outcome(way, fallback, request()) == "I am third"
    assert [asked.model for asked in port.requests] == ["first", "second", "third"]


@pytest.mark.parametrize("way", WAYS)
def test_asks_another_port_by_the_name_that_it_has_for_the_model(way: str) -> None:
    first, second = ScriptedCompletion([DOWN]), ScriptedCompletion([DOWN])
    third = FunctionCompletion(lambda asked: f"I am {asked.model}")
    assert outcome(way, lmb.Fallback(first, second, (third, "local")), request()) == "I am local"
    assert [asked.model for asked in second.requests] == ["first"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "error", [DOWN, RateLimited("no"), AuthenticationFailed("no"), ContextTooLong("no"), RequestRejected("no")]
)
def test_whatever_is_wrong_with_one_another_may_answer(way: str, error: CompletionError) -> None:
    assert outcome(way, lmb.Fallback(ScriptedCompletion([error]), ScriptedCompletion(["Hi!"])), request()) == "Hi!"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("error", [ContentRefused("no"), ConfigurationError("no"), ValueError("no")])
def test_does_not_shop_a_refusal_around(way: str, error: Exception) -> None:
    second = ScriptedCompletion(["Hi!"])
    assert outcome(way, lmb.Fallback(ScriptedCompletion([error]), second), request()) == type(error).__name__
    assert second.requests == ()


@pytest.mark.parametrize("way", WAYS)
def test_goes_on_after_the_errors_that_it_is_told(way: str) -> None:
    fallback = lmb.Fallback(ScriptedCompletion([ContentRefused("no"), DOWN]), "second", on=(ContentRefused,))
    assert outcome(way, fallback, request()) == "ProviderUnavailable"


@pytest.mark.parametrize("way", WAYS)
def test_where_all_fail_the_last_error_says_what_came_before(way: str) -> None:
    fallback = lmb.Fallback(ScriptedCompletion([RateLimited("no"), DOWN, AuthenticationFailed("no key")]), "b", "c")
    with pytest.raises(AuthenticationFailed, match="no key") as caught:
        WAYS[way](fallback, request())
    assert caught.value.__notes__ == [
        "Before it, 'first' failed with RateLimited and 'b' failed with ProviderUnavailable."
    ]


@pytest.mark.parametrize("way", ["stream", "astream"])
@settings(max_examples=30)
@given(cut=st.integers(0, 3))
def test_never_asks_another_after_text_was_handed_out(way: str, cut: int) -> None:
    second = ScriptedCompletion(["five six"])
    first = faulty(ScriptedCompletion(["one two three four"]), [CutStream(after=cut)])
    if cut == 0:
        assert outcome(way, lmb.Fallback(first, second), request()) == "five six"
        return
    with pytest.raises(StreamTruncated):
        WAYS[way](lmb.Fallback(first, second), request())
    assert second.requests == ()


@settings(max_examples=30)
@given(st.lists(st.sampled_from([DOWN, ContentRefused("no"), RateLimited("no"), "Hi!"]), min_size=3))
def test_is_the_same_in_all_colours(script: list[Any]) -> None:
    seen = set()
    for way in WAYS:
        port = ScriptedCompletion(script)
        seen.add((outcome(way, lmb.Fallback(port, "b", "c"), request()), tuple(asked.model for asked in port.requests)))
    assert len(seen) == 1


class Keyed:
    """A port that shows which keys it was given."""

    def __init__(self, name: str, keys: str = "its own keys") -> None:
        self.name, self.keys = name, keys

    def with_secrets(self, secrets: Secrets) -> Keyed:
        return Keyed(self.name, repr(secrets))

    def complete(self, asked: Any) -> Any:
        seen.append((self.name, asked.model, self.keys, dict(asked.options)))
        raise DOWN


seen: list[tuple[str, str, str, dict[str, Any]]] = []


def test_keys_and_addresses_of_one_provider_do_not_go_to_another() -> None:
    seen.clear()
    _, secrets = split_secrets({"api_key": "sk-canary"})
    others = ("openai/gpt-5-nano", "anthropic/claude", (Keyed("other"), "openai/gpt-5"))
    fallback = lmb.Fallback(Keyed("one"), *others).with_secrets(secrets)
    options = {"api_base": "http://localhost", "seed": 7}
    with pytest.raises(ProviderUnavailable):
        fallback.complete(request(model="openai/gpt-5", options=options))
    assert seen == [
        ("one", "openai/gpt-5", "Secrets(api_key)", options),
        ("one", "openai/gpt-5-nano", "Secrets(api_key)", options),
        ("one", "anthropic/claude", "its own keys", {"seed": 7}),
        ("other", "openai/gpt-5", "its own keys", {"seed": 7}),
    ]


def test_the_key_of_a_model_whose_name_says_no_provider_goes_to_no_other_model() -> None:
    seen.clear()
    _, secrets = split_secrets({"api_key": "sk-canary"})
    with pytest.raises(ProviderUnavailable):
        lmb.Fallback(Keyed("one"), "claude-haiku-4-5", "gpt-5").with_secrets(secrets).complete(request(model="gpt-5"))
    assert [(model, keys) for _, model, keys, _ in seen] == [
        ("gpt-5", "Secrets(api_key)"),
        ("claude-haiku-4-5", "its own keys"),
        ("gpt-5", "Secrets(api_key)"),
    ]


def test_says_of_a_model_what_holds_for_all_that_may_answer() -> None:
    def knowing(*known: Any) -> ScriptedCompletion:
        return ScriptedCompletion(capabilities=ModelCapabilities(*known))

    assert lmb.Fallback(knowing(True, True), knowing(True, None)).capabilities("m") == ModelCapabilities(True, None)
    assert lmb.Fallback(knowing(None, None), knowing(False, True)).capabilities("m") == ModelCapabilities(False, None)


def test_costs_what_the_dearest_costs_that_may_answer() -> None:
    def priced(prompt: float | None, completion: float | None) -> ScriptedCompletion:
        return ScriptedCompletion(capabilities=ModelCapabilities(None, True, prompt, completion))

    both = lmb.Fallback(priced(0.1, 0.4), priced(0.2, 0.3)).capabilities("m")
    assert (both.usd_per_prompt_token, both.usd_per_completion_token) == (0.2, 0.4)
    one = lmb.Fallback(priced(0.1, 0.4), priced(None, None)).capabilities("m")
    assert (one.priced, one.usd_per_prompt_token, one.usd_per_completion_token) == (True, None, None)


def test_has_a_colour_if_all_have_it() -> None:
    class Blocking:
        def complete(self, asked: Any) -> Any: ...

    fallback = lmb.Fallback(ScriptedCompletion(), Blocking())
    assert (hasattr(fallback, "complete"), hasattr(fallback, "acomplete")) == (True, False)


def test_closes_all_of_its_ports() -> None:
    closed = []

    class Port:
        def __init__(self, name: str) -> None:
            self.name = name

        def complete(self, asked: Any) -> Any: ...

        def close(self) -> None:
            closed.append(self.name)

    lmb.Fallback(Port("a"), Port("b"), "model").close()
    asyncio.run(lmb.Fallback(Port("c"), ScriptedCompletion(), Port("d")).aclose())
    assert closed == ["a", "b", "c", "d"]


@pytest.mark.parametrize("other", [None, 7, ScriptedCompletion, HashedEmbedding(), (1, 2, 3)])
def test_refuses_what_it_cannot_ask(other: Any) -> None:
    with pytest.raises(ConfigurationError, match="falls back on the name of a model"):
        lmb.Fallback(ScriptedCompletion(), other)


def test_refuses_to_fall_back_on_nothing_and_for_embedders() -> None:
    with pytest.raises(ConfigurationError, match="falls back on nothing"):
        lmb.Fallback(ScriptedCompletion())
    with pytest.raises(ConfigurationError, match="put around a completion port"):
        lmb.Fallback(HashedEmbedding(), "another")
