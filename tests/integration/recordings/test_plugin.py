"""The pytest plugins in pytest sessions of their own: recording, replaying, and a network that is closed."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.servers.chat import ChatServer, anything

pytestmark = pytest.mark.loopback

HEAD = """
import asyncio
import json
import os
import socket
import threading
from urllib.request import Request, urlopen

import pytest

import llamabot as lmb
from llamabot.testing import ScriptedCompletion

class OverTheWire:
    def __init__(self, key=""):
        self.key = key

    def with_secrets(self, secrets):
        return OverTheWire(secrets.merged_into({})["api_key"])

    def complete(self, request):
        asked = json.dumps({"messages": [message.text for message in request.messages]}).encode()
        url = request.options["api_base"] + "/chat/completions"
        with urlopen(Request(url, asked, {"Authorization": "Bearer " + self.key})) as answer:
            said = json.load(answer)["choices"][0]["message"]["content"]
        return lmb.Completion(lmb.AssistantMessage(said), lmb.FinishReason.STOP)

    def stream(self, request):
        said = self.complete(request).message.text
        yield lmb.CompletionChunk(text=said)
        yield lmb.CompletionChunk(finish_reason=lmb.FinishReason.STOP)

    async def acomplete(self, request):
        return await asyncio.to_thread(self.complete, request)

    def capabilities(self, model):
        return lmb.ModelCapabilities()

def bot(system="Greet.", script=("hi",)):
    return lmb.SimpleBot(system, model="m", completion=ScriptedCompletion(script))
"""
SAID = """
@pytest.mark.llamabot_recording("wire/hello.llamabot.json")
def test_over_the_wire():
    options = {{"api_base": "{api_base}", "api_key": "sk-test-of-the-shop-0123456789"}}
    port = OverTheWire()
    bot = lmb.SimpleBot("Greet.", model="m", completion=port, options=options)
    assert bot("hello").text == "fine"
    with bot.stream("hello again") as events:
        assert "".join(events.text()) == "fine"
    assert asyncio.run(lmb.AsyncSimpleBot(model="m", completion=port, options=options)("hello")).text == "fine"

@pytest.fixture
def greeted():
    return bot(script={script})("hello").text

@pytest.mark.llamabot_recording("fixture.llamabot.json")
def test_from_its_fixtures_on(greeted):
    assert greeted == "hi"

@pytest.mark.llamabot_recording("thread.llamabot.json")
def test_in_a_thread_that_copies_no_context():
    thread = threading.Thread(target=bot(script={script}), args=("hello",))
    thread.start()
    thread.join()

@pytest.mark.parametrize("word", ["a", "b"])
@pytest.mark.llamabot_recording("shared.llamabot.json")
def test_with_others(word):
    assert bot(script={script})(word).text == "hi"

@pytest.mark.llamabot_recording("prompt.llamabot.json")
def test_with_a_prompt():
    assert bot("{prompt}")("hello").text == "hi"

@pytest.mark.llamabot_recording("swallowed.llamabot.json")
def test_that_swallows():
    try:
        bot("{prompt}")("hello")
    except lmb.errors.LlamabotError:
        pass

@pytest.mark.llamabot_recording("failing.llamabot.json")
def test_that_may_fail():
    assert bot()("hello").text == "{expected}"

@pytest.mark.llamabot_recording("nothing.llamabot.json")
def test_without_a_call():
    pass

@pytest.mark.llamabot_recording
def test_without_a_name():
    pass

@pytest.mark.llamabot_recording("one.llamabot.json")
@pytest.mark.llamabot_recording("another.llamabot.json")
def test_with_two_files():
    bot()("hello")

@pytest.mark.llamabot_recording("not_this.llamabot.json")
class TestOf:
    @pytest.mark.llamabot_recording("own.llamabot.json")
    def test_its_own_file(self):
        assert bot()("hello").text == "hi"
"""
REACHING = """
def test_unmarked_reaches():
    socket.create_connection(("127.0.0.1", {port})).close()

def test_unmarked_is_offline():
    assert os.environ["LLAMABOT_OFFLINE"] == "1"

@pytest.mark.enable_socket
def test_marked():
    socket.create_connection(("127.0.0.1", {port})).close()
    assert "LLAMABOT_OFFLINE" not in os.environ
"""
RECORDED = {"test_over_the_wire", "test_from_its_fixtures_on", "test_in_a_thread_that_copies_no_context"}
RECORDED |= {
    "TestOf::test_its_own_file",
    "test_with_others[a]",
    "test_with_others[b]",
    "test_with_a_prompt",
    "test_that_swallows",
}


class Session(msgspec.Struct):
    """A pytest session that has ended."""

    output: str

    def ended(self, how: str) -> set[str]:
        return set(re.findall(rf"^{how} test_it\.py::(\S+)", self.output, re.MULTILINE))


class Project:
    """A folder with one test module."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, source: str, *arguments: str, **words: Any) -> Session:
        self.folder.joinpath("test_it.py").write_text(HEAD + source.format(**words), encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", "-W", "ignore", *arguments]
        ended = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=100, check=False)
        return Session(ended.stdout + ended.stderr)

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted(self.folder.rglob("*.llamabot.json"))}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def server() -> Iterator[ChatServer]:
    with ChatServer() as server:
        server.respond = anything
        yield server


