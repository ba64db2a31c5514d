"""What is left out of a contract is said with a reason: nothing is overridden, deleted or skipped in silence."""

from __future__ import annotations

from typing import Any

import pytest

from llamabot.ports.errors import ConfigurationError
from llamabot.testing import FunctionCompletion, VirtualClock, contracts
from llamabot.testing.contracts import ClockContract, CompletionContract, Contract

ALL = [
    kind
    for name in contracts.__all__
    if isinstance(kind := getattr(contracts, name), type) and issubclass(kind, Contract) and kind is not Contract
]
STREAMED = "test_streams_the_answer_it_gives_whole"
STREAMING = {"streaming": "the vendor has none"}


def _made(contract: type[Contract] = CompletionContract, *mixins: type, **body: Any) -> Any:
    return type("TestMine", (*mixins, contract), {"make": lambda self: FunctionCompletion(lambda _: "yes"), **body})


def _passing(self: Any) -> None:
    """Prove nothing."""


class _Mixin:
    test_never_goes_back = _passing


@pytest.mark.parametrize("mixins", [(), (_Mixin,)])
def test_a_standard_test_that_is_overridden_is_refused_with_what_to_do(mixins: tuple[type, ...]) -> None:
    body = {} if mixins else {"test_never_goes_back": _passing}
    with pytest.raises(ConfigurationError) as refused:
        _made(ClockContract, *mixins, **body)
    assert "TestMine overrides test_never_goes_back, a standard test of ClockContract" in str(refused.value)
    assert "give it another name" in str(refused.value)


def test_a_standard_test_that_is_deleted_is_refused_with_the_flags_there_are() -> None:
    with pytest.raises(ConfigurationError, match=r"leaves out test_streams.*flags: streaming, repeatable"):
        _made(**{STREAMED: None})


def test_a_standard_test_that_is_taken_away_later_fails_a_test() -> None:
    mine = _made(ClockContract)
    mine.test_never_goes_back = None
    with pytest.raises(ConfigurationError, match="leaves out test_never_goes_back"):
        mine().test_leaves_no_standard_test_out_without_a_reason()


@pytest.mark.parametrize("mark", [pytest.mark.xfail(reason=" "), pytest.mark.skip(reason="slow")])
def test_a_mark_without_a_reason_is_none(mark: Any) -> None:
    with pytest.raises(ConfigurationError, match="does not say why"):
        _made(**{STREAMED: mark(lambda self: None)})


def test_an_override_that_says_why_it_fails_is_kept() -> None:
    mine = _made(**{STREAMED: pytest.mark.xfail(reason="bug 42 of the vendor")(_passing)})
    assert getattr(mine, STREAMED) is _passing
    mine().test_leaves_no_standard_test_out_without_a_reason()


def test_what_is_not_supported_is_skipped_with_the_reason_and_a_subclass_may_take_it_up() -> None:
    lacking = _made(not_supported=STREAMING)
    (mark,) = getattr(lacking, STREAMED).pytestmark
    assert (mark.name, mark.kwargs) == ("skip", {"reason": "streaming: the vendor has none"})
    assert getattr(_made(lacking, not_supported={}), STREAMED) is getattr(CompletionContract, STREAMED)
    lacking().test_leaves_no_standard_test_out_without_a_reason()


def test_flags_without_reasons_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"TestMine.not_supported maps flags to reasons, .*no \['streaming'\]"):
        _made(not_supported=["streaming"])


def test_what_a_class_leaves_out_by_itself_has_a_reason_too() -> None:
    with pytest.raises(ConfigurationError, match=r"not_supported\['streaming'\] says no reason"):
        _made(left_out=classmethod(lambda cls: {"streaming": ""}))


@pytest.mark.parametrize("contract", ALL, ids=lambda contract: contract.__name__)
def test_an_adapter_that_is_not_made_is_told(contract: type[Contract]) -> None:
    bare: Any = type("TestBare", (contract,), {})
    with pytest.raises(ConfigurationError, match=r"TestBare does not say how the adapter is made: override `def make"):
        bare().make()


def test_a_hook_that_is_not_overridden_is_told() -> None:
    assert "make_saying is not overridden" in _made().left_out()["scripting"]
    assert _made(make_saying=_passing).supports("scripting")


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        ({"streeming": "none"}, "'streeming'; what may be left out of CompletionContract is 'streaming'"),
        ({"streaming": " "}, "says no reason"),
        ({"streaming": None}, "says no reason"),
    ],
)
def test_a_flag_that_is_unknown_or_has_no_reason_is_refused(flags: Any, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        _made(not_supported=flags)


def test_what_is_no_contract_may_have_any_tests() -> None:
    mine = _made(ClockContract, make=VirtualClock, test_never_goes_back_in_a_leap_year=_passing)
    assert mine.llamabot_contract == "ClockContract"
    assert "test_never_goes_back" in mine.llamabot_promises
    assert "test_never_goes_back_in_a_leap_year" not in mine.llamabot_promises
