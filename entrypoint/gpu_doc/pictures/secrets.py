"""The last check before a picture is taken: no secret may be readable in it."""

from __future__ import annotations

from gpu_doc.errors import CaptureError
from gpu_doc.model.pictures import Exhibit
from gpu_doc.redaction import Redactor


def check_secrets(section: str, exhibit: Exhibit, redactor: Redactor) -> None:
    """Raise CaptureError if the HTML of an exhibit shows a secret.

    A run's output is redacted as it arrives. But a page can show a secret whose source text is not recognized: letters
    separated by tags, or written in Markdown. So the text is checked as the page shows it.
    """
    if redactor:
        from gpu_doc.redaction.visible import visible_text

        check_text(visible_text(section), exhibit, redactor)


def check_text(text: str, exhibit: Exhibit, redactor: Redactor) -> None:
    """Raise CaptureError where the text that the picture of an exhibit shows holds a secret."""
    if redactor and redactor.text(text) != text:
        raise CaptureError(
            "The picture would show the value of a secret.",
            where=exhibit.where,
            remedy="Keep the secret out of what the cell shows.",
        )
