"""LiteLLM is loaded at the first call, in silence, beside the event loop, and fetches nothing."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from tests.servers.chat import ChatServer, anything

ROOT = Path(__file__).parents[3]
HEADER = """
import asyncio, sys, threading
from llamabot.adapters.litellm import LiteLLMCompletion
from llamabot.ports.assembly import assemble
from llamabot.ports.completion import CompletionRequest
from llamabot.ports.messages import UserMessage
port = LiteLLMCompletion({"api_base": sys.argv[1], "api_key": "sk-test"})
request = CompletionRequest("openai/llama-3-scripted", (UserMessage("hi"),), timeout_s=20.0)
async def acollect():
    return assemble([chunk async for chunk in port.astream(request)])
"""


def run(script: str, *arguments: str, flags: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run a script in an interpreter of its own that has loaded nothing yet."""
    return subprocess.run(
        [sys.executable, *flags, "-c", HEADER + textwrap.dedent(script), *(arguments or ("http://127.0.0.1:9",))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_loads_nothing_heavy_until_it_is_asked() -> None:
    done = run(
        """
        port.with_secrets(port._secrets)
        port.stream(request)
        print({"litellm", "openai", "httpx", "pydantic", "aiohttp"} & set(sys.modules) or "nothing")
        """
    )
    assert (done.stdout, done.stderr) == ("nothing\n", "")


@pytest.mark.loopback
def test_loads_beside_the_event_loop_says_nothing_fetches_nothing_and_ends_without_a_warning(
    server: ChatServer,
) -> None:
    server.respond = anything
    done = run(
        """
        import logging, msgspec, os, socket
        logging.basicConfig(filename=os.devnull, level=logging.DEBUG)  # who wants all in a file gets nothing elsewhere
        resolve = socket.getaddrinfo
        def only_loopback(host, *question, **more):
            assert host in (None, "127.0.0.1"), host
            return resolve(host, *question, **more)
        socket.getaddrinfo = only_loopback
        loaders = set()
        class Watch:
            def find_spec(self, name, path=None, target=None):
                if name.partition(".")[0] in ("litellm", "openai", "tiktoken_ext"):
                    loaders.add(threading.current_thread().name)
        sys.meta_path.insert(0, Watch())
        asyncio.run(port.acomplete(request))
        asyncio.run(acollect())
        assert loaders and "MainThread" not in loaders, loaders
        port.complete(request)
        assemble(port.stream(request))
        for wrong in ("nonsense/model", "huggingface/x/y", "vertex_ai/gemini"):
            try:
                port.complete(msgspec.structs.replace(request, model=wrong))
            except Exception as error:
                assert type(error).__module__.startswith("llamabot"), error
        """,
        server.api_base,
        flags=("-W", "error::ResourceWarning", "-W", "error::RuntimeWarning"),
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len(server.exchanges) >= 4


def test_names_the_line_that_installs_it_and_looks_for_it_beside_the_event_loop() -> None:
    done = run(
        """
        lookers = []
        class Absent:
            def find_spec(self, name, path=None, target=None):
                if name.partition(".")[0] == "litellm":
                    lookers.append(threading.current_thread().name)
                    raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        sys.meta_path.insert(0, Absent())
        for ask in (lambda request: asyncio.run(port.acomplete(request)), lambda request: asyncio.run(acollect()),
                    port.complete, lambda request: assemble(port.stream(request))):
            lookers.clear()
            try:
                ask(request)
            except Exception as error:
                print("MainThread" in lookers, type(error).__name__, error.extra, error)
        print(port.capabilities("openai/gpt-4o").output_schema)
        """
    )
    told = 'MissingExtra litellm litellm is not installed; mend it with: pip install "llamabot[litellm]"'
    assert done.stdout.splitlines() == [f"False {told}"] * 2 + [f"True {told}"] * 2 + ["None"]
    assert done.stderr == ""


@pytest.mark.loopback
def test_is_loaded_at_the_next_call_where_ctrl_c_met_the_first(server: ChatServer) -> None:
    server.respond = anything
    done = run(
        """
        import gc, signal
        gc.disable()  # looking for garbage in what two imports leave takes as long as one of them
        class CtrlC:
            def find_spec(self, name, path=None, target=None):
                if name == "litellm.llms.anthropic.chat.handler":
                    sys.meta_path.remove(self)
                    signal.raise_signal(signal.SIGINT)
        sys.meta_path.insert(0, CtrlC())
        try:
            port.complete(request)
        except KeyboardInterrupt:
            print(port.complete(request).message.text)
        gc.freeze()
        """,
        server.api_base,
    )
    assert (done.stdout, done.stderr) == ("fine\n", "")


@pytest.mark.loopback
def test_leaves_what_somebody_else_has_set(server: ChatServer) -> None:
    server.respond = anything
    done = run(
        """
        import logging, os
        os.environ["LITELLM_MODE"] = "DEV"
        logging.getLogger("LiteLLM").setLevel(logging.ERROR)
        import litellm
        client = litellm.module_level_client.client
        from litellm.integrations.custom_logger import CustomLogger
        heard, texts = [], set()
        class Listener(CustomLogger):
            def log_success_event(self, *told, **named):
                heard.append("sync")
            async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
                heard.append("async")
                texts.add((kwargs["stream"], response_obj.choices[0].message.content))
        litellm.callbacks = [Listener()]
        port.complete(request)
        async def ask_and_wait():
            await port.acomplete(request)
            await acollect()
            await asyncio.sleep(0.5)
        asyncio.run(ask_and_wait())
        print(os.environ["LITELLM_MODE"], logging.getLogger("LiteLLM").level == logging.ERROR, sorted(set(heard)))
        print(sorted(texts))
        import gc
        gc.freeze()  # the end comes sooner
        print(client.follow_redirects, type(client._transport._pool._network_backend).__module__)
        """,
        server.api_base,
    )
    assert (done.stdout, done.stderr) == (
        "DEV True ['async', 'sync']\n[(False, 'fine'), (True, 'fine')]\nFalse llamabot.adapters.litellm.deadline\n",
        "",
    )
