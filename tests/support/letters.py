"""The links in messages that the stack has sent."""

import mailbox
import re

__all__ = ["links_to", "subjects_to"]

_LINK = re.compile(r"http://\S+/account/(\S+)\?token=(\S+)")


def links_to(status, email, page=None):
    """Page and token of each link that was sent to an address, the oldest first.

    Of those to one page only, if that is said: who registers gets one, too.
    """
    texts = [each.get_payload(decode=True).decode() for each in _letters(status, email)]
    found = [match.groups() for text in texts if (match := _LINK.search(text))]
    return [each for each in found if page in {None, each[0]}]


def subjects_to(status, email):
    """What the messages to an address are about."""
    return {each["Subject"] for each in _letters(status, email)}


def _letters(status, email):
    box = mailbox.Maildir(status["mailbox"], create=False)
    return [each for each in box if each["To"] == email]
