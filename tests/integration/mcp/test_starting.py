"""A server that cannot be used is told at once, in our words, with what mends it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from tests.integration.mcp.asking import ODD, aask, ask, bare, context, eventually, lines, odd, started
from tests.servers.loopback import refusing_port

import llamabot as lmb
from llamabot.ports.errors import ConfigurationError, LlamabotError, ToolboxUnavailable


def refused(box: lmb.McpToolbox) -> LlamabotError:
    """Return the error, which is the same however the server is connected to."""
    with pytest.raises(LlamabotError) as listed:
        box.tools()
    with pytest.raises(LlamabotError) as entered, box:
        pass
    with pytest.raises(LlamabotError) as awaited:
        asyncio.run(_enter(box))
    assert {type(error.value) for error in (entered, awaited)} == {type(listed.value)}
    assert listed.value.__cause__ is None or not isinstance(listed.value.__cause__, BaseExceptionGroup)
    return listed.value


async def _enter(box: lmb.McpToolbox) -> None:
    async with box:
        pass


class TestACommand:
    def test_that_does_not_exist(self) -> None:
        error = refused(lmb.McpToolbox.stdio("no-such-command", "--serve"))
        assert type(error) is ConfigurationError
        assert "'no-such-command …' cannot be started: No such file or directory" in str(error)
        assert "on the PATH" in str(error)

    def test_in_a_folder_that_does_not_exist(self) -> None:
        error = refused(lmb.McpToolbox.stdio(sys.executable, cwd="no/such/folder"))
        assert type(error) is ConfigurationError
        assert "no folder 'no/such/folder'" in str(error)

    def test_that_exits_at_once_shows_the_end_of_its_stderr(self) -> None:
        error = refused(odd("exits"))
        assert type(error) is ToolboxUnavailable
        assert "line 29\ncannot open the database" in str(error)
        assert "line 10\n" not in str(error)

    def test_that_hangs(self) -> None:
        with pytest.raises(ToolboxUnavailable, match=r"within 0\.3 s.*connect_timeout_s="):
            odd("silent", connect_timeout_s=0.3).tools()

    def test_that_writes_something_else_to_its_stdout(self) -> None:
        with pytest.raises(ToolboxUnavailable, match=r"no MCP.*belong on stderr"):
            odd("babbles", connect_timeout_s=0.5).tools()

    def test_that_writes_a_line_in_another_encoding_first_is_forgiven(self) -> None:
        with bare("latin") as box:
            assert ask(box, "add", a=1).text == "2"

    def test_says_nothing_on_the_terminal(self) -> None:
        code = (
            "import sys, llamabot as lmb\n"
            "for what in 'exits', 'babbles':\n"
            f"    box = lmb.McpToolbox.stdio(sys.executable, {ODD!r}, what, connect_timeout_s=0.5)\n"
            "    try: box.tools()\n"
            "    except lmb.errors.ToolboxUnavailable: print('told')\n"
        )
        done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
        assert (done.stdout, done.stderr) == ("told\ntold\n", "")


class TestAnAddress:
    @pytest.mark.parametrize("url", ["", "host/mcp", "htp://host/mcp", "https:///mcp"])
    def test_that_is_none_is_refused_when_the_toolbox_is_made(self, url: str) -> None:
        with pytest.raises(ConfigurationError, match="no address of an MCP server, like https://host/mcp"):
            lmb.McpToolbox.http(url)

    @pytest.mark.loopback
    def test_where_nobody_listens(self) -> None:
        with refusing_port() as url:
            error = refused(lmb.McpToolbox.http(f"{url}/mcp"))
        assert type(error) is ToolboxUnavailable
        assert f"'{url}/mcp' cannot be reached" in str(error)
        assert error.retryable

    @pytest.mark.loopback
    @pytest.mark.parametrize(
        ("status", "kind", "told"),
        [
            (401, ConfigurationError, "headers="),
            (403, ConfigurationError, "headers="),
            (404, ConfigurationError, "the path is /mcp"),
            (405, ConfigurationError, "the path is /mcp"),
            (418, ConfigurationError, "HTTP 418"),
            (500, ToolboxUnavailable, "try again later"),
            (503, ToolboxUnavailable, "try again later"),
        ],
    )
    def test_that_answers_with_an_error(self, status: int, kind: type[LlamabotError], told: str) -> None:
        with _web(status, b"no", "text/plain") as url:
            error = refused(lmb.McpToolbox.http(url))
        assert type(error) is kind
        assert told in str(error)

    @pytest.mark.loopback
    @pytest.mark.parametrize(("body", "kind"), [(b"<html>", "text/html"), (b'{"a": 1}', "application/json")])
    def test_that_speaks_something_else(self, body: bytes, kind: str) -> None:
        with _web(200, body, kind) as url:
            error = refused(lmb.McpToolbox.http(url))
        assert type(error) is ConfigurationError
        assert "does not speak MCP" in str(error)


class _web:  # noqa: N801 - used as a function
    """A web server that gives the same answer to everything."""

    def __init__(self, status: int, body: bytes, kind: str) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> str:
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}/mcp"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class TestAnObject:
    def test_that_is_no_server(self) -> None:
        error = refused(lmb.McpToolbox.server({"mcpServers": {}}))
        assert type(error) is ConfigurationError
        assert "dict is no server of the mcp package" in str(error)


class TestMakingOne:
    def test_connects_to_nothing_and_loads_nothing_heavy(self) -> None:
        code = (
            "import sys, json, threading, llamabot as lmb\n"
            "boxes = [lmb.McpToolbox.stdio('no-such-command'), lmb.McpToolbox.http('http://127.0.0.1:9/mcp')]\n"
            "boxes.append(lmb.McpToolbox.server(object()))\n"
            "heavy = {'mcp', 'mcp_types', 'anyio', 'httpx', 'httpx2', 'pydantic', 'starlette', 'uvicorn'}\n"
            "print(json.dumps([sorted(heavy & set(sys.modules)), threading.active_count()]))\n"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert json.loads(done.stdout) == [[], 1]

    def test_with_an_option_that_does_not_exist_is_refused(self) -> None:
        with pytest.raises(TypeError, match="alow"):
            lmb.McpToolbox.stdio("x", alow=["a"])  # type: ignore[call-arg]  # that is the point

    def test_without_the_package_says_how_to_install_it(self) -> None:
        code = (
            "import sys, llamabot as lmb\n"
            "sys.modules['mcp'] = None\n"
            "try: lmb.McpToolbox.stdio('x').tools()\n"
            "except lmb.errors.MissingExtra as error: print(error.extra, error)\n"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.startswith("mcp ")
        assert 'pip install "llamabot[mcp]"' in done.stdout

    def test_shows_where_its_server_is(self) -> None:
        assert repr(lmb.McpToolbox.stdio("npx", "server", "x")) == "McpToolbox('npx server …')"
        assert repr(lmb.McpToolbox.http("http://h/mcp", name="n")) == "McpToolbox('http://h/mcp', name='n')"


@pytest.mark.loopback
class TestOverHttp:
    def test_offers_and_calls_the_same_tools(self, address: str) -> None:
        with started() as box, lmb.McpToolbox.http(address, name="t") as web:
            assert web.tools() == box.tools()
            assert ask(web, "add", a=1) == ask(box, "add", a=1)
            assert ask(web, "mixed") == ask(box, "mixed")
            assert ask(web, "fail").is_error
            assert ask(web, "large", letters=5_000_000).text == "x" * 5_000_000

    def test_uses_a_session_of_an_older_server_and_ends_it(
        self, serve: Callable[..., tuple[str, Any]], journal: Any
    ) -> None:
        url, _ = serve(old=True)
        with lmb.McpToolbox.http(url, name="t") as web:
            assert ask(web, "large", letters=5_000_000).text == "x" * 5_000_000
        assert "DELETE " in lines(journal)

    def test_answers_two_hundred_calls_at_once(self, address: str) -> None:
        async def asked(box: lmb.McpToolbox) -> list[str]:
            async def one(number: int) -> str:
                call = lmb.ToolCall("c", "t__echo", json.dumps({"text": str(number), "wait_s": 0.3}))
                return (await box.acall(call, context())).text

            async with box:
                return await asyncio.gather(*(one(number) for number in range(200)))

        assert asyncio.run(asked(lmb.McpToolbox.http(address, name="t"))) == [str(number) for number in range(200)]

    def test_answers_a_call_while_many_others_wait(self, address: str) -> None:
        async def asked(box: lmb.McpToolbox) -> str:
            async with box:
                waiting = [asyncio.create_task(aask(box, "sleep", seconds=60)) for _ in range(120)]
                await asyncio.sleep(0.5)
                text = (await asyncio.wait_for(aask(box, "add", a=1), 20)).text
            assert [result.is_error for result in await asyncio.gather(*waiting)] == [True] * 120
            return text

        assert asyncio.run(asked(lmb.McpToolbox.http(address, name="t"))) == "2"

    def test_tells_the_model_when_the_server_is_killed_and_when_it_stays_away(
        self, serve: Callable[..., tuple[str, Any]]
    ) -> None:
        url, server = serve()
        with lmb.McpToolbox.http(url, name="t") as web:
            result = ask(web, "die")
            server.wait()
            assert result.is_error
            result = ask(web, "add", a=1)
            assert result.is_error
            assert "cannot be reached" in result.text

    def test_stops_the_server_when_a_call_takes_too_long(
        self, serve: Callable[..., tuple[str, Any]], journal: Any
    ) -> None:
        url, _ = serve()
        with lmb.McpToolbox.http(url, name="t", timeout_s=0.5) as web:
            assert "no answer within" in ask(web, "sleep", seconds=60).text
            eventually(lambda: "cancelled" in lines(journal))
            assert ask(web, "add", a=1).text == "2"


def test_an_address_is_not_asked_while_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLAMABOT_OFFLINE", "1")
    error = refused(lmb.McpToolbox.http("http://127.0.0.1:9/mcp"))
    assert type(error) is ConfigurationError
    assert "LLAMABOT_OFFLINE" in str(error)