@pytest.fixture(scope="module")
def recorded(project: Project, server: ChatServer) -> Session:
    words = {"prompt": "Greet.", "expected": "hi", "script": ("hi",)}
    return project.run(SAID, "--llamabot-record", api_base=server.api_base, **words)


@pytest.fixture(scope="module")
def replayed(project: Project, server: ChatServer, recorded: Session) -> Session:
    """Replay with models that refuse to be asked, and other prompts."""
    words = {"prompt": "Say hello.", "expected": "hi", "script": ()}
    return project.run(SAID, api_base=server.api_base, **words)


def test_what_is_recorded_is_replayed_and_nobody_is_asked(
    server: ChatServer, recorded: Session, replayed: Session
) -> None:
    assert recorded.ended("PASSED") == RECORDED | {"test_that_may_fail"}
    assert replayed.ended("PASSED") == RECORDED - {"test_with_a_prompt", "test_that_swallows"} | {"test_that_may_fail"}
    assert len(server.exchanges) == 3


def test_a_file_shows_no_key_and_no_address(project: Project, recorded: Session) -> None:
    written = project.files()["hello.llamabot.json"]
    assert b"sk-test" not in written
    assert b"127.0.0.1" not in written


def test_a_miss_shows_the_difference_also_where_it_was_swallowed(recorded: Session, replayed: Session) -> None:
    assert replayed.ended("FAILED") >= {"test_with_a_prompt", "test_that_swallows"}
    for line in (
        "prompt.llamabot.json has no answer to what is asked",
        "swallowed.llamabot.json has no answer to what is asked",
        '-   "content": "Greet.",',
        '+   "content": "Say hello.",',
    ):
        assert line in replayed.output


def test_what_cannot_be_used_is_said_before_the_test_begins(recorded: Session, replayed: Session) -> None:
    assert recorded.ended("FAILED") == {"test_without_a_call"}
    assert "nothing was recorded into nothing.llamabot.json: the test made no call" in recorded.output
    assert recorded.ended("ERROR") == {"test_without_a_name", "test_with_two_files"}
    assert replayed.ended("ERROR") == {"test_without_a_name", "test_with_two_files", "test_without_a_call"}
    for said in (recorded, replayed):
        assert (
            "test_with_two_files is marked 2 times with @pytest.mark.llamabot_recording: one.llamabot.json and "
            "another.llamabot.json. A test has one file: keep one mark, or make two tests of it"
        ) in said.output
    assert '@pytest.mark.llamabot_recording("refund.llamabot.json") names the file' in replayed.output
    assert "record it: pytest --llamabot-record" in replayed.output


def test_recorded_anew_from_elsewhere_the_files_are_the_same_and_a_failing_test_writes_none(
    project: Project, recorded: Session, replayed: Session
) -> None:
    before = project.files()
    with ChatServer() as other:
        other.respond = anything
        words = {"prompt": "Greet.", "expected": "something else", "script": ("hi",)}
        again = project.run(SAID, "--llamabot-record", api_base=other.api_base, **words)
    assert len(other.exchanges) == 3
    assert "test_that_may_fail" in again.ended("FAILED")
    assert "failing.llamabot.json is left as it was" in again.output
    assert project.files() == before


def test_files_are_not_written_from_several_processes(project: Project) -> None:
    assert "record without -n" in project.run("", "--llamabot-record", "-n2").output


@pytest.mark.parametrize(
    ("setting", "failing"),
    [
        (None, "test_unmarked_reaches"),
        ("loopback", None),
        ("open", "test_unmarked_is_offline"),
    ],
)
def test_the_network_is_closed_unless_it_is_opened(
    project: Project, server: ChatServer, setting: str | None, failing: str | None
) -> None:
    arguments = ["-o", f"llamabot_network={setting}"] if setting else []
    port = int(server.url.rpartition(":")[2])
    session = project.run(REACHING, *arguments, port=port)
    assert session.ended("FAILED") == ({failing} if failing else set())
    assert len(session.ended("PASSED")) == (2 if failing else 3)
    assert ("the network is" in session.output) == (setting != "open")


def test_a_setting_that_is_none_is_refused(project: Project) -> None:
    output = project.run("", "-o", "llamabot_network=on").output
    assert "llamabot_network = on: it is one of closed, loopback, open" in output
