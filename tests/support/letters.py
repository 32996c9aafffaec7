"""The links in messages that the stack has sent."""

import mailbox
import re

__all__ = ["links_to"]

_LINK = re.compile(r"http://\S+/account/(\S+)\?token=(\S+)")


def links_to(status, email):
    """Page and token of each link that was sent to an address, the oldest first."""
    box = mailbox.Maildir(status["mailbox"], create=False)
    letters = [each for each in box if each["To"] == email]
    texts = [each.get_payload(decode=True).decode() for each in letters]
    return [match.groups() for text in texts if (match := _LINK.search(text))]
