"""What the contracts share: what may be left out and how, and that nothing is left out in silence."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, settings

from llamabot.ports.errors import ConfigurationError
from llamabot.testing.strategies.drawing import by_profile, phases

__all__ = ["Contract", "needs", "not_made", "not_proven"]

F = TypeVar("F", bound=Callable[..., Any])
_NOT_PROVEN = "not proven: "
_HOME = f"{__name__.rpartition('.')[0]}."


def needs(*flags: str) -> Callable[[F], F]:
    """Mark a standard test that only adapters with these capabilities can pass."""

    def mark(test: F) -> F:
        test.llamabot_needs = flags  # type: ignore[attr-defined]  # functions take attributes
        return test

    return mark


class Contract:
    """A suite of tests that every adapter of a port passes: subclass it, and say how the adapter is made.

    What an adapter cannot do is said with a reason, `not_supported = {"streaming": "the vendor has none"}`, and those
    tests are skipped with it. A standard test that a subclass overrides, or sets to None, is refused when the class is
    made, unless it is marked `@pytest.mark.xfail(reason="…")`.

    Attributes:
        capabilities: what may be left out, and what that is.
        not_supported: capabilities that the adapter lacks, each with the reason.
        examples: how many examples each search tries; fewer for an adapter that is slow. A profile of hypothesis that
            tries fewer than its default of 100 shortens all of them alike.
    """

    capabilities: ClassVar[Mapping[str, str]] = {}
    not_supported: ClassVar[Mapping[str, str]] = {}
    examples: ClassVar[int] = 40

    llamabot_contract: ClassVar[str] = ""
    llamabot_promises: ClassVar[tuple[str, ...]] = ()
    """The contract's name and its tests, for the report of the pytest plugin."""

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        if cls.__module__.startswith(_HOME):
            return
        tests = standard_tests(cls)
        _check_flags(cls)
        for name, test in tests.items():
            _check_test(cls, name, test)
            lacking = [flag for flag in getattr(test, "llamabot_needs", ()) if flag in cls.left_out()]
            if lacking:
                setattr(cls, name, _skipped(_reason(lacking[0], cls.left_out()[lacking[0]])))
            elif _is_skipped(inspect.getattr_static(cls, name)):
                setattr(cls, name, test)  # the parent could not, this one can
        cls.llamabot_contract = contract_of(cls).__name__
        cls.llamabot_promises = tuple(tests)

    @classmethod
    def left_out(cls) -> Mapping[str, str]:
        """Return the capabilities that are not tried, each with the reason."""
        return cls.not_supported

    @classmethod
    def supports(cls, flag: str) -> bool:
        """Say whether a capability is tried."""
        return flag not in cls.left_out()

    @property
    def searching(self) -> settings:
        """The settings of a search: the profile's, with this contract's number of examples."""
        return settings(
            max_examples=by_profile(self.examples),
            deadline=None,
            phases=phases(),
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        )

    def test_leaves_no_standard_test_out_without_a_reason(self) -> None:
        """Whatever was done to the class after it was made."""
        for name, test in standard_tests(type(self)).items():
            _check_test(type(self), name, test)


def not_made(suite: object) -> ConfigurationError:
    """Return the error of a suite that does not say how its adapter is made."""
    return ConfigurationError(
        f"{type(suite).__name__} does not say how the adapter is made: override `def make(self)`, and return a new one"
    )


def not_proven(hook: str, what: str) -> str:
    """Return the reason of what is left out because a method is not overridden."""
    return f"{_NOT_PROVEN}{what}; {hook} is not overridden, see the docstring of the contract"


def _reason(flag: str, why: str) -> str:
    return why if why.startswith(_NOT_PROVEN) else f"{flag}: {why}"


def contract_of(cls: type[Contract]) -> type[Contract]:
    """Return the contract that a class of an adapter's tests inherits."""
    return next(base for base in cls.__mro__ if base.__module__.startswith(_HOME))


def standard_tests(cls: type[Contract]) -> dict[str, Any]:
    """Return the tests that a class inherits from its contract, by name."""
    homes = [base for base in reversed(cls.__mro__) if base.__module__.startswith(_HOME)]
    return {name: value for home in homes for name, value in vars(home).items() if name.startswith("test_")}


def _check_flags(cls: type[Contract]) -> None:
    if not isinstance(cls.not_supported, Mapping):
        raise ConfigurationError(
            f"{cls.__name__}.not_supported maps flags to reasons, {{'streaming': 'why not'}}; it is no "
            f"{cls.not_supported!r:.80}"
        )
    known = ", ".join(f"{flag!r} ({meaning})" for flag, meaning in cls.capabilities.items())
    for flag, reason in {**cls.left_out(), **cls.not_supported}.items():
        if flag not in cls.capabilities:
            raise ConfigurationError(
                f"{cls.__name__}.not_supported names {flag!r}; what may be left out of {contract_of(cls).__name__} is "
                f"{known or 'nothing'}"
            )
        if not str(reason or "").strip():
            raise ConfigurationError(
                f"{cls.__name__}.not_supported[{flag!r}] says no reason: write in words why the adapter cannot do it"
            )


def _check_test(cls: type[Contract], name: str, test: Any) -> None:
    """Refuse a standard test that is something else than it was, unless it says why."""
    found = inspect.getattr_static(cls, name, None)
    if found is test or _is_skipped(found) or _has_reason(found):
        return
    what = "leaves out" if found is None else "overrides"
    flags = ", ".join(cls.capabilities) or "none here"
    raise ConfigurationError(
        f"{cls.__name__} {what} {name}, a standard test of {contract_of(cls).__name__}, and does not say why. If the "
        f'adapter cannot do it: not_supported = {{flag: "why"}} (flags: {flags}). If it fails for now: override it, '
        'marked @pytest.mark.xfail(reason="why"). If you meant a test of your own: give it another name'
    )


def _has_reason(test: Any) -> bool:
    marks = getattr(test, "pytestmark", ())
    return any(mark.name == "xfail" and str(mark.kwargs.get("reason", "")).strip() for mark in marks)


def _skipped(reason: str) -> Any:
    @pytest.mark.skip(reason=reason)
    def test(self: Any) -> None:
        """Stand in the place of a test that the adapter cannot pass."""

    marked: Any = test
    marked.llamabot_left_out = reason
    return marked


def _is_skipped(test: Any) -> bool:
    return hasattr(test, "llamabot_left_out")
