"""Checks a kernel's messages, and gives them the shape that nbclient and the notebook format rely on.

A notebook can make its kernel send anything. What can be shown is put into shape; a message that makes no sense ends
the run.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from queue import Empty
from typing import Any

from gpu_doc.execution.workers.failure import FailureError
from gpu_doc.execution.workers.run_ends import Refused

_IS_JSON = re.compile(r"application/json|[a-zA-Z0-9]+/[a-zA-Z0-9\-+.]+\+json")
"""MIME types whose data may be any JSON; all others are text (nbformat's schema, `mimebundle`)."""

_LONGEST_KIND = 200
"""The most characters of a MIME type; RFC 6838 allows 255, and no library comes near."""

_DEEPEST = 100
"""The most levels of nested JSON. Python's own functions fail at a few hundred, in the middle of their work."""

Message = dict[str, Any]


def understand(channel: Any) -> None:
    """Make a channel return messages in shape, and end the run if one is broken."""
    get_msg = channel.get_msg

    async def get_understood(timeout: float | None = None) -> Any:
        try:
            return _understood(await get_msg(timeout=timeout))
        except (Empty, FailureError):
            raise
        except Exception as error:
            raise _not_understood("broken") from error

    channel.get_msg = get_understood


def look_again(channel: Any) -> None:
    """Make a channel look for messages twice a second while somebody waits.

    nbclient answers output widgets on the channel on which the cell's reply comes. ZeroMQ signals a message once, and
    sending clears the signal: then the reply is there, but is never seen.
    """
    get_msg = channel.get_msg

    async def patiently(timeout: float | None = None) -> Any:
        while timeout is None:
            with suppress(Empty):
                return await get_msg(timeout=0.5)
        return await get_msg(timeout=timeout)

    channel.get_msg = patiently


def _understood(message: Message) -> Message:
    """Return a message in shape. Raises FailureError if no kernel sends such a message."""
    kind, content = message.get("msg_type"), message.get("content")
    if not isinstance(kind, str) or not isinstance(content, dict) or not isinstance(message.get("parent_header"), dict):
        raise _not_understood(str(kind))
    if _is_deeper(content, _DEEPEST):
        raise FailureError(Refused(what=f"an output is nested deeper than {_DEEPEST} levels"))
    if kind == "stream":
        content["name"] = "stderr" if content.get("name") == "stderr" else "stdout"
        content["text"] = _text(content.get("text", ""))
    elif kind in ("display_data", "execute_result", "update_display_data"):
        _shape_data(kind, content)
    elif kind == "error":
        lines = content.get("traceback", [])
        content["traceback"] = [_text(line) for line in (lines if isinstance(lines, list) else [lines])]
        content["ename"], content["evalue"] = _text(content.get("ename", "Error")), _text(content.get("evalue", ""))
    elif kind == "execute_reply":
        _check_reply(content)
    elif kind.startswith("comm_"):
        if not isinstance(content.get("data"), dict) or not isinstance(content.get("comm_id"), str):
            raise _not_understood(kind)
    elif kind == "status" and not isinstance(content.get("execution_state"), str):
        raise _not_understood(kind)
    return message


def _not_understood(kind: str) -> FailureError:
    """Return the failure: the kernel sent something else."""
    what = f"the kernel sent a message that is none of Jupyter's ({kind[:40]}): something in the notebook disturbed it"
    return FailureError(Refused(what=what))


def _shape_data(kind: str, content: Message) -> None:
    data = content.get("data")
    if not isinstance(data, dict):
        raise _not_understood(kind)
    content["data"] = {name: _datum(name, value) for name, value in data.items() if 0 < len(name) <= _LONGEST_KIND}
    for part in ("metadata", "transient"):
        content[part] = content[part] if isinstance(content.get(part), dict) else {}
    if not isinstance(content["transient"].get("display_id", ""), str):
        content["transient"] = {}
    if kind == "execute_result" and not isinstance(content.get("execution_count"), int):
        content["execution_count"] = None


def _datum(kind: str, value: Any) -> Any:
    return value if _IS_JSON.fullmatch(kind) else _text(value)


def _text(value: Any) -> str:
    """Return text unchanged, lines joined, and anything else as JSON: a custom type may hold JSON without saying so."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "".join(value)
    return json.dumps(value, ensure_ascii=False)


def _check_reply(content: Message) -> None:
    if content.get("status") not in ("ok", "error", "aborted", "abort"):
        raise _not_understood("execute_reply")
    if content["status"] == "error":
        content.update({"ename": _text(content.get("ename", "Error")), "evalue": _text(content.get("evalue", ""))})
        lines = content.get("traceback", [])
        content["traceback"] = [_text(line) for line in (lines if isinstance(lines, list) else [lines])]
    payload = content.get("payload", [])
    if not (isinstance(payload, list) and all(isinstance(each, dict) for each in payload)):
        content["payload"] = []


def _is_deeper(value: Any, levels: int) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    return isinstance(value, list) and (levels == 0 or any(_is_deeper(each, levels - 1) for each in value))
