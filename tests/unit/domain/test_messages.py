"""What people write becomes messages; nothing is guessed, nothing broken is let in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import llamabot as lmb
from llamabot.domain.messages import closed, to_messages
from llamabot.ports.errors import UsageError
from llamabot.ports.messages import ToolMessage
from llamabot.ports.tools import ToolCall

PNG = b"\x89PNG\r\n\x1a\n...."


def test_each_string_is_one_message_of_the_user() -> None:
    assert to_messages("a", ["b", ("c",)]) == (lmb.user("a"), lmb.user("b"), lmb.user("c"))


def test_an_image_joins_the_strings_beside_it() -> None:
    picture = lmb.image(data=PNG)
    assert to_messages("what is this?", picture) == (lmb.user("what is this?", picture),)
    assert to_messages("a", lmb.assistant("b"), "c", picture) == (
        lmb.user("a"),
        lmb.assistant("b"),
        lmb.user("c", picture),
    )


def test_messages_keep_their_order_and_their_roles() -> None:
    said = [lmb.system("s"), lmb.developer("d"), lmb.user("u"), lmb.assistant("a"), ToolMessage("t", call_id="1")]
    assert to_messages(said) == tuple(said)


@pytest.mark.parametrize("wrong", [1, None, b"bytes", {"role": "user"}, {"a set"}, (part for part in "ab")])
def test_what_is_no_message_is_refused_by_its_type(wrong: Any) -> None:
    with pytest.raises(UsageError, match=type(wrong).__name__):
        to_messages("hi", wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        lmb.UserMessage(5),  # type: ignore[arg-type]  # the mistake
        lmb.SystemMessage(None),  # type: ignore[arg-type]  # the mistake
        lmb.AssistantMessage(("a",)),  # type: ignore[arg-type]  # the mistake
        lmb.UserMessage((lmb.Text(5),)),  # type: ignore[arg-type]  # the mistake
        lmb.Text(b"a"),  # type: ignore[arg-type]  # the mistake
    ],
)
def test_a_message_made_by_hand_of_something_else_is_refused(wrong: Any) -> None:
    with pytest.raises(UsageError, match="a message holds text and images"):
        to_messages(wrong)


def test_a_list_that_holds_itself_is_refused() -> None:
    endless: list[Any] = ["a"]
    endless.append(endless)
    with pytest.raises(UsageError, match="holds itself"):
        to_messages(endless)


@pytest.mark.parametrize("text", ["plot.png", "https://example.org/plot.png", "file:///etc/passwd", "/etc/passwd"])
def test_a_string_is_text_whatever_it_looks_like(text: str) -> None:
    assert lmb.user(text).content == text
    assert to_messages(text) == (lmb.UserMessage(text),)


@pytest.mark.parametrize(
    "broken",
    [
        "half \ud83d",
        ["fine", "half \ud83d"],
        lmb.user("look", lmb.image(data=PNG), "half \ud83d"),
        lmb.system("half \ud83d"),
        lmb.AssistantMessage("fine", reasoning="half \ud83d"),
        lmb.AssistantMessage(tool_calls=(ToolCall("1", "search", "half \ud83d"),)),
        lmb.AssistantMessage(provider_data={"signature": "half \ud83d"}),
        ToolMessage("fine", call_id="half \ud83d"),
    ],
)
def test_half_a_character_is_refused_and_the_mend_is_told(broken: Any) -> None:
    with pytest.raises(UsageError, match=r"lone surrogate.* position 5.*mend it with"):
        to_messages(broken)


def test_a_mended_text_is_accepted() -> None:
    assert to_messages("half \ud83d".encode("utf-8", "replace").decode()) == (lmb.user("half ?"),)


class TestImages:
    @pytest.mark.parametrize(
        ("data", "media_type"),
        [
            (PNG, "image/png"),
            (b"\xff\xd8\xff\xe0", "image/jpeg"),
            (b"GIF89a", "image/gif"),
            (b"GIF87a", "image/gif"),
            (b"BM....", "image/bmp"),
            (b"RIFF....WEBPVP8 ", "image/webp"),
        ],
    )
    def test_the_first_bytes_tell_the_kind(self, data: bytes, media_type: str) -> None:
        assert lmb.image(data=data) == lmb.Image(data=data, media_type=media_type)

    def test_a_file_is_read_when_the_image_is_made(self, tmp_path: Path) -> None:
        file = tmp_path / "plot.png"
        file.write_bytes(PNG)
        picture = lmb.image(file)
        file.unlink()
        assert picture == lmb.image(data=PNG)

    def test_an_address_is_not_opened(self) -> None:
        assert lmb.image(url="https://example.org/a.png") == lmb.Image(url="https://example.org/a.png")
        told = lmb.image(url="https://example.org/a", media_type="image/png")
        assert told == lmb.Image(url="https://example.org/a", media_type="image/png")

    @pytest.mark.parametrize("sources", [{}, {"url": "a", "data": b"b"}, {"path": "p", "url": "u"}])
    def test_there_is_exactly_one_source(self, sources: dict[str, Any]) -> None:
        with pytest.raises(UsageError, match="exactly one"):
            lmb.image(**sources)

    def test_a_file_that_is_not_there_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"nowhere\.png.*No such file"):
            lmb.image(tmp_path / "nowhere.png")

    @pytest.mark.parametrize("source", [PNG, 3, "https://example.org/a.png", "nul\0"])
    def test_what_is_no_path_is_told_where_it_goes(self, source: Any) -> None:
        with pytest.raises(UsageError, match=r"image\(url=…\), bytes as image\(data=…\)") as caught:
            lmb.image(source)
        assert "https:/e" not in str(caught.value)

    @pytest.mark.parametrize(
        ("source", "told"),
        [
            ({"data": "text"}, "data= is bytes, not str"),
            ({"url": b"https://example.org"}, "url= is an address, not bytes"),
            ({"url": ""}, "url= is empty"),
            ({"data": b"x", "media_type": 5}, "media_type= is text such as image/png, not int"),
        ],
    )
    def test_a_source_of_the_wrong_kind_is_refused(self, source: dict[str, Any], told: str) -> None:
        with pytest.raises(UsageError, match=re.escape(told)):
            lmb.image(**source)

    @pytest.mark.parametrize("data", [b"", b"plain text"])
    def test_bytes_that_are_no_picture_are_refused(self, data: bytes) -> None:
        with pytest.raises(UsageError, match="media_type="):
            lmb.image(data=data)
        assert lmb.image(data=data, media_type="image/x").data == data

    def test_a_picture_does_not_fill_the_screen(self) -> None:
        assert repr(lmb.image(data=PNG)) == "Image(12 bytes, image/png)"


class TestJson:
    @pytest.mark.parametrize(
        "junk",
        [
            "",
            "null",
            "{}",
            '{"role": "king"}',
            '{"role": "user", "content": 7}',
            '{"role": "user", "content": [{"type": "film"}]}',
            '{"role": "user", "content": [{"type": "image", "data": "%%%"}]}',
            "[" * 100_000,
            '{"role": "assistant", "provider_data": ' + "[" * 100_000,
            '{"role": "assistant", "provider_data": {"a": ' + "[" * 100_000 + "]" * 100_000 + "}}",
            '"\ud800"',
            b"\xff\xfe",
            b"\x80",
        ],
    )
    def test_junk_is_refused_clearly(self, junk: str | bytes) -> None:
        with pytest.raises(UsageError, match="not a message in JSON"):
            lmb.from_json(junk)

    @pytest.mark.parametrize("junk", [None, 7, {"role": "user"}])
    def test_what_is_no_json_text_is_refused_clearly(self, junk: Any) -> None:
        with pytest.raises(UsageError, match="not a message in JSON"):
            lmb.from_json(junk)

    @pytest.mark.parametrize("broken", [lmb.user("\ud83d"), lmb.AssistantMessage(provider_data={"f": print})])
    def test_a_message_that_json_cannot_hold_is_refused_clearly(self, broken: lmb.Message) -> None:
        with pytest.raises(UsageError, match="no form in JSON"):
            lmb.to_json(broken)

    @pytest.mark.parametrize("wrong", ["text", None, [lmb.user("a")], {"role": "user"}])
    def test_what_is_no_message_is_not_written(self, wrong: Any) -> None:
        with pytest.raises(UsageError, match=f"one message, not {type(wrong).__name__}"):
            lmb.to_json(wrong)


def test_a_message_shows_its_text() -> None:
    message = lmb.user("look", lmb.image(data=PNG), "there")
    assert str(message) == message.text == "look\nthere"
    assert f"{message:>12}|" == "  look\nthere|"


@pytest.mark.parametrize("wrong", [b"bytes", None, ["a", "b"], lmb.user("in a message")])
def test_a_message_is_made_of_strings_and_images(wrong: Any) -> None:
    with pytest.raises(UsageError, match=type(wrong).__name__):
        lmb.user("a", wrong)


@pytest.mark.parametrize("answered", ["", "a", "ab", "abc"])
def test_a_transcript_that_is_closed_answers_each_call_once(answered: str) -> None:
    calls = tuple(ToolCall(name, "look", "{}") for name in "abc")
    begun: tuple[lmb.Message, ...] = (lmb.system("s"), lmb.user("u"), lmb.AssistantMessage(tool_calls=calls))
    answers = tuple(ToolMessage(f"seen {name}", call_id=name) for name in "abc")
    *_, last = answers
    told = closed((*begun, *answers[: len(answered)]), {"c": last})
    assert told[:3] == begun
    assert [message.call_id for message in told[3:] if isinstance(message, ToolMessage)] == ["a", "b", "c"]
    assert [message.is_error for message in told[3:] if isinstance(message, ToolMessage)] == [
        name not in f"{answered}c" for name in "abc"
    ]
