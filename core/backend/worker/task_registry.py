"""The worker's side of work in steps (`run.py` is the client's): generators by the names that clients gave them."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Generator
from typing import Any, Generic, TypeVar

from ...errors import DnpmError
from ..types import UNKNOWN_TASK
from .job import Job
from .registry import read_params

Told = TypeVar("Told")
Made = TypeVar("Made")


class Runs(Generic[Told, Made]):
    """What is under way of one kind; the oldest go when there are more than `most`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._work: OrderedDict[str, Generator[Told, None, Made]] = OrderedDict()

    def open(self, run: str, work: Generator[Told, None, Made]) -> None:
        """Keep work under a name."""
        self._work[run] = work
        while len(self._work) > self._most:
            self._work.popitem(last=False)[1].close()

    def advance(self, job: Job, step_s: float = 0.0) -> tuple[Told | None, Made | None]:
        """Take the job's run further, for about step_s seconds and one piece at least -> what it told last, None; or at
        its end None, what it made. Raises DnpmError when there is no such run, or what it raised, and forgets it."""
        run = run_name(read_params(job, {"run": None}))
        work = self._work.get(run)
        if work is None:
            raise DnpmError(f"{UNKNOWN_TASK}: {run}")
        end = time.monotonic() + step_s
        try:
            while True:
                job.check()
                told = next(work)
                if time.monotonic() >= end:
                    return told, None
        except StopIteration as finished:
            del self._work[run]
            return None, finished.value
        except BaseException:
            self._work.pop(run, None)
            raise

    def end(self, job: Job) -> None:
        """Forget the job's run, finished or not."""
        work = self._work.pop(run_name(read_params(job, {"run": None})), None)
        if work is not None:
            work.close()


def run_name(values: dict[str, Any]) -> str:
    """The parameter run. Raises DnpmError when it is missing."""
    if not isinstance(values["run"], str) or not values["run"]:
        raise DnpmError("the parameter run is missing, a name for what is asked")
    return values["run"]
