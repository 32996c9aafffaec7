"""The mail catcher: an SMTP server that keeps everything in a maildir.

Run as ``python -m stack.mail PORT MAILDIR``. It listens on the loopback
interface, unless told otherwise, and delivers to nobody.
"""

import argparse
import asyncio
import logging
import mailbox
import signal
from pathlib import Path
from typing import Any, Final

from aiosmtpd.smtp import SMTP, Envelope, Session

__all__ = ["Catcher", "serve"]

logger = logging.getLogger(__name__)

_LARGEST_MESSAGE_BYTES: Final = 10_000_000
_MOST_MESSAGES: Final = 5_000
_MOST_BYTES: Final = 200_000_000


class Catcher:
    """Stores messages, and lets the oldest go when there are too many."""

    def __init__(
        self,
        directory: Path,
        most_messages: int = _MOST_MESSAGES,
        most_bytes: int = _MOST_BYTES,
    ) -> None:
        self._maildir = mailbox.Maildir(directory, create=True)
        self._directory = directory
        self._most_messages = most_messages
        self._most_bytes = most_bytes
        self._messages = 0
        self._bytes = 0
        self._trim()

    async def handle_DATA(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Accept a message; it is on the disk when the client hears so."""
        content = envelope.original_content or b""
        message = mailbox.MaildirMessage(content)
        message["X-Envelope-From"] = str(envelope.mail_from)
        message["X-Envelope-To"] = ", ".join(map(str, envelope.rcpt_tos))
        self._maildir.add(message)
        self._messages += 1
        self._bytes += len(content)
        if self._messages > self._most_messages or self._bytes > self._most_bytes:
            self._trim()
        return "250 Kept"

    def _trim(self) -> None:
        """Count what is there and remove the oldest, down to half of what may be."""
        files = [
            (path.stat().st_mtime_ns, path.stat().st_size, path)
            for folder in ("new", "cur")
            for path in (self._directory / folder).iterdir()
        ]
        files.sort()
        self._messages = len(files)
        self._bytes = sum(size for _, size, _ in files)
        if self._messages <= self._most_messages and self._bytes <= self._most_bytes:
            return
        for _, size, path in files:
            if (
                self._messages <= self._most_messages // 2
                and self._bytes <= self._most_bytes // 2
            ):
                break
            path.unlink(missing_ok=True)
            self._messages -= 1
            self._bytes -= size


async def serve(port: int, directory: Path, host: str = "127.0.0.1") -> None:
    """Catch mail on ``port`` until the process is told to stop."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    catcher = Catcher(directory)

    def session() -> Any:
        return SMTP(
            catcher,
            data_size_limit=_LARGEST_MESSAGE_BYTES,
            hostname="rapport.localhost",
            ident="Rapport mail catcher",
            enable_SMTPUTF8=True,
            loop=loop,
        )

    server = await loop.create_server(session, host, port)
    async with server:
        await stopped.wait()


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m stack.mail")
    parser.add_argument("port", type=int)
    parser.add_argument("maildir", type=Path)
    parser.add_argument("--host", default="127.0.0.1", help="where to listen")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(serve(given.port, given.maildir, given.host))


if __name__ == "__main__":
    main()
