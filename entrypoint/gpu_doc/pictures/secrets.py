"""The last look before a picture is taken: whether a secret can be read in it."""

from __future__ import annotations

from gpu_doc.errors import CaptureError
from gpu_doc.model.pictures import Exhibit
from gpu_doc.redaction import Redactor


def check_secrets(section: str, exhibit: Exhibit, redactor: Redactor) -> None:
    """Raise CaptureError where the HTML of an exhibit shows a secret.

    What a run puts out is redacted when it comes. But a page may show what no form of a secret is found in: letters
    apart in tags with odd attributes, or written in Markdown. So what it shows is looked at as it is shown.
    """
    if not redactor:
        return
    from gpu_doc.redaction.visible import visible_text

    text = visible_text(section)
    if redactor.text(text) != text:
        raise CaptureError(
            "The picture would show the value of a secret.",
            where=exhibit.where,
            remedy="Keep the secret out of what the cell shows.",
        )
