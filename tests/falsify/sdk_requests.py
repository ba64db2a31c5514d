"""Adapters of a vendor's client that send something else than they were asked, with one bug each."""

from __future__ import annotations

from typing import Any

from tests.falsify.plain_completion import replaced
from tests.falsify.plain_sdk import Json, Sdk, SdkCompletion, SdkHooks
from tests.falsify.wrong import wrong

from llamabot.ports.completion import CompletionRequest
from llamabot.ports.messages import AssistantMessage, Message, Part, SystemMessage, Text, ToolMessage
from llamabot.testing.contracts import AsyncCompletionContract, CompletionContract

sync = wrong(SdkHooks, CompletionContract)
awaited = wrong(SdkHooks, AsyncCompletionContract)


@sync
class NoughtIsNotGiven(SdkCompletion):
    """Leaves a temperature of 0 out, for it asks whether there is one by its truth."""

    def body(self, request: CompletionRequest, *, stream: bool) -> Json:
        return super().body(replaced(request, temperature=request.temperature or None), stream=stream)


@sync
class TemperatureOfItsOwn(SdkCompletion):
    """Sends 0.7 where no temperature is given."""

    def body(self, request: CompletionRequest, *, stream: bool) -> Json:
        return {"temperature": 0.7, **super().body(request, stream=stream)}


@sync
class LimitNotStreamed(SdkCompletion):
    """Leaves the most tokens out of what it streams, where the body is written a second time."""

    def body(self, request: CompletionRequest, *, stream: bool) -> Json:
        return super().body(replaced(request, max_tokens=None) if stream else request, stream=stream)


@sync
class OptionsDropped(SdkCompletion):
    """Passes on only the options that it knows."""

    def body(self, request: CompletionRequest, *, stream: bool) -> Json:
        known = {name: value for name, value in request.options.items() if name in ("stop", "top_p")}
        return super().body(replaced(request, options=known), stream=stream)


@sync
class OptionsKept(SdkCompletion):
    """Gathers options in a dict of its own, as a default argument does: they are sent with the next request too."""

    def __init__(self, client: Sdk) -> None:
        super().__init__(client)
        self.extra: Json = {}

    def body(self, request: CompletionRequest, *, stream: bool) -> Json:
        self.extra.update(request.options)
        return super().body(replaced(request, options=self.extra), stream=stream)


@sync
class InstructionsAsTheUser(SdkCompletion):
    """Says the instructions in the user's name."""

    def turn(self, message: Message) -> Json:
        turn = super().turn(message)
        return {**turn, "role": "user"} if isinstance(message, SystemMessage) else turn


@sync
class InstructionsForgotten(SdkCompletion):
    """Takes the system message out, to send it in a field of its own, and forgets the field."""

    def body(self, request: CompletionRequest, *, stream: bool) -> Json:
        messages = tuple(message for message in request.messages if not isinstance(message, SystemMessage))
        return super().body(replaced(request, messages=messages), stream=stream)


@sync
class LastWordTwice(SdkCompletion):
    """Sends the history, which ends with the question, and the question once more."""

    def body(self, request: CompletionRequest, *, stream: bool) -> Json:
        return super().body(replaced(request, messages=request.messages + request.messages[-1:]), stream=stream)


@sync
class ResultsUnderTheName(SdkCompletion):
    """Answers calls by the name of the first call's tool, not by their ids."""

    def body(self, request: CompletionRequest, *, stream: bool) -> Json:
        body = super().body(request, stream=stream)
        names = [call["name"] for turn in body["messages"] for call in turn.get("tool_calls") or ()]
        answered = [{**turn, "answers": names[0]} if "answers" in turn else turn for turn in body["messages"]]
        return {**body, "messages": answered}


@sync
class ResultsInReverse(SdkCompletion):
    """Takes the ids of the calls off a stack, so that results of one turn are under each other's ids."""

    def body(self, request: CompletionRequest, *, stream: bool) -> Json:
        body = super().body(request, stream=stream)
        ids = [call["id"] for turn in body["messages"] for call in turn.get("tool_calls") or ()]
        turns = [{**turn, "answers": ids.pop()} if "answers" in turn and ids else turn for turn in body["messages"]]
        return {**body, "messages": turns}


@sync
class CallsWithoutText(SdkCompletion):
    """Sends an assistant's message as its text, and its calls not at all."""

    def turn(self, message: Message) -> Json:
        return super().turn(AssistantMessage(message.text) if isinstance(message, AssistantMessage) else message)


@sync
class ResultsAsInstructions(SdkCompletion):
    """Says results of tools as the system, for the vendor has no role for them."""

    def turn(self, message: Message) -> Json:
        turn = super().turn(message)
        return {**turn, "role": "system"} if isinstance(message, ToolMessage) else turn


@sync
class PictureAsItPrints(SdkCompletion):
    """Sends a picture's bytes as Python prints them."""

    def part(self, part: Part) -> Json:
        return super().part(part) if isinstance(part, Text) else {"base64": str(part.data), "url": part.url}


@sync
class LinksLeftOut(SdkCompletion):
    """Sends pictures that it has, and leaves out those that are addresses."""

    def turn(self, message: Message) -> Json:
        turn = super().turn(message)
        content = turn["content"]
        return {**turn, "content": content if isinstance(content, str) else [p for p in content if "url" not in p]}


@sync
class ToolsByTheirNames(SdkCompletion):
    """Offers tools without their descriptions."""

    def body(self, request: CompletionRequest, *, stream: bool) -> Json:
        body = super().body(request, stream=stream)
        return {**body, "tools": [{**tool, "description": ""} for tool in body.get("tools", ())]}


@sync
class ToolOfChoiceIsAny(SdkCompletion):
    """Sends `required` where a certain tool is to be called."""

    def body(self, request: CompletionRequest, *, stream: bool) -> Json:
        choice = request.tool_choice if request.tool_choice in ("auto", "none") else "required"
        return super().body(replaced(request, tool_choice=choice), stream=stream)


@sync
class SchemaLeftOut(SdkCompletion):
    """Says that it takes a schema for answers, and asks for JSON without it."""

    def body(self, request: CompletionRequest, *, stream: bool) -> Json:
        body = super().body(request, stream=stream)
        return {**body, "format": "json"} if request.output else body


@sync
class SignatureNotSentBack(SdkCompletion):
    """Reads the vendor's own fields, and does not send them back."""

    def turn(self, message: Message) -> Json:
        own = isinstance(message, AssistantMessage)
        return super().turn(replaced(message, provider_data=None) if own else message)


@sync
class QuestionTrimmed(SdkCompletion):
    """Trims what the user says, and normalises its white space."""

    def turn(self, message: Message) -> Json:
        turn: dict[str, Any] = super().turn(message)
        content = turn["content"]
        return {**turn, "content": " ".join(content.split()) if isinstance(content, str) else content}


@awaited
class TwinWithoutHistory(SdkCompletion):
    """Sends the instructions and the last message alone in the async twin."""

    async def acomplete(self, request: CompletionRequest) -> Any:
        return await super().acomplete(replaced(request, messages=(request.messages[0], request.messages[-1])))
