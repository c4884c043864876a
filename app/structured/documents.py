"""Documents: a JSON Schema with all that its references may lead to, which is itself and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from referencing import Registry, Resource, Specification
from referencing.jsonschema import DRAFT6, DRAFT7, DRAFT201909, DRAFT202012

LATEST = "https://json-schema.org/draft/2020-12/schema"

# The dialects that ``$schema`` may name, without ``#`` at their end.
DIALECTS: Mapping[str, Specification[Any]] = {
    LATEST: DRAFT202012,
    "https://json-schema.org/draft/2019-09/schema": DRAFT201909,
    "http://json-schema.org/draft-07/schema": DRAFT7,
    "http://json-schema.org/draft-06/schema": DRAFT6,
}

Schema = Mapping[str, Any] | bool


@dataclass(frozen=True)
class Document:
    """A schema's ``contents`` without ``$schema``, whose value is ``dialect``."""

    contents: Schema
    dialect: str

    @property
    def specification(self) -> Specification[Any]:
        return DIALECTS[self.dialect]

    def resolver(self) -> Any:
        """The resolver of references. Nothing is fetched: a target outside the document is not found."""
        resource: Resource[Any] = self.specification.create_resource(self.contents)
        base = resource.id() or ""
        registry: Registry[Any] = Registry().with_resource(base, resource)
        return registry.crawl().resolver(base)


def document(schema: Schema) -> Document:
    """``schema`` as a document. Raises ``KeyError`` if its ``$schema`` names an unknown dialect."""
    if isinstance(schema, bool):
        return Document(schema, LATEST)
    dialect = str(schema.get("$schema", LATEST)).removesuffix("#")
    if dialect not in DIALECTS:
        raise KeyError(dialect)
    return Document({name: value for name, value in schema.items() if name != "$schema"}, dialect)
