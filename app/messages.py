"""What is told to the user: in the banner, the status bar and the list of messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["info", "warning", "error", "bug"]


@dataclass(frozen=True, slots=True)
class Message:
    """Something to tell: `details` is a traceback where the fault is ours.

    `offer` names the command that helps (`reload`), for a button beside the text; empty where there is none.
    """

    severity: Severity
    text: str
    details: str = ""
    offer: str = ""
