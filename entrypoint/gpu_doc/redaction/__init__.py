"""Replaces known secrets and tokens wherever they appear."""

from gpu_doc.redaction.known import known, missing, refuse_short
from gpu_doc.redaction.redactor import MARK, Redactor, Stream

__all__ = ["MARK", "Redactor", "Stream", "known", "missing", "refuse_short"]
