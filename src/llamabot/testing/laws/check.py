"""`check_bot`: a bot is tried with generated models, law by law."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.errors import FlakyFailure, HypothesisException
from hypothesis.strategies import SearchStrategy

from llamabot.domain.toolset import ToolLike, Toolset, toolboxes_of, tools_in
from llamabot.ports.errors import LlamabotError, UsageError
from llamabot.ports.tools import Tool, ToolSpec
from llamabot.testing.behaviour import Behaviour
from llamabot.testing.laws.alike import alike, few_limits, keeps_limits, now_and_then_limits, replays, valid
from llamabot.testing.laws.broken import Broken, LawBroken
from llamabot.testing.laws.crash import (
    cancellations,
    goes_on_after_a_cancellation,
    goes_on_after_crashes,
    processes,
)
from llamabot.testing.laws.going import Makers
from llamabot.testing.laws.leaks import holds_no_state, meanwhiles
from llamabot.testing.laws.shown import lines_of
from llamabot.testing.laws.trial import Trial
from llamabot.testing.strategies.drawing import by_profile, phases
from llamabot.testing.strategies.fitting import Schema

__all__ = ["LAWS", "check_bot"]


class _Law(NamedTuple):
    """A law, and what befalls a run while it is tried.

    Attributes:
        check: raises `Broken`; its docstring is what the law says.
        befalls: what happens to the run, beside its model.
        loops: models that never come to an end are tried too.
        times: so many times as many examples as others have: there are more places where it may break.
    """

    check: Callable[[Trial, Behaviour, Any], None]
    befalls: Callable[[Trial], SearchStrategy[Any]]
    loops: bool = False
    times: int = 1


_LAWS: Mapping[str, _Law] = {
    "ways": _Law(alike, lambda trial: st.none()),
    "transcripts": _Law(valid, now_and_then_limits, loops=True),
    "limits": _Law(keeps_limits, few_limits, loops=True, times=3),
    "state": _Law(holds_no_state, meanwhiles),
    "crash": _Law(goes_on_after_crashes, processes, times=3),
    "cancel": _Law(goes_on_after_a_cancellation, cancellations, times=3),
    "replay": _Law(replays, lambda trial: st.tuples(trial.way(), trial.colours())),
}
LAWS: Mapping[str, str] = {name: str(law.check.__doc__).partition("\n")[0] for name, law in _LAWS.items()}
"""The laws by name, and what each says."""


def check_bot(
    make_bot: Callable[..., Any],
    make_twin: Callable[..., Any] | None = None,
    *,
    tools: Iterable[ToolLike | Tool | ToolSpec] = (),
    output: Schema | None = None,
    ask: Any = "Go on.",
    laws: Iterable[str] = tuple(_LAWS),
    examples: int = 50,
    not_supported: Mapping[str, str] | None = None,
) -> None:
    """Try a bot with models that hypothesis generates, law by law, and raise the first law that it breaks.

        check_bot(partial(lmb.AgentBot, "You pay back."), partial(lmb.AsyncAgentBot, "You pay back."), tools=[refund])

    A bot is made anew again and again, in worlds of the kit's own, and whatever the model does in them, `LAWS` hold.

    Args:
        make_bot: makes the bot, of either colour, out of keyword arguments that it passes on: `completion`, `recorder`,
            `clock` and `ids`; `tools` if you give any; `memory` and `limits` where a law is about them. What else the
            bot needs (a prompt, a graph, documents, an output) is the function's own affair. It has `run`, `stream`,
            `resume` and `replay`, as every bot of llamabot has.
        make_twin: makes the same bot in the other colour; then the two are compared as well.
        tools: what the bot has: functions, tools, specs, toolboxes. Nothing of them is run: a toolbox that offers the
            same, and answers a call with the call, stands in for them.
        output: JSON schema of the answers that the bot wants, so that models give some that fit.
        ask: what the bot is asked.
        laws: the names of those to try; by default all.
        examples: models for each law, three times as many for those where much depends on when something happens; fewer
            where hypothesis's profile tries fewer than its default of 100.
        not_supported: laws that the bot cannot keep, each with the reason.

    Raises:
        LawBroken: with the law, the smallest model that shows it, and what differed, or what the bot raised
            that is no error of llamabot.
        UsageError: a law that does not exist, or one that is left out without a reason.
    """
    trial = Trial(Makers(make_bot, make_twin), _offered(tools), output, ask)
    for name in _wanted(laws, not_supported or {}):
        _try(name, _LAWS[name], trial, examples)


def _try(name: str, law: _Law, trial: Trial, examples: int) -> None:
    """Search for a model with which a law does not hold."""

    @settings(
        max_examples=by_profile(examples * law.times),
        deadline=None,
        phases=phases(),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(behaviour=trial.behaviours(law.loops), befalls=law.befalls(trial))
    def search(behaviour: Behaviour, befalls: Any) -> None:
        try:
            law.check(trial, behaviour, befalls)
        except Broken as broken:
            raise LawBroken(_told(name, behaviour, befalls, str(broken)), name) from None
        except (LlamabotError, HypothesisException):
            raise
        except Exception as error:
            what = f"the bot raised {type(error).__name__}, which is no error of llamabot: {error}"
            raise LawBroken(_told(name, behaviour, befalls, what), name) from error

    try:
        search()
    except FlakyFailure as flaky:
        raise LawBroken(
            f"{_first(flaky)}\nTried again, it held: something outlives the bot, or is a clock", name
        ) from None


def _told(name: str, behaviour: Behaviour, befalls: Any, what: str) -> str:
    """Return what a law that is broken says: itself, the model, what befell the run, what came of it."""
    told = [f"the law of {name!r}: {LAWS[name]}", "the model: " + "\n".join(lines_of(behaviour))]
    told += [] if befalls is None else ["the run: " + "\n".join(lines_of(befalls))]
    return "\n".join([*told, what])


def _first(flaky: FlakyFailure) -> str:
    """Return what the broken law says that was broken once."""
    return next((str(error) for error in flaky.exceptions if isinstance(error, LawBroken)), str(flaky))


def _offered(tools: Iterable[Any]) -> tuple[Tool, ...]:
    """Return the tools, as a toolbox of the kit's own can offer them."""
    known = [Tool(tool) if isinstance(tool, ToolSpec) else tool for tool in tools]
    plain = [tool for tool in known if isinstance(tool, Tool)]
    given = tools_in([tool for tool in known if not isinstance(tool, Tool)])
    return (*plain, *(Toolset(toolboxes_of(given)).list() if given else ()))


def _wanted(laws: Iterable[str], not_supported: Mapping[str, str]) -> list[str]:
    wanted = list(laws)
    if unknown := [name for name in (*wanted, *not_supported) if name not in _LAWS]:
        raise UsageError(f"there is no law {unknown[0]!r}; there are {', '.join(_LAWS)}")
    if silent := [name for name, reason in not_supported.items() if not str(reason or "").strip()]:
        raise UsageError(f"not_supported[{silent[0]!r}] says no reason: write in words why the bot cannot keep the law")
    return [name for name in wanted if name not in not_supported]
