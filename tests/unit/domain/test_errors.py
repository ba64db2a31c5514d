"""Errors survive a pickle, say what happened and carry what the run had reached."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.property.ways import WAYS

import llamabot as lmb
from llamabot.ports import errors
from llamabot.ports.errors import Attempt, LlamabotError
from llamabot.testing import InMemoryRecorder, ScriptedCompletion, strategies

KINDS = [kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, LlamabotError)]
ATTRIBUTES = {
    "attempts": (Attempt("text", "error"),),
    "extra": "litellm",
    "limit": "deadline_s",
    "partial": lmb.assistant("par"),
    "retry_after_s": 2.5,
    "status_code": 429,
}


def _full(kind: type[LlamabotError]) -> LlamabotError:
    """Return an error of a kind with all of its attributes set."""
    parameters = inspect.signature(kind.__init__).parameters
    error = kind("what happened", **{name: value for name, value in ATTRIBUTES.items() if name in parameters})
    error.run_id, error.usage = "run-1", lmb.Usage(3, 4)
    error.messages = (lmb.user("look", lmb.image(data=b"BM..")), lmb.assistant("yes"))
    return error


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
class TestEveryKind:
    @pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
    def test_comes_back_from_a_pickle_with_all_it_carries(self, kind: type[LlamabotError], protocol: int) -> None:
        error = _full(kind)
        copied = pickle.loads(pickle.dumps(error, protocol))  # noqa: S301 - made just now
        assert type(copied) is kind
        assert str(copied) == "what happened"
        assert vars(copied) == vars(error)

    def test_can_be_copied_and_built_from_its_message_alone(self, kind: type[LlamabotError]) -> None:
        assert vars(copy.copy(_full(kind))) == vars(_full(kind))
        bare = kind("only this")
        assert (str(bare), bare.run_id, bare.messages, bare.usage) == ("only this", None, (), None)

    def test_is_public_and_in_the_tree(self, kind: type[LlamabotError]) -> None:
        assert kind.__name__ in errors.__all__
        assert kind.__name__ in (errors.__doc__ or "")
        assert (kind.__doc__ or "").strip()


@given(behaviour=strategies.port_errors(), way=st.sampled_from(list(WAYS)))
def test_an_error_out_of_a_bot_comes_back_from_a_pickle(behaviour: LlamabotError, way: str) -> None:
    kind: Any = lmb.AsyncSimpleBot if "async" in way else lmb.SimpleBot
    bot = kind("S.", completion=ScriptedCompletion([behaviour]), recorder=InMemoryRecorder())
    with pytest.raises(type(behaviour)) as caught:
        WAYS[way](bot, ("?",))
    error = caught.value
    assert error.messages == (lmb.system("S."), lmb.user("?"))
    assert vars(pickle.loads(pickle.dumps(error))) == vars(error)  # noqa: S301 - made just now


def test_who_must_act_tells_the_branch() -> None:
    assert issubclass(errors.UnknownArgument, TypeError)
    assert issubclass(errors.MissingExtra, errors.ConfigurationError)
    assert errors.RateLimited("x").retryable
    assert not errors.AuthenticationFailed("x").retryable
    branches = (errors.UsageError, errors.PortError, errors.BotError, errors.RunPaused)
    for kind in KINDS:
        if kind is not LlamabotError:
            assert sum(issubclass(kind, branch) for branch in branches) == 1


def test_a_missing_extra_names_the_line_that_installs_it() -> None:
    error = errors.MissingExtra.for_package("litellm", "litellm")
    assert 'pip install "llamabot[litellm]"' in str(error)
    assert error.extra == "litellm"


def test_the_error_of_an_inner_run_keeps_its_own_run() -> None:
    """A bot inside of another's port: who reads the error wants the run that failed."""
    recorder = InMemoryRecorder()
    inner = lmb.SimpleBot(
        completion=ScriptedCompletion([errors.ProviderUnavailable("down")]), recorder=recorder, name="inner"
    )
    outer = lmb.SimpleBot(
        completion=ScriptedCompletion([lambda request: inner("?").text]), recorder=recorder, name="outer"
    )
    with pytest.raises(errors.ProviderUnavailable) as caught:
        outer("?")
    assert {run.bot: run.run_id for run in recorder.runs()}["inner"] == caught.value.run_id
    assert {run.bot: str(run.status) for run in recorder.runs()} == {"inner": "failed", "outer": "failed"}


def test_a_result_comes_back_from_a_pickle() -> None:
    result = lmb.SimpleBot("S.", completion=ScriptedCompletion(["yes"]), recorder=InMemoryRecorder()).run("?")
    assert pickle.loads(pickle.dumps(result)) == result  # noqa: S301 - made just now


def test_a_mistake_in_a_core_fails_the_run_and_passes_as_it_is() -> None:
    class Mistaken(lmb.SimpleBot):
        def _core(self, call: Any) -> Any:
            yield from super()._core(call)
            raise ZeroDivisionError

    recorder = InMemoryRecorder()
    with pytest.raises(ZeroDivisionError):
        Mistaken(completion=ScriptedCompletion(["yes"]), recorder=recorder)("?")
    (run,) = recorder.runs()
    assert run.error is not None
    assert (str(run.status), run.error.type) == ("failed", "builtins.ZeroDivisionError")


def test_an_error_that_is_raised_twice_is_written_on_once_each() -> None:
    error = errors.ProviderUnavailable("down")
    bot = lmb.SimpleBot(completion=ScriptedCompletion([error, error]), recorder=InMemoryRecorder())
    run_ids = set()
    for _ in range(2):
        with pytest.raises(errors.ProviderUnavailable) as caught:
            bot("?")
        run_ids.add(caught.value.run_id)
    assert len(run_ids) == 2
    assert error.run_id is None
