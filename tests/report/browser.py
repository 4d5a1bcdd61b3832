"""A headless Chromium, driven over a pipe with the DevTools protocol: no driver, no network."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_PATIENCE = 60.0  # seconds, for one answer
# The browser reads commands from descriptor 3 and answers on 4.
_THREE_AND_FOUR = """
import os, sys
commands, answers = os.dup(int(sys.argv[1])), os.dup(int(sys.argv[2]))
for at, place in (commands, 3), (answers, 4):
    os.dup2(at, place)
    os.set_inheritable(place, True)
os.execv(sys.argv[3], sys.argv[3:])
"""


def found() -> str | None:
    """The browser's program, or None where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One page of one browser."""

    def __init__(self, to: int, back: int) -> None:
        self._to, self._back, self._rest = to, back, b""
        self._count, self._session = 0, None
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Sends one command and waits for its answer."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._count:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def _read(self) -> dict[str, Any]:
        end = time.monotonic() + _PATIENCE
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._back], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                raise TimeoutError("the browser does not answer")
            more = os.read(self._back, 1 << 20)
            if not more:
                raise ConnectionError("the browser is gone")
            self._rest += more
        line, self._rest = self._rest.split(b"\0", 1)
        return json.loads(line)

    def open(self, path: Path, *, width: int = 1280, dark: bool = False) -> None:
        """Opens a file, `width` pixels wide, and waits until it is loaded."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=800,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", features=features)
        self.events.clear()
        self.call("Page.navigate", url=path.absolute().as_uri())
        while not any(e.get("method") == "Page.loadEventFired" for e in self.events):
            self.events.append(self._read())

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        made = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in made:
            raise RuntimeError(made["exceptionDetails"]["exception"]["description"])
        return made["result"].get("value")

    def complaints(self) -> list[str]:
        """What the console and the page's scripts complained of since it was opened."""
        said = []
        for event in self.events:
            name, found = event.get("method"), event.get("params", {})
            if name == "Runtime.exceptionThrown":
                said.append(str(found["exceptionDetails"]))
            elif name == "Log.entryAdded":
                said.append(f"{found['entry']['level']}: {found['entry']['text']}")
            elif name == "Runtime.consoleAPICalled":
                said.append(f"console.{found['type']}: {found['args']}")
        return said

    def requests(self) -> list[str]:
        """Every address that the page asked for since it was opened."""
        asked = [e for e in self.events if e.get("method") == "Network.requestWillBeSent"]
        return [e["params"]["request"]["url"] for e in asked]

    def screenshot(self, path: Path) -> None:
        """The whole page, however long, as a PNG."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True, format="png")
        path.write_bytes(base64.b64decode(shot["data"]))


@contextlib.contextmanager
def browser(home: Path) -> Iterator[Browser]:
    """A browser that keeps what it must in `home`."""
    program = found()
    if program is None:
        raise RuntimeError(f"no browser: none of {', '.join(NAMES)} is on the path")
    read, write = os.pipe(), os.pipe()  # to it and back
    flags = [
        "--headless",
        "--no-sandbox",  # in a container there is nothing to set one up with
        "--disable-gpu",
        "--no-first-run",
        "--remote-debugging-pipe",
        f"--user-data-dir={home}",
    ]

    process = subprocess.Popen(
        [sys.executable, "-c", _THREE_AND_FOUR, str(read[0]), str(write[1]), program, *flags],
        pass_fds=(read[0], write[1]),
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(read[0])
    os.close(write[1])
    try:
        yield Browser(read[1], write[0])
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(read[1])
        os.close(write[0])
