"""Which files of a folder are ingested."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.integration.ingest.files import ids_of, write

import llamabot as lmb
from llamabot.ports.errors import UsageError
from llamabot.testing import InMemoryDocStore


def test_several_folders_and_files_stay_apart(store: InMemoryDocStore) -> None:
    write({"x/papers/a.md": "a", "x/papers/b.md": "b", "notes/a.md": "a", "y/papers/a.md": "other"})
    lmb.ingest(["x/papers", "notes"], docstore=store)
    lmb.ingest({"other papers": "y/papers"}, docstore=store)
    assert ids_of(store) == ["notes/a.md", "other papers/a.md", "papers/a.md", "papers/b.md"]
    Path("notes/a.md").unlink()
    Path("x/papers/b.md").unlink()
    assert lmb.ingest(Path("notes"), docstore=store).removed == ("notes/a.md",)
    assert lmb.ingest("x/papers/a.md", docstore=store).removed == ()
    assert ids_of(store) == ["other papers/a.md", "papers/a.md", "papers/b.md"]


def test_two_folders_of_one_name_are_refused_before_anything_is_lost(store: InMemoryDocStore) -> None:
    write({"x/papers/a.md": "a", "y/papers/b.md": "b"})
    with pytest.raises(UsageError, match=r"are both called 'papers'.* name this one: {"):
        lmb.ingest(["x/papers", "y/papers"], docstore=store)
    lmb.ingest("x/papers", docstore=store)
    with pytest.raises(UsageError, match=r"x/papers and .*y/papers are both called 'papers'"):
        lmb.ingest("y/papers", docstore=store)
    assert ids_of(store) == ["papers/a.md"]


def test_a_folder_that_was_moved_is_the_same_folder(store: InMemoryDocStore) -> None:
    write({"x/papers/a.md": "a", "y/z": ""})
    lmb.ingest("x/papers", docstore=store)
    Path("x/papers").rename("y/papers")
    assert lmb.ingest("y/papers", docstore=store).unchanged == ("papers/a.md",)


def test_a_file_is_read_whatever_the_rules_say_of_it(store: InMemoryDocStore) -> None:
    write({"papers/.gitignore": "*.md", "papers/a.md": "a", "papers/.hidden.md": "b", "papers/c.png": "GIF89a"})
    report = lmb.ingest(["papers/a.md", "papers/.hidden.md", "papers/c.png"], docstore=store)
    assert report.added == ("papers/.hidden.md", "papers/a.md")
    assert [failure.source for failure in report.failed] == ["papers/c.png"]


@pytest.mark.parametrize("path", ["missing", "round", "nul\0"])
def test_a_path_that_leads_nowhere_is_refused_and_nothing_is_removed(store: InMemoryDocStore, path: str) -> None:
    write({"papers/a.md": "a"})
    Path("round").symlink_to("round")
    lmb.ingest("papers", docstore=store)
    with pytest.raises(UsageError, match="cannot be ingested"):
        lmb.ingest(["papers", path], docstore=store)
    assert ids_of(store) == ["papers/a.md"]


@pytest.mark.parametrize("name", ["", " ", "a/b"])
def test_a_name_that_would_be_mistaken_for_a_path_is_refused(store: InMemoryDocStore, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be a folder's name"):
        lmb.ingest({name: "."}, docstore=store)


def test_no_link_is_followed_and_what_it_leads_to_in_the_folder_is_read_once(store: InMemoryDocStore) -> None:
    write({"papers/in/a.md": "a", "outside/secret.md": "secret", "papers/.git/config.md": "a", "papers/.env": "KEY=1"})
    for link, target in {
        "file.md": "../outside/secret.md",
        "folder": "../outside",
        "self": ".",
        "a.md": "in/a.md",
    }.items():
        Path("papers", link).symlink_to(target)
    os.mkfifo("papers/pipe.md")
    Path("link").symlink_to("papers")
    report = lmb.ingest("link", docstore=store)
    assert ids_of(store) == ["papers/in/a.md"]
    assert report.failed == ()
    assert report.left_out == ("papers/a.md", "papers/file.md", "papers/folder", "papers/self")


def test_environments_of_installed_packages_are_left_out_whatever_they_are_called(store: InMemoryDocStore) -> None:
    write({"work/env/pyvenv.cfg": "", "work/env/lib/a.py": "a", "work/.venv/b.py": "b", "work/c.py": "c"})
    assert lmb.ingest("work", docstore=store).added == ("work/c.py",)


RULES = {
    "repo/.git/HEAD": "",
    "repo/.gitignore": "_build/\n*.log\n/data\n!\n",
    "repo/docs/.gitignore": "!keep.log\ndraft*\n!draft-1.md",
    "repo/docs/a.md": "a",
    "repo/docs/_build/b.md": "b",
    "repo/docs/c.log": "c",
    "repo/docs/keep.log": "d",
    "repo/docs/draft-1.md": "e",
    "repo/docs/draft-2.md": "f",
    "repo/data/g.md": "g",
    "repo/docs/data/h.md": "h",
    ".gitignore": "*",
}


def test_the_ignore_files_of_the_repository_count_below_it_and_none_from_beyond_it(store: InMemoryDocStore) -> None:
    write(RULES)
    lmb.ingest("repo/docs", docstore=store)
    assert ids_of(store) == ["docs/a.md", "docs/data/h.md", "docs/draft-1.md", "docs/keep.log"]


def test_who_names_an_ignored_folder_means_it(store: InMemoryDocStore) -> None:
    write(RULES)
    lmb.ingest(["repo/data", "repo/docs/_build"], docstore=store)
    assert ids_of(store) == ["_build/b.md", "data/g.md"]


def test_ignore_files_that_cannot_be_read_are_no_rules(store: InMemoryDocStore) -> None:
    write({"papers/a.md": "a", "papers/in/b.md": "b", "papers/in2/c.md": "c", "everything": "*"})
    os.mkfifo("papers/.gitignore")
    Path("papers/in/.gitignore").symlink_to("../../everything")
    Path("papers/in2/.gitignore").write_bytes(b"\xff\xfe\n\\\n")
    assert len(lmb.ingest("papers", docstore=store).added) == 3


@pytest.mark.parametrize(
    ("glob", "chosen"),
    [
        ("**/*.md", "a.md in/b.md"),
        ("*.md", "a.md in/b.md"),
        ("/*.md", "a.md"),
        ("in/", "in/b.md in/c.txt"),
        (["*.txt", "/a.md"], "a.md in/c.txt"),
        ("!*.txt", "a.md in/b.md"),
        (["*", "!*.txt", "!in"], "a.md"),
        ("*.pdf", ""),
    ],
)
def test_a_pattern_chooses_among_the_files(store: InMemoryDocStore, glob: str | list[str], chosen: str) -> None:
    write({"papers/a.md": "a", "papers/in/b.md": "b", "papers/in/c.txt": "c"})
    lmb.ingest("papers", docstore=store, glob=glob)
    assert ids_of(store) == [f"papers/{name}" for name in chosen.split()]


def test_a_folder_that_cannot_be_looked_into_keeps_its_documents(tmp_path: Path, store: InMemoryDocStore) -> None:
    # Its path grows too long by a move, which keeps even an administrator out.
    deep = Path("papers", *["x" * 240] * 15)
    write({"papers/a.md": "a", str(deep / "b.md"): "b"})
    known = lmb.ingest("papers", docstore=store).added
    Path("y" * 240, "z" * 240).mkdir(parents=True)
    Path("papers").rename(Path("y" * 240, "z" * 240, "papers"))
    report = lmb.ingest(Path("y" * 240, "z" * 240, "papers"), docstore=store)
    assert ids_of(store) == sorted(known)
    assert report.removed == ()
    assert [failure.reason for failure in report.failed] == ["cannot be looked into: File name too long"]
    assert report.failed[0].source.endswith("x/")
