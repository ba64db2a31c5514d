"""Folders as they are: several, linked, ignored, closed, interrupted."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest
from tests.pdfs import pdf

import llamabot as lmb
from llamabot.ports.errors import DocStoreError, UsageError
from llamabot.testing import InMemoryDocStore


def _write(files: dict[str, str]) -> None:
    for name, content in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(content)


def _ids(store: InMemoryDocStore) -> list[str]:
    return [known.id for known in store.known()]


@pytest.fixture
def store() -> InMemoryDocStore:
    return InMemoryDocStore()


class Loader(lmb.FileLoader):
    """Notes what it parses, and may do something between looking at a file and parsing it."""

    def __init__(self) -> None:
        super().__init__()
        self.parsed: list[str] = []
        self.before_parsing = lambda path: None

    def load(self, path: Path, *, source: str) -> tuple[lmb.Document, ...]:
        self.parsed.append(source)
        self.before_parsing(path)
        return super().load(path, source=source)


def test_what_is_found_is_cited_by_folder_page_and_heading(store: InMemoryDocStore) -> None:
    _write({"papers/a.md": "# Linkers\n\nmold is quick."})
    Path("papers/b.pdf").write_bytes(pdf(["nothing", "lld is another linker"]))
    report = lmb.ingest("papers/", docstore=store)
    assert report.added == ("papers/a.md", "papers/b.pdf")
    assert str(report) == "2 added, 0 changed, 0 unchanged, 0 removed, 0 failed, 0 left out"
    places = {str(match.passage.place) for match in store.search("linkers mold lld")}
    assert places == {"papers/a.md, Linkers", "papers/b.pdf, p. 1"}


def test_a_file_that_cannot_be_read_is_named_and_the_rest_goes_on(store: InMemoryDocStore) -> None:
    _write({"papers/a.md": "a", "papers/b.md": "", "papers/c.md": "c", "papers/photo.png": "not tried"})
    report = lmb.ingest("papers", docstore=store)
    assert report.added == ("papers/a.md", "papers/c.md")
    assert [str(failure) for failure in report.failed] == ["papers/b.md: it is empty"]
    assert report.left_out == ("papers/photo.png",)


def test_what_cannot_be_read_any_more_stays_as_it_was(store: InMemoryDocStore) -> None:
    _write({"papers/a.md": "words"})
    lmb.ingest("papers", docstore=store)
    _write({"papers/a.md": "\0"})
    assert [failure.source for failure in lmb.ingest("papers", docstore=store).failed] == ["papers/a.md"]
    assert [match.passage.text for match in store.search("words")] == ["words"]


def test_unchanged_files_are_not_parsed(store: InMemoryDocStore) -> None:
    _write({"papers/a.md": "a", "papers/b.csv": "text\none\ntwo\n"})
    loader = Loader()
    lmb.ingest("papers", docstore=store, loader=loader)
    os.utime("papers/a.md", (0, 0))
    report = lmb.ingest(["papers", "papers/a.md"], docstore=store, loader=loader)
    assert report.unchanged == ("papers/a.md", "papers/b.csv")
    assert loader.parsed == ["papers/a.md", "papers/b.csv"]


def test_other_settings_of_the_loader_read_all_anew(store: InMemoryDocStore) -> None:
    _write({"papers/b.csv": "text,body\none,two\n"})
    lmb.ingest("papers", docstore=store)
    assert lmb.ingest("papers", docstore=store, loader=lmb.FileLoader(text_column="body")).changed == ("papers/b.csv",)
    assert [match.passage.text for match in store.search("two")] == ["two"]


class Plain:
    """A loader as somebody writes it in a minute, who leaves out of a document what may be left out."""

    def fingerprint(self, path: Path, *, source: str) -> str:
        return f"{path.name}: {path.read_text()}"

    def load(self, path: Path, *, source: str) -> tuple[lmb.Document, ...]:
        return (lmb.Document(id=source, text=path.read_text()),)


def test_a_loader_of_ones_own_keeps_a_store_in_step_too(store: InMemoryDocStore) -> None:
    _write({"papers/a.md": "a: one", "papers/b.md": "b"})
    assert lmb.ingest("papers", docstore=store, loader=Plain()).added == ("papers/a.md", "papers/b.md")
    assert [known.source for known in store.known()] == ["papers/a.md", "papers/b.md"]
    assert lmb.ingest("papers", docstore=store, loader=Plain()).unchanged == ("papers/a.md", "papers/b.md")
    _write({"papers/a.md": "a: two"})
    Path("papers/b.md").unlink()
    report = lmb.ingest("papers", docstore=store, loader=Plain())
    assert (report.changed, report.removed, store.count()) == (("papers/a.md",), ("papers/b.md",), 1)


def test_several_folders_and_files_stay_apart(store: InMemoryDocStore) -> None:
    _write({"x/papers/a.md": "a", "x/papers/b.md": "b", "notes/a.md": "a", "y/papers/a.md": "other"})
    lmb.ingest(["x/papers", "notes"], docstore=store)
    lmb.ingest({"other papers": "y/papers"}, docstore=store)
    assert _ids(store) == ["notes/a.md", "other papers/a.md", "papers/a.md", "papers/b.md"]
    Path("notes/a.md").unlink()
    Path("x/papers/b.md").unlink()
    assert lmb.ingest(Path("notes"), docstore=store).removed == ("notes/a.md",)
    assert lmb.ingest("x/papers/a.md", docstore=store).removed == ()
    assert _ids(store) == ["other papers/a.md", "papers/a.md", "papers/b.md"]


def test_two_folders_of_one_name_are_refused_before_anything_is_lost(store: InMemoryDocStore) -> None:
    _write({"x/papers/a.md": "a", "y/papers/b.md": "b"})
    with pytest.raises(UsageError, match=r"are both called 'papers'.* name this one: {"):
        lmb.ingest(["x/papers", "y/papers"], docstore=store)
    lmb.ingest("x/papers", docstore=store)
    with pytest.raises(UsageError, match=r"x/papers and .*y/papers are both called 'papers'"):
        lmb.ingest("y/papers", docstore=store)
    assert _ids(store) == ["papers/a.md"]


def test_a_folder_that_was_moved_is_the_same_folder(store: InMemoryDocStore) -> None:
    _write({"x/papers/a.md": "a", "y/z": ""})
    lmb.ingest("x/papers", docstore=store)
    Path("x/papers").rename("y/papers")
    assert lmb.ingest("y/papers", docstore=store).unchanged == ("papers/a.md",)


def test_a_file_is_read_whatever_the_rules_say_of_it(store: InMemoryDocStore) -> None:
    _write({"papers/.gitignore": "*.md", "papers/a.md": "a", "papers/.hidden.md": "b", "papers/c.png": "GIF89a"})
    report = lmb.ingest(["papers/a.md", "papers/.hidden.md", "papers/c.png"], docstore=store)
    assert report.added == ("papers/.hidden.md", "papers/a.md")
    assert [failure.source for failure in report.failed] == ["papers/c.png"]


@pytest.mark.parametrize("path", ["missing", "round", "nul\0"])
def test_a_path_that_leads_nowhere_is_refused_and_nothing_is_removed(store: InMemoryDocStore, path: str) -> None:
    _write({"papers/a.md": "a"})
    Path("round").symlink_to("round")
    lmb.ingest("papers", docstore=store)
    with pytest.raises(UsageError, match="cannot be ingested"):
        lmb.ingest(["papers", path], docstore=store)
    assert _ids(store) == ["papers/a.md"]


@pytest.mark.parametrize("name", ["", " ", "a/b"])
def test_a_name_that_would_be_mistaken_for_a_path_is_refused(store: InMemoryDocStore, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be a folder's name"):
        lmb.ingest({name: "."}, docstore=store)


def test_no_link_is_followed_and_what_it_leads_to_in_the_folder_is_read_once(store: InMemoryDocStore) -> None:
    _write({"papers/in/a.md": "a", "outside/secret.md": "secret", "papers/.git/config.md": "a", "papers/.env": "KEY=1"})
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
    assert _ids(store) == ["papers/in/a.md"]
    assert report.failed == ()
    assert report.left_out == ("papers/a.md", "papers/file.md", "papers/folder", "papers/self")


def test_environments_of_installed_packages_are_left_out_whatever_they_are_called(store: InMemoryDocStore) -> None:
    _write({"work/env/pyvenv.cfg": "", "work/env/lib/a.py": "a", "work/.venv/b.py": "b", "work/c.py": "c"})
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
    _write(RULES)
    lmb.ingest("repo/docs", docstore=store)
    assert _ids(store) == ["docs/a.md", "docs/data/h.md", "docs/draft-1.md", "docs/keep.log"]


def test_who_names_an_ignored_folder_means_it(store: InMemoryDocStore) -> None:
    _write(RULES)
    lmb.ingest(["repo/data", "repo/docs/_build"], docstore=store)
    assert _ids(store) == ["_build/b.md", "data/g.md"]


def test_ignore_files_that_cannot_be_read_are_no_rules(store: InMemoryDocStore) -> None:
    _write({"papers/a.md": "a", "papers/in/b.md": "b", "papers/in2/c.md": "c", "everything": "*"})
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
    _write({"papers/a.md": "a", "papers/in/b.md": "b", "papers/in/c.txt": "c"})
    lmb.ingest("papers", docstore=store, glob=glob)
    assert _ids(store) == [f"papers/{name}" for name in chosen.split()]


def test_a_folder_that_cannot_be_looked_into_keeps_its_documents(tmp_path: Path, store: InMemoryDocStore) -> None:
    # Its path grows too long by a move, which keeps even an administrator out.
    deep = Path("papers", *["x" * 240] * 15)
    _write({"papers/a.md": "a", str(deep / "b.md"): "b"})
    known = lmb.ingest("papers", docstore=store).added
    Path("y" * 240, "z" * 240).mkdir(parents=True)
    Path("papers").rename(Path("y" * 240, "z" * 240, "papers"))
    report = lmb.ingest(Path("y" * 240, "z" * 240, "papers"), docstore=store)
    assert _ids(store) == sorted(known)
    assert report.removed == ()
    assert [failure.reason for failure in report.failed] == ["cannot be looked into: File name too long"]
    assert report.failed[0].source.endswith("x/")


def test_ctrl_c_keeps_what_was_added(store: InMemoryDocStore) -> None:
    _write({f"papers/{number}.md": f"{number} " * 15_000 for number in range(6)})
    loader = Loader()

    def stop(progress: lmb.IngestProgress) -> None:
        if progress.source == "papers/5.md":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lmb.ingest("papers", docstore=store, loader=loader, progress=stop)
    kept = _ids(store)
    assert kept == [f"papers/{number}.md" for number in range(4)]
    loader.parsed.clear()
    assert lmb.ingest("papers", docstore=store, loader=loader).unchanged == tuple(kept)
    assert loader.parsed == ["papers/4.md", "papers/5.md"]


class Breaking(InMemoryDocStore):
    """Fails where it is told to."""

    broken = ""

    def remove(self, ids: Iterable[str]) -> int:
        if self.broken == "remove":
            raise DocStoreError("the disk is full")
        return super().remove(ids)


def test_a_table_that_was_left_half_way_is_mended_by_the_next_time() -> None:
    store = Breaking()
    _write({"papers/a.csv": "text\none\ntwo\n"})
    lmb.ingest("papers", docstore=store)
    _write({"papers/a.csv": "text\nthree\n"})
    store.broken = "remove"
    with pytest.raises(DocStoreError):
        lmb.ingest("papers", docstore=store)
    store.broken = ""
    assert lmb.ingest("papers", docstore=store).changed == ("papers/a.csv",)
    assert _ids(store) == ["papers/a.csv#1"]


def test_a_file_that_changes_while_it_is_read_is_read_again_the_next_time(store: InMemoryDocStore) -> None:
    _write({"papers/a.md": "before"})
    loader = Loader()
    loader.before_parsing = lambda path: path.write_text("between")
    lmb.ingest("papers", docstore=store, loader=loader)
    _write({"papers/a.md": "before"})
    loader.before_parsing = lambda path: None
    lmb.ingest("papers", docstore=store, loader=loader)
    _write({"papers/a.md": "between"})
    assert lmb.ingest("papers", docstore=store, loader=loader).changed == ("papers/a.md",)
    assert [match.passage.text for match in store.search("between")] == ["between"]


def test_tells_how_far_it_is(store: InMemoryDocStore) -> None:
    _write({"papers/a.md": "12345", "papers/b.md": "", "papers/c.md": "c" * 60_000, "papers/d.md": "d"})
    told: list[lmb.IngestProgress] = []
    lmb.ingest("papers", docstore=store, progress=told.append)
    assert told == [
        lmb.IngestProgress("papers/a.md", 0, 4, 0, 60_006),
        lmb.IngestProgress("papers/b.md", 0, 4, 0, 60_006),  # the first is not in the store yet
        lmb.IngestProgress("papers/c.md", 1, 4, 0, 60_006),
        lmb.IngestProgress("papers/d.md", 3, 4, 60_005, 60_006),
        lmb.IngestProgress("", 4, 4, 60_006, 60_006),
    ]


def test_a_store_that_is_put_in_force_takes_the_place_of_the_given_one(store: InMemoryDocStore) -> None:
    _write({"papers/a.md": "a"})
    with lmb.override(docstore=store):
        lmb.ingest("papers", docstore=InMemoryDocStore())
    assert store.count() == 1


def test_says_what_is_missing_where_there_is_no_store_or_one_that_cannot_say_what_it_has() -> None:
    with pytest.raises(UsageError, match="a store is missing"):
        lmb.ingest(".")
    with pytest.raises(UsageError, match=r"object cannot say what it has: .* a method `known`"):
        lmb.ingest(".", docstore=object())  # type: ignore[arg-type]  # that is the mistake
