from stack.shell import mask_password


class TestMaskPassword:
    def test_shows_where_but_not_how(self):
        uri = "pyamqp://operator:secret@127.0.0.1:5672/rapport"

        assert "pyamqp://operator@127.0.0.1:5672/rapport" == mask_password(uri)
