"""Strategies for hypothesis: generated models, transcripts, tools, documents and faults.

Each shrinks to something that a person can read. `pip install "llamabot[testing]"` brings hypothesis.

| for | strategies |
|---|---|
| values | `texts broken_texts json_values usages costs model_names` |
| messages | `messages parts images user_messages assistant_messages tool_calls conversations` |
| transcripts | `transcripts broken_transcripts requests` |
| schemas | `schemas valid_values nearly_valid_json` |
| tools | `tools tool_specs tool_names toolboxes arguments nearly_valid_arguments calls_of` |
| one reply, whatever was asked | `replies answers completions port_errors` |
| fragments | `fragmentations streams completion_chunks whole_streams truncated_streams broken_streams` |
| models that look at the request | `completions_for turns behaviours` |
| documents | `documents passages matches metadata queries` |
| faults | `fault_schedules port_faults` |
"""

from __future__ import annotations

from llamabot.testing.strategies.document import documents, matches, metadata, passages, queries
from llamabot.testing.strategies.error import port_errors
from llamabot.testing.strategies.fitting import Schema, valid_values
from llamabot.testing.strategies.message import (
    assistant_messages,
    conversations,
    images,
    messages,
    parts,
    tool_calls,
    user_messages,
)
from llamabot.testing.strategies.mistake import nearly_valid_json
from llamabot.testing.strategies.model import behaviours, completions_for, turns
from llamabot.testing.strategies.reply import Reply, answers, completions, replies
from llamabot.testing.strategies.schedule import fault_schedules, port_faults
from llamabot.testing.strategies.schema import schemas
from llamabot.testing.strategies.stream import (
    Fragment,
    broken_streams,
    completion_chunks,
    fragmentations,
    streams,
    truncated_streams,
    whole_streams,
)
from llamabot.testing.strategies.tool import (
    arguments,
    calls_of,
    nearly_valid_arguments,
    tool_names,
    tool_specs,
    toolboxes,
    tools,
)
from llamabot.testing.strategies.transcript import broken_transcripts, requests, transcripts
from llamabot.testing.strategies.value import broken_texts, costs, json_values, model_names, texts, usages

__all__ = [
    "Fragment",
    "Reply",
    "Schema",
    "answers",
    "arguments",
    "assistant_messages",
    "behaviours",
    "broken_streams",
    "broken_texts",
    "broken_transcripts",
    "calls_of",
    "completion_chunks",
    "completions",
    "completions_for",
    "conversations",
    "costs",
    "documents",
    "fault_schedules",
    "fragmentations",
    "images",
    "json_values",
    "matches",
    "messages",
    "metadata",
    "model_names",
    "nearly_valid_arguments",
    "nearly_valid_json",
    "parts",
    "passages",
    "port_errors",
    "port_faults",
    "queries",
    "replies",
    "requests",
    "schemas",
    "streams",
    "texts",
    "tool_calls",
    "tool_names",
    "tool_specs",
    "toolboxes",
    "tools",
    "transcripts",
    "truncated_streams",
    "turns",
    "usages",
    "user_messages",
    "valid_values",
    "whole_streams",
]
