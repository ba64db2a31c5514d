"""A type becomes a schema that providers take, and a model's text becomes a value of the type, or a reason why not."""

from __future__ import annotations

import json
import re
from typing import Any, Literal

import jsonschema
import msgspec
import pydantic
import pytest
from tests.unit.domain.outputs import KINDS, Address, Person, Pet, Tree

from llamabot.domain.output import OutputRejected, output_of
from llamabot.ports.errors import ConfigurationError


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> tuple[Any, str, Any]:
    return KINDS[request.param]


class TestSchemas:
    def test_the_root_is_an_object_and_no_reference(self, kind: Any) -> None:
        schema = output_of(kind[0]).schema.schema
        assert schema["type"] == "object"
        assert "$ref" not in schema

    def test_every_reference_leads_somewhere_and_every_definition_is_used(self, kind: Any) -> None:
        schema = output_of(kind[0]).schema.schema
        names = re.findall(r'"\$ref": "#/\$defs/([^"]+)"', json.dumps(schema))
        assert set(names) == set(schema.get("$defs", {}))

    def test_what_is_right_fits_the_schema(self, kind: Any) -> None:
        """The schema is read by a library that shares no code with what made it."""
        type_, wire, _ = kind
        schema = output_of(type_).schema.schema
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.validate(json.loads(wire), schema)

    def test_has_a_name_that_providers_take(self, kind: Any) -> None:
        assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", output_of(kind[0]).schema.name)

    def test_a_name_in_another_script_is_still_a_name(self) -> None:
        for name in ("Größe", "人", "_"):
            assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", output_of(msgspec.defstruct(name, [("a", int)])).schema.name)

    def test_types_of_the_same_name_do_not_take_each_others_place(self) -> None:
        """Two models named Item, a Struct named Item, and each is described as it is."""

        def in_a() -> Any:
            class Item(pydantic.BaseModel):
                a: int

            class A(pydantic.BaseModel):
                item: Item

            return A

        def in_b() -> Any:
            class Item(pydantic.BaseModel):
                b: str

            class B(pydantic.BaseModel):
                item: Item

            return B

        item = msgspec.defstruct("Item", [("c", bool)])
        both = msgspec.defstruct("Both", [("a", in_a()), ("b", in_b()), ("c", item), ("d", list[item])])  # type: ignore[valid-type]  # made just now
        right = {"a": {"item": {"a": 1}}, "b": {"item": {"b": "x"}}, "c": {"c": True}, "d": [{"c": True}]}
        schema = output_of(both).schema.schema
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.validate(right, schema)

    @pytest.mark.parametrize(
        "type_",
        [
            complex,
            print,
            object,
            Person | Tree,
            "Person",
            7,
            list["Nowhere"],  # type: ignore[name-defined]  # noqa: F821 - the mistake
            pydantic.create_model("Bad", call=(type(print), ...), __config__={"arbitrary_types_allowed": True}),
            {"type": "object"},
        ],
    )
    def test_a_type_without_a_schema_is_refused_when_the_bot_is_made(self, type_: Any) -> None:
        with pytest.raises(ConfigurationError, match="has no JSON schema"):
            output_of(type_)


class TestValues:
    def test_comes_back_as_it_was_meant(self, kind: Any) -> None:
        type_, wire, value = kind
        assert output_of(type_).decode(wire) == value
        assert output_of(type_).decode(f"\n  {wire}\t\n") == value

    @pytest.mark.parametrize(
        "fence",
        [
            "```json\n{}\n```",
            "```\n{}\n```",
            "```JSON\r\n{}\r\n```",
            "Here you are:\n```json\n{}\n```\nIs that all?",
            "  ```json\n  {}\n  ```",
            "```json\n{}```",
        ],
    )
    def test_a_fence_is_taken_off(self, kind: Any, fence: str) -> None:
        type_, wire, value = kind
        assert output_of(type_).decode(fence.replace("{}", wire)) == value

    def test_what_is_wrapped_may_come_bare(self) -> None:
        assert output_of(list[int]).decode("[1, 2]") == [1, 2]
        assert output_of(int).decode("7") == 7
        assert output_of(Literal["a", "b"]).decode('"a"') == "a"

    def test_numbers_written_as_text_are_taken_where_nothing_else_fits(self) -> None:
        assert output_of(Person).decode('{"name": "Ada", "age": "36"}') == Person("Ada", 36)
        assert output_of(int | str).decode('{"value": "36"}') == "36"

    @pytest.mark.parametrize(
        ("type_", "text", "reason"),
        [
            (Person, "", "the answer is empty"),
            (Person, "  \n", "the answer is empty"),
            (Person, "```json\n```", "the answer is empty"),
            (Person, "Ada is 36", "malformed JSON"),
            (Person, '{"name": "Ada", "age": 3', "malformed JSON"),
            (Person, '{"name": "Ada", "age": 3}}', "malformed JSON"),
            (Person, '{"name": "Ada"}', "missing required field `age`"),
            (Person, '{"name": "Ada", "age": "x"}', "Expected `int`, got `str` - at `$.age`"),
            (Person, '{"name": "Ada", "age": null}', "Expected `int`, got `null` - at `$.age`"),
            (Person, '{"name": "\\ud83d", "age": 1}', "malformed JSON"),
            (
                Tree,
                '{"label": "a", "branches": [{"label": 1}]}',
                "Expected `str`, got `int` - at `$.branches[0].label`",
            ),
            (list[Person], '{"value": [{"name": 1, "age": 1}]}', "at `$.value[0].name`"),
            (list[Person], '[{"name": 1, "age": 1}]', "at `$[0].name`"),
            (Literal["a", "b"], '{"value": "c"}', "Invalid enum value 'c' - at `$.value`"),
            (Address, '{"street": 1}', "Input should be a valid string - at `$.street`"),
            (Pet, '{"name": "a", "home": {"street": "b", "number": "x"}}', "at `$.home.number`"),
            (list[Pet], '{"value": [{"name": "a"}]}', "Field required, in `.home` - at `$.value[0]`"),
            (Address, "nonsense", "malformed JSON"),
            (Person, "[" * 100_000, "nested too deeply"),
            (Tree, '{"label":"a","branches":[' * 50_000 + "]}" * 50_000, "nested too deeply"),
            (Any, "[" * 100_000 + "]" * 100_000, "nested too deeply"),
            (Address, "[" * 100_000 + "]" * 100_000, "nested too deeply"),
        ],
    )
    def test_what_does_not_fit_is_rejected_with_the_place(self, type_: Any, text: str, reason: str) -> None:
        with pytest.raises(OutputRejected) as caught:
            output_of(type_).decode(text)
        assert reason in str(caught.value)
        assert len(str(caught.value)) < 300

    def test_a_validator_of_the_users_own_is_heard(self) -> None:
        class Even(msgspec.Struct):
            number: int

            def __post_init__(self) -> None:
                if self.number % 2:
                    raise ValueError("the number must be even")

        assert output_of(Even).decode('{"number": 2}') == Even(2)
        with pytest.raises(OutputRejected, match="must be even"):
            output_of(Even).decode('{"number": 3}')
        with pytest.raises(OutputRejected, match=r"must be even - at `\$\.value\[1\]`"):
            output_of(list[Even]).decode('{"value": [{"number": 2}, {"number": 3}]}')

    def test_a_fence_inside_of_a_value_is_part_of_it(self) -> None:
        text = json.dumps({"value": "```python\nprint()\n```"})
        for written in (text, f"```json\n{text}\n```", f"Sure:\n```json\n{text}\n```"):
            assert output_of(str).decode(written) == "```python\nprint()\n```"
