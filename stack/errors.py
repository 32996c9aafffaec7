"""What the person at the keyboard can remedy."""

__all__ = ["StackError"]


class StackError(Exception):
    """Says in one sentence what is wrong and in the next what to do about it."""
