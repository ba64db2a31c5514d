"""What a call gives: results in words, and errors that go back to the model."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from pathlib import Path

import pytest
from tests.integration.mcp.asking import aask, ask, bare, context, eventually, is_alive, lines, odd, the_call

import llamabot as lmb


class TestAResult:
    def test_is_the_text_of_the_tool(self, box: lmb.McpToolbox) -> None:
        result = ask(box, "add", a=2, b=3)
        assert (result.call_id, result.text, result.is_error, result.ends_run) == ("c", "5", False, False)

    def test_keeps_a_default_that_was_left_out(self, box: lmb.McpToolbox) -> None:
        assert ask(box, "add", a=2).text == "3"

    def test_has_no_argument_that_was_not_given(self, box: lmb.McpToolbox) -> None:
        assert ask(box, "given", arguments={"a": None}).text == "{'a': None}"
        assert ask(box, "given", arguments={}).text == "{}"

    def test_is_data_as_json_where_there_is_no_text(self, box: lmb.McpToolbox) -> None:
        assert ask(box, "only_data").text == '{"celsius":[21.5,null]}'

    def test_says_that_there_is_nothing(self, box: lmb.McpToolbox) -> None:
        assert ask(box, "nothing").text == "(the tool returned nothing)"

    def test_names_what_is_no_text(self, box: lmb.McpToolbox) -> None:
        assert ask(box, "mixed").text.splitlines() == [
            "first",
            "[image, image/png, 3 bytes; it cannot be shown here]",
            "[audio, audio/wav, 6 bytes; it cannot be shown here]",
            "[resource 'log' at file:///log.txt, text/plain]",
            "a note",
            "[resource at blob://1, 3 bytes; it cannot be shown here]",
            "last",
        ]

    def test_may_be_long(self, box: lmb.McpToolbox) -> None:
        assert ask(box, "large", letters=5_000_000).text == "x" * 5_000_000


class TestAnError:
    def test_of_a_tool_goes_back_to_the_model(self, box: lmb.McpToolbox) -> None:
        result = ask(box, "fail")
        assert result.is_error
        assert "fail" in result.text

    def test_names_the_tools_if_there_is_none_of_that_name(self, box: lmb.McpToolbox) -> None:
        result = ask(box, "subtract")
        assert result.is_error
        assert "no tool 't__subtract'; there are t__add, " in result.text

    def test_of_arguments_that_do_not_fit_says_which(self, box: lmb.McpToolbox) -> None:
        result = ask(box, "add", a="two")
        assert result.is_error
        assert "integer" in result.text

    @pytest.mark.parametrize("text", ["{", '{"a": 1', "[1]", "1", "null", '"a"', "{'a': 1}", '{"a": NaN}', "{} x"])
    def test_of_arguments_that_are_no_object_asks_the_server_nothing(self, text: str) -> None:
        box = odd("silent")  # to ask it would take long
        result = ask(box, "add", text)
        assert result.is_error
        assert "JSON" in result.text

    @pytest.mark.parametrize("depth", [260, 900, 5_000])
    def test_of_arguments_too_deep_leaves_the_server_as_it_was(self, box: lmb.McpToolbox, depth: int) -> None:
        before = ask(box, "process").text
        assert ask(box, "given", '{"arguments": {"a": ' + "[" * depth + "]" * depth + "}}").is_error
        assert ask(box, "given", '{"arguments": {"a": "\\ud800"}}').is_error
        assert ask(box, "process").text == before

    def test_is_told_after_the_time_for_a_call_and_the_server_is_told_too(self, journal: Path) -> None:
        with bare(journal=journal, timeout_s=0.3) as box:
            result = ask(box, "sleep", seconds=60)
            assert result.is_error
            assert "no answer within 0.3 s" in result.text
            eventually(lambda: "cancelled" in lines(journal))
            assert ask(box, "add", a=1).text == "2"


class TestNoArguments:
    @pytest.mark.parametrize("text", ["", "{}"])
    def test_may_be_written_as_nothing(self, box: lmb.McpToolbox, text: str) -> None:
        assert ask(box, "nothing", text).is_error is False


class TestAServerThatIsKilled:
    def test_in_the_middle_of_a_call_is_told_to_the_model_and_started_anew_for_the_next(self) -> None:
        with bare() as box:
            first = ask(box, "process").text
            result = ask(box, "die")
            assert result.is_error
            assert "ended" in result.text
            again = ask(box, "process")
            assert not again.is_error
            assert again.text != first

    def test_takes_all_the_calls_in_flight_with_it_and_none_hangs(self) -> None:
        async def calls(box: lmb.McpToolbox) -> list[bool]:
            pid = int((await aask(box, "process")).text)
            sleeping = [asyncio.create_task(aask(box, "sleep", seconds=60)) for _ in range(20)]
            await asyncio.sleep(0.3)
            os.kill(pid, signal.SIGKILL)
            return [result.is_error for result in await asyncio.gather(*sleeping)]

        with bare() as box:
            assert asyncio.run(asyncio.wait_for(calls(box), 20)) == [True] * 20

    def test_between_two_runs_is_started_anew_unseen(self) -> None:
        with bare() as box:
            before = box.tools()
            pid = int(ask(box, "process").text)
            os.kill(pid, signal.SIGKILL)
            eventually(lambda: not is_alive(pid))
            assert box.tools() == before
            assert ask(box, "add", a=1).text == "2"


class TestBothColours:
    def test_say_the_same(self, box: lmb.McpToolbox) -> None:
        async def asked(box: lmb.McpToolbox) -> list[object]:
            return [await aask(box, "add", a=1), await aask(box, "fail"), await aask(box, "subtract")]

        assert asyncio.run(asked(box)) == [ask(box, "add", a=1), ask(box, "fail"), ask(box, "subtract")]

    def test_have_their_own_answers_two_hundred_at_once(self, box: lmb.McpToolbox) -> None:
        async def asked(box: lmb.McpToolbox) -> list[str]:
            tasks = [aask(box, "echo", text=str(number), at_once=200) for number in range(200)]
            return [result.text for result in await asyncio.wait_for(asyncio.gather(*tasks), 60)]

        assert asyncio.run(asked(box)) == [str(number) for number in range(200)]

    def test_work_from_many_threads_and_loops_at_once(self) -> None:
        texts: dict[int, list[str]] = {}

        async def asked(box: lmb.McpToolbox, number: int) -> str:
            return (await aask(box, "echo", text=f"a{number}")).text

        def work(box: lmb.McpToolbox, number: int) -> None:
            texts[number] = [ask(box, "echo", text=f"s{number}").text, asyncio.run(asked(box, number))]

        box = bare()  # the first of the threads connects
        threads = [threading.Thread(target=work, args=(box, number)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        pids = {ask(box, "process").text}
        box.close()
        assert texts == {number: [f"s{number}", f"a{number}"] for number in range(8)}
        assert len(pids) == 1

    def test_work_under_a_running_loop(self, box: lmb.McpToolbox) -> None:
        async def notebook() -> str:
            return ask(box, "add", a=1).text

        assert asyncio.run(notebook()) == "2"

    def test_stop_the_server_when_they_are_cancelled(self, journal: Path) -> None:
        async def cancelled(box: lmb.McpToolbox) -> None:
            task = asyncio.create_task(aask(box, "sleep", seconds=60))
            await asyncio.to_thread(eventually, lambda: "slept in" in lines(journal))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        with bare(journal=journal) as box:
            asyncio.run(cancelled(box))
            eventually(lambda: lines(journal)[1:] == ["slept in", "cancelled"])
            assert ask(box, "add", a=1).text == "2"

    def test_stop_the_server_when_the_run_is_cancelled(self, journal: Path) -> None:
        with bare(journal=journal) as box:
            run = context()

            def cancel() -> None:
                eventually(lambda: "slept in" in lines(journal))
                run.cancellation.cancel()

            threading.Thread(target=cancel).start()
            assert box.call(the_call("sleep", {"seconds": 60}), run).is_error
            eventually(lambda: lines(journal)[1:] == ["slept in", "cancelled"])

    def test_connect_when_the_first_call_needs_it(self) -> None:
        box = bare()
        assert asyncio.run(aask(box, "add", a=1)).text == "2"
        asyncio.run(box.aclose())

    def test_tell_the_model_if_there_is_no_server_to_call(self) -> None:
        box = lmb.McpToolbox.stdio("no-such-command")
        for result in ask(box, "add", a=1), asyncio.run(aask(box, "add", a=1)):
            assert result.is_error
            assert "no-such-command" in result.text

    def test_bring_no_server_back_that_was_closed(self) -> None:
        with bare() as box:
            pass
        for result in ask(box, "add", a=1), asyncio.run(aask(box, "add", a=1)):
            assert "was closed" in result.text
        assert box.tools()
        assert ask(box, "add", a=1).text == "2"
        box.close()
