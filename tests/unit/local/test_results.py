"""Whatever a model asks for and a function does, the answer is a text that the model can go on from."""

from __future__ import annotations

import asyncio
import datetime
import json
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import msgspec
import pytest
from tests.unit.domain.outputs import Address, Person, Pet, Point
from tests.unit.local.calls import ask, context_of

import llamabot as lmb
from llamabot.adapters.local import LocalToolbox
from llamabot.adapters.local.results import text_of
from llamabot.ports.errors import UsageError

FUNNY = "a\ud83d\ude00\ud800"
MENDED = "a😀\ufffd"


def plan(city: str, days: int = 1, home: Address | None = None) -> str:
    return f"{city} {days} {home}"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ('{"city": "Rome", "days": [1]}', ["`$.days`", "`int`"]),
        ('{"days": 1}', ["`city`", "days (optional)"]),
        ('{"city": "Rome", "dayz": 1}', ["`dayz`", "city, days (optional)"]),
        ('{"city": "Rome", "days": "soon"}', ["`$.days`", "got `str`"]),
        ('{"city": "Rome", "home": {"number": 1}}', ["`$.home`", "street", "Field required"]),
        ('{"city": "Ro', ["are not JSON", "truncated"]),
        ("city=Rome", ["are not JSON"]),
        ("null", ["`city`"]),
        ('{"city": "Rome", "home": ' + '{"a": ' * 100_000 + "1" + "}" * 100_000 + "}", ["too deeply"]),
    ],
)
def test_arguments_that_do_not_fit_say_where_and_what_to_send(arguments: str, told: list[str]) -> None:
    result = ask(plan, arguments)
    assert result.is_error
    for words in [*told, "plan"]:
        assert words in result.text


def test_numbers_as_text_are_taken_where_nothing_else_fits() -> None:
    assert ask(plan, '{"city": "Rome", "days": "3", "home": {"street": "Via", "number": "2"}}').text == (
        "Rome 3 street='Via' number=2"
    )
    assert ask(plan, '{"city": 5}').is_error


@pytest.mark.parametrize("arguments", ["", " \n", "null", "{}"])
def test_a_tool_that_needs_nothing_may_be_asked_without_arguments(arguments: str) -> None:
    def now() -> str:
        return "noon"

    assert ask(now, arguments).text == "noon"


class _Stubborn:
    """An object whose own code fails."""

    def __repr__(self) -> str:
        raise RuntimeError

    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is", "as it is"),
        ("", ""),
        (FUNNY, MENDED),
        (5, "5"),
        (None, "null"),
        (2**70, str(2**70)),
        ([1, None], "[1,null]"),
        ({1: "a"}, '{"1":"a"}'),
        (Person("Ada", 36), '{"name":"Ada","age":36,"nickname":null}'),
        (Point(1.0), '{"x":1.0,"y":0.0}'),
        (
            Pet(name="Rex", home=Address(street="Ring")),
            '{"name":"Rex","home":{"street":"Ring","number":1},"friends":[]}',
        ),
        ([Address(street="Ring")], '[{"street":"Ring","number":1}]'),
        (datetime.date(2026, 11, 23), '"2026-11-23"'),
        (b"abc", '"YWJj"'),
        ([FUNNY], f'["{MENDED}"]'),
        ({"a": FUNNY, "b": Address(street="x")}, f'{{"a": "{MENDED}", "b": {{"street": "x", "number": 1}}}}'),
        (complex(1, 2), "(1+2j)"),
    ],
)
def test_a_value_becomes_text(value: Any, text: str) -> None:
    assert text_of(value) == text


def test_a_function_that_is_declared_to_return_nothing_is_done() -> None:
    def send() -> None: ...
    def find() -> str | None: ...  # type: ignore[return]  # it finds nothing

    assert (ask(send).text, ask(find).text) == ("done", "null")


def test_a_value_that_shows_itself_badly_is_named() -> None:
    assert "_Stubborn" in text_of(_Stubborn())
    assert "_Stubborn" in text_of([_Stubborn()])


def test_a_value_that_holds_itself_is_shown_as_far_as_it_goes() -> None:
    value: list[Any] = [1]
    value.append(value)
    assert text_of(value) == "[1, [1, [1, [...]]]]"


class Holder(msgspec.Struct):
    big: str
    odd: Any


