import asyncio

from aiosmtpd.smtp import Envelope

from stack.mail import Catcher


def _deliver(catcher: Catcher, text: str) -> str:
    envelope = Envelope()
    envelope.mail_from = "a@rapport.example"
    envelope.rcpt_tos = ["b@rapport.example"]
    envelope.original_content = f"Subject: {text}\r\n\r\n{text}\r\n".encode()
    return asyncio.run(catcher.handle_DATA(None, None, envelope))


class TestCatcher:
    def test_keeps_a_message_with_its_envelope(self, tmp_path):
        answer = _deliver(Catcher(tmp_path / "mailbox"), "welcome")
        (kept,) = (tmp_path / "mailbox" / "new").iterdir()

        assert answer.startswith("250")
        assert "X-Envelope-To: b@rapport.example" in kept.read_text()

    def test_lets_the_oldest_go_when_there_are_too_many(self, tmp_path):
        catcher = Catcher(tmp_path / "mailbox", most_messages=4)

        for number in range(5):
            _deliver(catcher, f"message {number}")

        kept = sorted(path.read_text() for path in (tmp_path / "mailbox/new").iterdir())
        assert len(kept) == 2
        assert "message 4" in kept[-1]
