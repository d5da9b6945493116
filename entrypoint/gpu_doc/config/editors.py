"""The JSON Schema of the configuration, made from its shape; nothing that runs needs it."""

from __future__ import annotations

import json
from collections.abc import Iterator

from gpu_doc.config.kinds import Kind
from gpu_doc.config.schema import ROOT, RUN
from gpu_doc.config.shapes import ListOf, MapOf, OneOf, Section
from gpu_doc.model.values import Json


def sections(kind: Kind = ROOT) -> Iterator[Section]:
    """Walk over all sections, outer ones first; one that is used in several places comes once."""
    seen: dict[str, Section] = {}
    stack = [kind]
    while stack:
        part = stack.pop(0)
        if isinstance(part, Section) and part.name not in seen:
            seen[part.name] = part
            stack += [key.kind for key in part.own.values()] + ([part.base] if part.base else [])
        elif isinstance(part, ListOf):
            stack.append(part.item)
        elif isinstance(part, MapOf):
            stack.append(part.value)
        elif isinstance(part, OneOf):
            stack += part.kinds
    yield from seen.values()


def json_schema() -> dict[str, Json]:
    """Return the JSON Schema of the whole file, for editors (draft 2020-12)."""
    definitions = {section.name: section.definition() for section in sections()}
    definitions[RUN.name]["oneOf"] = [{"required": ["notebook"]}, {"required": ["command"]}]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "gpu-doc.yml",
        "description": "Configuration of gpu-doc; docs/reference.md says more.",
        **definitions.pop(ROOT.name),
        "$defs": definitions,
    }


def schema_text() -> str:
    """Return the JSON Schema as the text of a file."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
