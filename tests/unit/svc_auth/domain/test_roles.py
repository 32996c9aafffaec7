from svc_auth.domain.roles import grants_of


class TestGrantsOf:
    def test_lets_the_owner_do_everything(self):
        assert grants_of(("owner",)) == {"*": "all"}

    def test_gives_an_unknown_role_nothing(self):
        assert grants_of(("nobody",)) == {}
