"""What is promised of what a completion port sends, and that it passes on what comes while it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from llamabot.ports.completion import Completion, CompletionChunk, CompletionRequest
from llamabot.ports.messages import AssistantMessage, Message, UserMessage
from llamabot.testing.contracts import sending
from llamabot.testing.contracts.answers import AnyCompletionContract
from llamabot.testing.contracts.contract import needs
from llamabot.testing.contracts.pace import Pace

__all__ = ["SendingPromises"]


class SendingPromises(AnyCompletionContract):
    """The tests of what an adapter passes on: of a request, and of a stream as it comes."""

    def whole(self, port: Any, request: CompletionRequest) -> Completion:
        """Return the answer to a request, asked for as a whole."""
        raise NotImplementedError

    def fragments(
        self, port: Any, request: CompletionRequest, heard: Callable[[CompletionChunk], object] = bool
    ) -> list[CompletionChunk]:
        """Return the answer to a request, asked for as a stream; each fragment is told to `heard` as it comes."""
        raise NotImplementedError

    def sent_for(self, **changes: Any) -> Iterator[Any]:
        """Yield what a port sends for a request, asked for as a whole and as a stream, as plain values."""
        port, request = self.make(), msgspec.structs.replace(self.request(), **changes)
        self.whole(port, request)
        yield sending.plain(self.sent(port))
        if self.supports("streaming"):
            self.fragments(port, request)
            yield sending.plain(self.sent(port))

    @needs("sending")
    def test_sends_every_message_once_and_in_order(self) -> None:
        said = [message for message in sending.TALK if isinstance(message, UserMessage | AssistantMessage)]
        for sent in self.sent_for(messages=sending.TALK):
            assert {message.text: sending.count(sent, message.text) for message in said} == {
                message.text: 1 for message in said
            }
            assert sending.in_order(sent, [message.text for message in said])
            for message in said:
                sending.check_role(sent, message)

    @needs("sending", "system")
    def test_sends_instructions_in_no_other_name(self) -> None:
        for sent in self.sent_for(messages=sending.TALK):
            assert sending.count(sent, sending.INSTRUCTION) == 1
            sending.check_role(sent, sending.TALK[0])

    @needs("sending", "tools")
    def test_sends_calls_and_results(self) -> None:
        for sent in self._sent_with_calls():
            for call in sending.CALLS:
                assert sending.has(sent, call.name, *_words_of(call.arguments)), f"{call} is not sent"
            assert sending.in_order(sent, [message.text for message in (*sending.RESULTS, sending.USED_TOOLS[-1])])
            for result in sending.RESULTS:
                assert sending.count(sent, result.text) == 1
                sending.check_role(sent, result)

    @needs("sending", "tools", "call_ids")
    def test_sends_each_result_under_the_id_of_its_call(self) -> None:
        for sent in self._sent_with_calls():
            for index, (call, result) in enumerate(zip(sending.CALLS, sending.RESULTS, strict=True)):
                other, another = sending.CALLS[1 - index], sending.RESULTS[1 - index]
                elsewhere = (other.id, *_words_of(other.arguments), another.text)
                sending.check_apart(sent, (call.id, call.name, *_words_of(call.arguments)), elsewhere)
                sending.check_apart(sent, (call.id, result.text), elsewhere)

    @needs("sending", "images")
    def test_sends_pictures_and_the_text_around_them(self) -> None:
        for sent in self.sent_for(messages=sending.PICTURED):
            assert sending.has(sent, *sending.IMAGES), "not every picture is sent"
            assert sending.in_order(sent, ["This sack,", "or that?", "That.", "Why?"])

    @needs("sending", "tools")
    def test_offers_every_tool_and_says_how_it_may_be_chosen(self) -> None:
        for sent in self.sent_for(tools=sending.TOOLS):
            for tool in sending.TOOLS:
                assert sending.has(sent, tool.name, tool.description), f"the tool {tool.name} is not offered"
            assert min(sending.count(sent, word) for word in ("sack", "spelt")) >= 2, "parameters are not sent"
        ways = {choice: self._sent_whole(tools=sending.TOOLS, tool_choice=choice) for choice in _CHOICES}
        alike = [(one, other) for one in ways for other in ways if one < other and ways[one] == ways[other]]
        assert not alike, f"the same is sent for these choices of tools: {alike}"

    @needs("sending", "settings")
    def test_sends_the_settings_and_options(self) -> None:
        for sent in self.sent_for(temperature=0.25, max_tokens=37, options={"seed": 4711}):
            lacking = [number for number in (0.25, 37, 4711) if not sending.has(sent, number)]
            assert not lacking, f"of temperature, max_tokens and options these are not sent: {lacking}"

    @needs("sending", "settings")
    def test_tells_a_temperature_of_nought_from_none(self) -> None:
        noughts, nones = [*self.sent_for(temperature=0.0)], [*self.sent_for(temperature=None)]
        for nought, none in zip(noughts, nones, strict=True):
            assert not sending.values_named(none, "temperature"), "a temperature is sent that was not given"
            assert nought != none, "the temperature 0 is not sent"

    @needs("sending", "settings")
    def test_sends_the_schema_of_an_answer_where_it_is_taken(self) -> None:
        if self.make().capabilities(self.request().model).output_schema:
            for sent in self.sent_for(output=sending.SCHEMA):
                assert sending.has(sent, "sack", "spelt"), "the schema is not sent"

    @needs("sending", "settings")
    def test_sends_nothing_of_an_earlier_request(self) -> None:
        port, later = self.make(), self.request()
        full = {"temperature": 0.25, "max_tokens": 37, "options": {"seed": 4711}, "messages": sending.TALK}
        tools = {"tools": sending.TOOLS} if self.supports("tools") else {}
        self.whole(port, msgspec.structs.replace(later, **full, **tools))
        self.whole(port, later)
        sent = sending.plain(self.sent(port))
        kept = [
            one for one in (0.25, 37, 4711, sending.INSTRUCTION, sending.TOOLS[0].description) if sending.has(sent, one)
        ]
        assert not kept, f"this was asked before, and is sent once more: {kept}"

    @needs("sending", "repeatable")
    def test_gives_the_vendor_its_own_fields_back(self) -> None:
        port, asked = self.make(), self.request()
        answer = self.whole(port, asked).message
        messages: tuple[Message, ...] = (*asked.messages, answer, UserMessage("Go on."))
        self.whole(port, msgspec.structs.replace(asked, messages=messages))
        sent = sending.plain(self.sent(port))
        lost = [text for text in sending.texts_in(answer.provider_data) if not sending.has(sent, text)]
        assert not lost, f"of provider_data this does not go back: {lost}"

    @needs("live", "streaming")
    def test_passes_fragments_on_as_they_come(self) -> None:
        pace = Pace(("One ", "after ", "the ", "other."))
        try:
            self.fragments(self.make_live(pace), self.request(), pace.hear)
        finally:
            pace.end()
        assert pace.kept_back is None, f"{pace.kept_back!r} had come, and was kept back until more came"

    def _sent_with_calls(self) -> Iterator[Any]:
        return self.sent_for(messages=sending.USED_TOOLS, tools=sending.TOOLS)

    def _sent_whole(self, **changes: Any) -> Any:
        return next(self.sent_for(**changes))


_CHOICES = ("auto", "required", "none", "weigh")


def _words_of(arguments: str) -> list[str]:
    """Return the values of a call's arguments, which some vendors take as JSON text and some as an object."""
    return [*msgspec.json.decode(arguments, type=dict[str, str]).values()]
