"""An authenticator, as people have it on their telephone (RFC 6238)."""

import base64
import hashlib
import hmac
import struct
import time

from waiting import until

__all__ = ["Authenticator", "early_in_a_step", "turn_on"]

_STEP_S = 30
_ENOUGH_S = 8


def early_in_a_step():
    """Wait until the code that is shown by now will be for some seconds."""
    until(lambda: time.time() % _STEP_S < _STEP_S - _ENOUGH_S)


class Authenticator:
    """Shows codes of the step that is now, or of one beside it."""

    def __init__(self, secret):
        self._secret = base64.b32decode(secret)

    def code(self, steps=0):
        """RFC 4226 section 5.3, written anew so that it proves something."""
        counter = struct.pack(">Q", int(time.time()) // _STEP_S + steps)
        digest = hmac.new(self._secret, counter, hashlib.sha1).digest()
        offset = digest[-1] & 15
        (number,) = struct.unpack(">I", digest[offset : offset + 4])
        return f"{(number & 0x7FFFFFFF) % 1_000_000:06}"


def turn_on(client):
    """Give somebody a second factor: their authenticator and recovery codes.

    The code of the step before is used by that.
    """
    own = {"current_password": client.credentials["password"]}
    status, begun, _ = client("POST", "/v1/auth/mfa/totp", own)
    assert status == 200, begun
    authenticator = Authenticator(begun["secret"])
    early_in_a_step()
    payload = {"otp": authenticator.code(-1)}
    status, answer, _ = client("POST", "/v1/auth/mfa/totp/confirm", payload)
    assert status == 200, answer
    return authenticator, answer["recovery_codes"]
