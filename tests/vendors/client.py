"""A vendor's SDK in a process of its own: a job in JSON goes in, what the SDK made of it comes out."""

import asyncio
import json
import os
import subprocess
from pathlib import Path
from typing import Any, Self

EXIT_SECONDS = 20.0


class VendorClient:
    """Runs `script` with `python` and asks it one job after another. Close it with `with`."""

    def __init__(self, python: Path, script: Path) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - ours
            [python, script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "NO_PROXY": "127.0.0.1"},
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._process as process:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(EXIT_SECONDS)

    async def ask(self, **job: Any) -> dict[str, Any]:
        """What the SDK returned, or `{"error": code}` of the exception it raised."""
        answer = await asyncio.to_thread(self._ask, json.dumps(job))
        assert answer, "the script has ended: its traceback is on standard error"
        document: dict[str, Any] = json.loads(answer)
        return document

    def _ask(self, job: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(job + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()
