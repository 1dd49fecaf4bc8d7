"""What a line of a trace looks like, told to other programs.

A JSON Schema made from the structs, so that it can't say anything else.
"""

from typing import Any, Union, cast

import msgspec

from tracer.events import KINDS, Header


def schema() -> dict[str, Any]:
    """A JSON Schema (2020-12) that every line of a trace conforms to.

    Lines of kinds that this version doesn't know conform to no branch but
    the last one, which asks for the envelope only.

    Source: JSON Schema 2020-12, from the structs of `tracer.events`.
    """
    every = cast("Any", Union[(Header, *KINDS.values())])
    (made,), parts = msgspec.json.schema_components(
        [every], ref_template="#/$defs/{name}"
    )
    every_kind = ["trace", *KINDS]
    parts["Unknown"] = {
        "title": "Unknown",
        "description": "An event of a kind that this version doesn't know.",
        "type": "object",
        "properties": {
            "kind": {"type": "string", "not": {"enum": every_kind}},
            "t": {"type": "integer"},
            "thread": {"type": "string"},
        },
        "required": ["kind", "t", "thread"],
    }
    made["anyOf"].append({"$ref": "#/$defs/Unknown"})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A line of an asgi-trace recording",
        **made,
        "$defs": parts,
    }
