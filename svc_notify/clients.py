"""The way out: e-mail over SMTP (RFC 5321)."""

import smtplib
from email.message import EmailMessage
from email.utils import formatdate
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from nameko.extensions import DependencyProvider

from chassis.config import setting

__all__ = ["MailRefusedError", "MailServer", "MailUnavailableError", "Mailer"]

_TIMEOUT_S: Final = 10
_PERMANENT: Final = 500


class MailUnavailableError(Exception):
    """The message was not taken; later it may be."""


class MailRefusedError(Exception):
    """The mail server will not have this message, now or later."""


class Mailer:
    """Hands one message at a time to a mail server.

    Args:
        url: ``smtp://[user:password@]host:port`` or ``smtps://…``.
        sender: The From address.
    """

    def __init__(self, url: str, sender: str) -> None:
        self._url = urlsplit(url)
        self._sender = sender

    def send(self, message_id: str, recipient: str, subject: str, text: str) -> None:
        """Send a plain-text message; returns when the server has taken it.

        Args:
            message_id: The same for every attempt, so that whoever gets it
                twice can tell.
            recipient: The To address.
            subject: One line.
            text: The body.

        Raises:
            MailUnavailableError: A connection or a 4xx answer went wrong.
            MailRefusedError: A 5xx answer.
        """
        message = EmailMessage()
        message["From"] = self._sender
        message["To"] = recipient
        message["Subject"] = subject
        message["Date"] = formatdate()
        message["Message-ID"] = f"<{message_id}@rapport>"
        message.set_content(text)
        try:
            with self._connect() as server:
                server.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            code = max(code for code, _ in error.recipients.values())
            raise _refusal(code) from None
        except smtplib.SMTPResponseException as error:
            raise _refusal(error.smtp_code) from None
        except smtplib.SMTPNotSupportedError:
            raise MailRefusedError("The mail server cannot take it.") from None
        except (OSError, smtplib.SMTPException) as error:
            raise MailUnavailableError(type(error).__name__) from None

    def _connect(self) -> smtplib.SMTP:
        is_implicit_tls = self._url.scheme == "smtps"
        server_class = smtplib.SMTP_SSL if is_implicit_tls else smtplib.SMTP
        server = server_class(
            self._url.hostname or "127.0.0.1", self._url.port or 25, timeout=_TIMEOUT_S
        )
        if self._url.username:
            if not is_implicit_tls:
                server.starttls()
            server.login(unquote(self._url.username), unquote(self._url.password or ""))
        return server


def _refusal(code: int) -> Exception:
    kind = MailRefusedError if code >= _PERMANENT else MailUnavailableError
    return kind(f"The mail server answered {code}.")


class MailServer(DependencyProvider):  # type: ignore[misc]
    """Injects a :class:`Mailer`."""

    def setup(self) -> None:
        """Read where the mail server is; nothing is connected yet."""
        self._mailer = Mailer(
            setting("SMTP_URL"), setting("MAIL_FROM", "rapport@localhost")
        )

    def get_dependency(self, _worker_ctx: Any) -> Mailer:
        """The same for every worker."""
        return self._mailer
