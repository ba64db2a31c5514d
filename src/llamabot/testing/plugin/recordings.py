"""`@pytest.mark.llamabot_recording("refund.llamabot.json")`: a test whose model answers from a file.

`pytest --llamabot-record` writes the file from what the real model answers. The file is looked for beside the test's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from llamabot.testing import InMemoryRecorder

__all__ = [
    "pytest_addoption",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_runtest_call",
    "pytest_runtest_protocol",
    "pytest_runtest_setup",
]

_MARK = "llamabot_recording"
_MOST_RUNS, _MOST_BYTES = 100_000, 2**30


class _Use(Protocol):
    """What a test does with its file."""

    def ports(self) -> AbstractContextManager[None]:
        """Return a block in which bots find their ports replaced."""

    def begin(self) -> None:
        """Fail the test before it begins, if it cannot be run."""

    def end(self, item: pytest.Item, *, passed: bool) -> None:
        """Do what is to be done after the test."""


_USE = pytest.StashKey[_Use]()
_RECORDERS = pytest.StashKey[dict[Path, list["InMemoryRecorder"]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    group = parser.getgroup("llamabot")
    group.addoption(
        "--llamabot-record", action="store_true", help="ask the real models, and write the recordings of marked tests"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known.

    Raises:
        pytest.UsageError: it is to be recorded in several processes, which would overwrite each other's files.
    """
    config.addinivalue_line("markers", f"{_MARK}(path): models answer from this file, which --llamabot-record writes")
    config.stash[_RECORDERS] = {}
    if _records(config) and (hasattr(config, "workerinput") or getattr(config.option, "numprocesses", None)):
        raise pytest.UsageError("--llamabot-record writes files that tests share: record without -n")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Open the network to tests that record."""
    for item in items if _records(config) else ():
        if item.get_closest_marker(_MARK):
            item.add_marker(pytest.mark.enable_socket)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[Any]:
    """Replace ports from the test's fixtures on."""
    if item.get_closest_marker(_MARK) is None:
        return (yield)
    use = item.stash[_USE] = _use(item)
    with use.ports():
        return (yield)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail a test that has no recording."""
    if use := item.stash.get(_USE, None):
        use.begin()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[Any]:
    """Write what was recorded, or fail a test that has asked in vain, also if it took no notice."""
    use = item.stash.get(_USE, None)
    if use is None:
        return (yield)
    try:
        result = yield
    except BaseException:
        use.end(item, passed=False)
        raise
    use.end(item, passed=True)
    return result


def _records(config: pytest.Config) -> bool:
    return bool(config.getoption("--llamabot-record"))


def _use(item: pytest.Item) -> _Use:
    if several := _several(item):
        return _Unusable(several)
    path = _path(item)
    if path is None:
        return _Unusable(f'@pytest.mark.{_MARK}("refund.llamabot.json") names the file')
    return _Recorded(path, item.config.stash[_RECORDERS]) if _records(item.config) else _Replayed(path)


def _several(item: pytest.Item) -> str:
    """Return what is wrong where a test, or its class, is marked twice: which file counts would be a guess."""
    nearest, marks = None, []
    for node, mark in item.iter_markers_with_node(_MARK):
        nearest = nearest or node
        marks += [mark] if node is nearest else []
    if len(marks) < 2:
        return ""
    files = " and ".join(str(mark.args[0]) if mark.args else "nothing" for mark in reversed(marks))
    return (
        f"{nearest.name if nearest else item.name} is marked {len(marks)} times with @pytest.mark.{_MARK}: {files}. "
        "A test has one file: keep one mark, or make two tests of it"
    )


def _path(item: pytest.Item) -> Path | None:
    mark = item.get_closest_marker(_MARK)
    named = mark.args[0] if mark and mark.args else None
    return item.path.parent / named if isinstance(named, str | Path) else None


class _Unusable:
    """A mark that is not understood, or a file that cannot be read."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def ports(self) -> AbstractContextManager[None]:
        from llamabot.ports.provider import override_everywhere

        return override_everywhere()

    def begin(self) -> None:
        pytest.fail(self._reason, pytrace=False)

    def end(self, item: pytest.Item, *, passed: bool) -> None: ...


class _Replayed:
    def __init__(self, path: Path) -> None:
        from llamabot.ports.errors import LlamabotError
        from llamabot.testing.recordings import Recording

        self._problem: str | None = None
        try:
            self._recording = Recording(path)
        except LlamabotError as error:
            self._problem = f"{error}\nrecord it: pytest --llamabot-record"

    def ports(self) -> AbstractContextManager[None]:
        from llamabot.ports.provider import override_everywhere

        return override_everywhere() if self._problem else override_everywhere(completion=self._recording.completion)

    def begin(self) -> None:
        if self._problem:
            pytest.fail(self._problem, pytrace=False)

    def end(self, item: pytest.Item, *, passed: bool) -> None:
        if not self._recording.missed:
            return
        if passed:
            pytest.fail(self._recording.missed[0], pytrace=False)
        item.add_report_section("call", "llamabot recording", self._recording.missed[0])


class _Recorded:
    """A recording in the making.

    Args:
        path: of the file.
        recorders: of all tests so far, by their file: tests that share one are written together.
    """

    def __init__(self, path: Path, recorders: dict[Path, list[InMemoryRecorder]]) -> None:
        from llamabot.testing import InMemoryRecorder

        self._path = path
        self._recorder = InMemoryRecorder(_MOST_RUNS, _MOST_BYTES)
        self._recorders = recorders.setdefault(path, [])

    def ports(self) -> AbstractContextManager[None]:
        from llamabot.ports.provider import override_everywhere

        return override_everywhere(observer=self._recorder)

    def begin(self) -> None: ...

    def end(self, item: pytest.Item, *, passed: bool) -> None:
        from llamabot.testing.recordings import write_recording

        if not passed:
            item.add_report_section("call", "llamabot recording", f"{self._path.name} is left as it was")
            return
        if next(self._recorder.runs(), None) is None:
            pytest.fail(f"nothing was recorded into {self._path.name}: the test made no call", pytrace=False)
        self._recorders.append(self._recorder)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_recording(self._path, self._recorders)
