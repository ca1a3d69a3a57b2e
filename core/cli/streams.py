"""Standard output and error of a process that we start: whatever their encoding, no message ends the program."""

from __future__ import annotations

import io
import sys


def accept_any_text() -> None:
    """Let what the stream's encoding cannot hold be printed escaped, as `\\u0444`, instead of raising.

    Names of files and faces are in any script, and even in none (names that are not UTF-8 hold surrogates), while the
    encoding is whatever the terminal or the redirection has: cp1252, ASCII. JSON is ASCII and stays as it is.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
