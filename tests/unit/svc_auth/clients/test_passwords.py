import pytest
from argon2 import PasswordHasher, extract_parameters

from chassis.errors import UnavailableError
from svc_auth.clients.passwords import Passwords

WEAKER = PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1)


@pytest.fixture(scope="module")
def passwords():
    return Passwords()


class TestPasswords:
    def test_are_checked_against_their_hash(self, passwords):
        hashed = passwords.hash("correct horse")

        assert passwords.matches(hashed, "correct horse")
        assert not passwords.matches(hashed, "correct horses")
        assert not passwords.is_outdated(hashed)

    def test_of_nobody_are_wrong(self, passwords):
        assert not passwords.matches(None, "nobody has this password")

    def test_with_a_hash_that_is_none_are_wrong(self, passwords):
        assert not passwords.matches("not a hash", "correct horse")

    def test_are_never_hashed_with_less_than_the_floor(self):
        parameters = extract_parameters(Passwords(1, 1).hash("correct horse"))

        assert (parameters.memory_cost, parameters.time_cost) == (19_456, 2)

    def test_hashed_with_less_are_right_but_outdated(self, passwords):
        hashed = WEAKER.hash("correct horse")

        assert passwords.matches(hashed, "correct horse")
        assert passwords.is_outdated(hashed)

    def test_are_refused_when_too_many_wait(self, passwords):
        passwords._waiting = 32
        try:
            with pytest.raises(UnavailableError):
                passwords.hash("correct horse")
        finally:
            passwords._waiting = 0
