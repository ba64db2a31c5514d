"""A JSON schema in a file holds an answer to what it says, or is refused when it is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llamabot.app.cli.schemas import problem_finder, read_schema
from llamabot.domain.output import OutputRejected, SchemaOutput
from llamabot.domain.structured import StructuredBot
from llamabot.ports.errors import AnswerNotParsed, ConfigurationError
from llamabot.testing import ScriptedCompletion

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "minLength": 1}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


def output(schema: dict[str, Any], name: str = "Answer") -> SchemaOutput:
    return SchemaOutput(schema, problem_finder(schema), name=name)


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "strin"}, "strin"),
        ({"required": "name"}, "name"),
        ({"$ref": "#/$defs/None"}, "refers to '#/$defs/None'"),
        ({"properties": {"a": {"$ref": "https://example.org/s.json"}}}, "nothing is fetched"),
    ],
)
def test_refuses_a_schema_that_it_cannot_hold_answers_to(schema: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        problem_finder(schema)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"), [("{", "not JSON"), ("[]", "not a JSON object"), (None, "cannot be read")]
)
def test_refuses_a_file_without_a_schema(content: str | None, said: str, tmp_path: Path) -> None:
    file = tmp_path / "schema.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigurationError, match=said):
        read_schema(file)


def test_is_called_by_its_title_or_its_file(tmp_path: Path) -> None:
    file = tmp_path / "person card.json"
    file.write_text(json.dumps(PERSON))
    assert read_schema(file).schema.name == "person_card"
    file.write_text(json.dumps({**PERSON, "title": "Person"}))
    assert read_schema(file).schema.name == "Person"


def test_sends_an_object_as_it_is_and_wraps_anything_else() -> None:
    assert output(PERSON).schema.schema is PERSON
    assert output(PERSON).schema.strict
    names = output({"type": "array", "items": {"type": "string"}}, "the names!")
    assert names.schema.name == "the_names"
    assert names.schema.schema["properties"] == {"value": {"type": "array", "items": {"type": "string"}}}
    assert names.decode('{"value": ["a"]}') == names.decode('["a"]') == ["a"]


def test_keeps_references_whole_when_it_wraps() -> None:
    linked = {"type": "array", "items": {"anyOf": [{"$ref": "#"}, {"$ref": "#/$defs/N"}]}, "$defs": {"N": {"const": 1}}}
    problem = problem_finder(output(linked).schema.schema)
    assert problem({"value": [[1], 1]}) is None
    assert problem({"value": [[2], 1]}) is not None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the answer is empty"),
        ('{"name": "Ana", "age": ', "malformed JSON"),
        ('{"name": "Ana", "age": "x"}', "$.age"),
        ('{"name": "Ana"}', "age"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_tells_the_model_where_its_answer_is_wrong(text: str, said: str) -> None:
    with pytest.raises(OutputRejected) as caught:
        output(PERSON).decode(text)
    assert said in str(caught.value)


def test_asks_again_until_the_answer_fits_the_schema() -> None:
    model = ScriptedCompletion(['{"name": "Ana"}', '```json\n{"name": "Ana", "age": 25}\n```'])
    bot = StructuredBot("Extract.", output=output(PERSON), model="m", completion=model)
    assert bot("Ana is 25") == {"name": "Ana", "age": 25}
    assert "'age' is a required property" in model.requests[1].messages[-1].text
    assert model.requests[0].output is not None
    assert json.loads(json.dumps(model.requests[0].output.schema)) == PERSON
    model.assert_finished()


def test_gives_up_on_a_model_that_never_fits_the_schema() -> None:
    bot = StructuredBot(output=output(PERSON), model="m", completion=ScriptedCompletion(["no"] * 3), max_attempts=3)
    with pytest.raises(AnswerNotParsed) as caught:
        bot("?")
    assert len(caught.value.attempts) == 3
