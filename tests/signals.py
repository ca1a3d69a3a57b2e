"""Signals that a shell lets its background jobs ignore, taken back: what tests start inherits that."""

from __future__ import annotations

import signal


def take_back() -> None:
    """SIGINT, ignored in jobs that a script starts with `&`, and SIGHUP, ignored under nohup, work again."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
