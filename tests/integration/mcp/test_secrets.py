"""Headers, keys and what addresses hide reach the server, and nothing else: no repr, no error, no log."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.mcp.asking import ODD, ask, lines, served
from tests.servers.loopback import refusing_port

import llamabot as lmb
from llamabot.ports.errors import LlamabotError

KEY, WRONG = "sk-a1b2c3d4e5", "sk-f6g7h8i9j0"


@pytest.fixture(autouse=True)
def _nothing_is_told(caplog: pytest.LogCaptureFixture) -> Any:
    caplog.set_level(logging.INFO)  # at DEBUG the HTTP library's own wire log shows headers, as it does to everybody
    yield
    messages = [record.getMessage() for record in caplog.get_records("call")]
    assert [message for message in messages if KEY in message or WRONG in message] == []


def told(box: lmb.McpToolbox) -> str:
    """Return all that is shown of a toolbox that fails."""
    with pytest.raises(LlamabotError) as caught:
        box.tools()
    result = ask(box, "add", a=1)
    assert result.is_error
    return "".join([repr(box), str(box), str(vars(box)), result.text, *traceback.format_exception(caught.value)])


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("guarded") / "journal"


@pytest.fixture(scope="module")
def guarded(journal: Path) -> Iterator[str]:
    """The address of a server that wants the key."""
    with served(TOKEN=KEY, JOURNAL=str(journal)) as address:
        yield address


@pytest.mark.loopback
class TestOverHttp:
    def test_a_header_opens_the_door(self, guarded: str) -> None:
        with lmb.McpToolbox.http(guarded, name="t", headers={"Authorization": f"Bearer {KEY}"}) as box:
            assert ask(box, "add", a=1).text == "2"
            assert KEY not in repr(box)

    def test_a_query_opens_the_door(self, guarded: str, journal: Path) -> None:
        with lmb.McpToolbox.http(f"{guarded}?apiKey={KEY}", name="t") as box:
            assert ask(box, "add", a=1).text == "2"
            assert KEY not in repr(box)
        assert f"POST apiKey={KEY}" in lines(journal)

    def test_a_wrong_key_is_not_told(self, guarded: str) -> None:
        shown = told(lmb.McpToolbox.http(f"{guarded}?apiKey={WRONG}", headers={"X-Whatever": WRONG}))
        assert "headers=" in shown
        assert WRONG not in shown

    def test_credentials_in_an_address_are_not_told(self) -> None:
        with refusing_port() as url:
            shown = told(lmb.McpToolbox.http(url.replace("//", f"//user:{KEY}@") + f"/mcp?key={KEY}"))
        assert "cannot be reached" in shown
        assert KEY not in shown

    def test_an_address_that_is_none_is_not_told_whole(self) -> None:
        with pytest.raises(LlamabotError) as caught:
            lmb.McpToolbox.http(f"htp://user:{KEY}@host/mcp?key={KEY}")
        assert KEY not in str(caught.value)


class TestOfACommand:
    @pytest.mark.parametrize("words", [["--api-key", KEY], [f"--api-key={KEY}"], ["-e", f"API_KEY={KEY}"]])
    def test_an_argument_is_not_shown(self, words: list[str]) -> None:
        assert KEY not in told(lmb.McpToolbox.stdio("no-such-command", *words))

    def test_a_variable_that_the_server_prints_is_taken_out_of_what_it_said_last(self) -> None:
        shown = told(lmb.McpToolbox.stdio(sys.executable, ODD, "exits", env={"DATABASE_PASSWORD": KEY}))
        assert "cannot open the database with [secret]" in shown
        assert KEY not in shown

    def test_a_variable_of_ours_does_not_reach_the_server(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DATABASE_PASSWORD", KEY)
        with pytest.raises(LlamabotError, match="cannot open the database with None"):
            lmb.McpToolbox.stdio(sys.executable, ODD, "exits").tools()