def test_a_repr_of_50_megabytes_is_never_made() -> None:
    big = "x" * 50_000_000
    for value in (Holder(big, object()), [big, object()], {"a": {"b": [big, object()]}}, [Holder(big, object())] * 50):
        tracemalloc.start()
        text = text_of(value)
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(text) <= 4_000
        # Encoding to JSON gets as far as the object that has no form, one copy of what stands before it.
        assert peak_bytes < 160_000_000


def _raising(error: BaseException) -> Callable[[], str]:
    def act() -> str:
        raise error

    return act


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("no such city"), "act failed: ValueError: no such city"),
        (ValueError(), "act failed: ValueError"),
        (KeyError("x"), "act failed: KeyError: 'x'"),
        (StopIteration(1), "act failed: StopIteration: 1"),
        (OSError(FUNNY), f"act failed: OSError: {MENDED}"),
        (ValueError(_Stubborn()), "act failed: ValueError"),
        (RecursionError("deep"), "act failed: RecursionError: deep"),
    ],
)
def test_what_a_function_raises_is_told_with_its_type(error: Exception, text: str) -> None:
    result = ask(_raising(error))
    assert (result.text, result.is_error, result.ends_run) == (text, True, False)
    assert ask(lmb.tool(_raising(error), terminal=True)).ends_run is False


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1), asyncio.CancelledError()])
def test_what_ends_a_process_or_a_task_goes_through(error: BaseException) -> None:
    context = context_of()
    context.cancellation.cancel()
    box = LocalToolbox([_raising(error)])
    with pytest.raises(type(error)):
        box.call(lmb.ToolCall("c", box.tools()[0].name, "{}"), context)


def test_a_task_that_is_cancelled_in_a_tool_stays_cancelled() -> None:
    async def wait() -> None:
        await asyncio.sleep(60)

    async def cancelled() -> None:
        coming = LocalToolbox([wait]).acall(lmb.ToolCall("c", "wait", "{}"), context_of())
        task = asyncio.create_task(coming)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())


def test_stopping_the_run_ends_it_with_the_very_value() -> None:
    value = Person("Ada", 36)
    result = ask(_raising(lmb.StopRun(value)))
    assert (result.ends_run, result.is_error, json.loads(result.text)["name"]) == (True, False, "Ada")
    assert result.value is value


def test_a_terminal_tool_ends_the_run_with_the_very_object() -> None:
    thing = object()

    @lmb.tool(terminal=True)
    def give(missing: bool = False) -> object:
        return thing

    result = ask(give)
    assert (result.ends_run, result.is_error) == (True, False)
    assert result.value is thing
    assert ask(give, '{"missing": 3}').ends_run is False


async def _later() -> str:
    return "later"


def _each() -> Iterator[int]:
    yield 1


@pytest.mark.parametrize(("value", "told"), [(_later, "async def"), (_each, "list"), (lambda: map(str, [1]), "list")])
@pytest.mark.parametrize("terminal", [False, True])
def test_a_promise_of_a_value_is_no_value(value: Callable[[], Any], told: str, terminal: bool) -> None:
    """Warnings are errors here: a coroutine that nobody awaited would be one."""

    @lmb.tool(terminal=terminal)
    def give() -> Any:
        return value()

    result = ask(give)
    assert (result.is_error, result.ends_run) == (True, False)
    assert told in result.text


def test_an_async_function_is_awaited_and_may_be_cancelled() -> None:
    async def wait(hang: bool) -> Awaitable[str] | str:
        if hang:
            await asyncio.Event().wait()
        return "waited"

    box = lmb.LocalToolbox([wait])

    async def both() -> None:
        result = await box.acall(lmb.ToolCall("c", "wait", '{"hang": false}'), context_of())
        assert result.text == "waited"
        task = asyncio.create_task(box.acall(lmb.ToolCall("c", "wait", '{"hang": true}'), context_of()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(both())
    with pytest.raises(UsageError, match="acall"):
        box.call(lmb.ToolCall("c", "wait", '{"hang": false}'), context_of())


def test_half_a_character_in_an_argument_is_a_mark_and_the_rest_arrives() -> None:
    assert ask(plan, '{"city": "Rome \ud83d\ude00 \ud800"}').text == "Rome 😀 \ufffd 1 None"
