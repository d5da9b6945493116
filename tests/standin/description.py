"""GitHub's own description of its API (npm `@octokit/openapi`), as far as the stand-in serves it.

Two things are added: that any request may be refused or fail, with GitHub's ordinary body for it, which the description
says of some requests only.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.components import NODE_MODULES
from tests.standin.routes import ROUTES

if TYPE_CHECKING:
    from openapi_core import OpenAPI

SERVER = "https://api.github.com"

_WHOLE = NODE_MODULES / "@octokit/openapi/generated/api.github.com.json"
_REDUCED = NODE_MODULES.parent / "github-api.json"


@cache
def description() -> dict[str, Any]:
    """The description. Kept in a file: reading the whole takes a third of a second."""
    key = [_WHOLE.stat().st_size, _WHOLE.stat().st_mtime, Path(__file__).stat().st_mtime, sorted(map(list, ROUTES))]
    try:
        kept = json.loads(_REDUCED.read_bytes())
    except (OSError, ValueError):
        kept = {}
    if kept.get("key") != key:
        kept = {"key": key, "description": _reduced(json.loads(_WHOLE.read_bytes()))}
        own = _REDUCED.with_suffix(f".{os.getpid()}")
        own.write_text(json.dumps(kept))
        own.replace(_REDUCED)
    return kept["description"]  # type: ignore[no-any-return]  # JSON


def _reduced(whole: dict[str, Any]) -> dict[str, Any]:
    paths: dict[str, dict[str, Any]] = {}
    for method, path in ROUTES:
        operation = _without_examples(whole["paths"][path][method.lower()])
        for status in ("4XX", "5XX"):
            content = {"application/json": {"schema": {"$ref": "#/components/schemas/validation-error"}}}
            operation["responses"][status] = {"description": "What GitHub says to any request", "content": content}
        paths.setdefault(path, {})[method.lower()] = operation
    components: dict[str, dict[str, Any]] = {}
    _gather(paths, whole, components)
    return {
        "openapi": whole["openapi"],
        "info": whole["info"],
        "servers": [{"url": SERVER}],
        "paths": paths,
        "components": components,
    }


def _without_examples(part: Any) -> Any:
    """A part of the description; of the examples beside schemas nobody makes use."""
    if isinstance(part, dict):
        beside = "examples" if "schema" in part else None
        return {key: _without_examples(value) for key, value in part.items() if key != beside}
    return [_without_examples(each) for each in part] if isinstance(part, list) else part


def _gather(part: Any, whole: dict[str, Any], into: dict[str, dict[str, Any]]) -> None:
    """Add the components that a part refers to, and those that these refer to."""
    if isinstance(part, list):
        for each in part:
            _gather(each, whole, into)
    elif isinstance(part, dict):
        reference = part.get("$ref")
        if isinstance(reference, str):
            _, _, room, name = reference.split("/")
            if name not in into.setdefault(room, {}):
                into[room][name] = _without_examples(whole["components"][room][name])
                _gather(into[room][name], whole, into)
        for each in part.values():
            _gather(each, whole, into)


@cache
def _openapi() -> OpenAPI:
    from openapi_core import OpenAPI

    return OpenAPI.from_dict(description())


class Exchange:
    """A request and its answer, as openapi-core asks for them."""

    def __init__(self, method: str, path: str, query: Mapping[str, list[str]], body: bytes, content_type: str) -> None:
        from openapi_core.datatypes import RequestParameters
        from werkzeug.datastructures import Headers, ImmutableMultiDict

        pairs = [(name, value) for name, values in query.items() for value in values]
        self.host_url = SERVER
        self.method = method.lower()
        self.path = path
        self.body = body
        self.content_type = content_type
        self.parameters = RequestParameters(
            query=ImmutableMultiDict(pairs), header=Headers(), cookie=ImmutableMultiDict()
        )
        self.data: bytes | None = None
        self.status_code = 0
        self.headers = Headers()


def wrong_request(exchange: Exchange) -> str:
    """What GitHub's description has against a request, in words; empty where it is as described."""
    from openapi_core.exceptions import OpenAPIError

    try:
        _openapi().validate_request(exchange)
    except OpenAPIError as error:
        return _told(error)
    return ""


def wrong_response(exchange: Exchange, status: int, data: bytes, headers: Mapping[str, str]) -> str:
    """The same of the answer."""
    from openapi_core.exceptions import OpenAPIError
    from werkzeug.datastructures import Headers

    exchange.status_code, exchange.data, exchange.headers = status, data, Headers(dict(headers))
    exchange.content_type = headers.get("Content-Type", "")
    try:
        _openapi().validate_response(exchange, exchange)
    except OpenAPIError as error:
        return _told(error)
    return ""


def _told(error: BaseException) -> str:
    causes = getattr(error.__cause__, "schema_errors", None) or []
    details = [f"{'.'.join(map(str, each.absolute_path))}: {each.message[:200]}" for each in causes]
    try:
        return f"{type(error).__name__}: {'; '.join(details) or error}"[:2000]
    except UnicodeDecodeError:  # its text has the body in it
        return f"{type(error).__name__}: the body is not UTF-8"
