from stack.logs import last_lines, rotate


class TestRotate:
    def test_leaves_a_small_log_alone(self, tmp_path):
        log = tmp_path / "gateway.log"
        log.write_text("one\n")

        rotate(log, largest_bytes=100)

        assert log.read_text() == "one\n"

    def test_empties_a_large_log_and_keeps_one_copy(self, tmp_path):
        log = tmp_path / "gateway.log"
        log.write_text("one\n")

        rotate(log, largest_bytes=2)

        assert log.read_text() == ""
        assert (tmp_path / "gateway.log.1").read_text() == "one\n"

    def test_does_nothing_without_a_log(self, tmp_path):
        rotate(tmp_path / "none.log")

        assert [] == list(tmp_path.iterdir())


class TestLastLines:
    def test_are_the_end_of_the_log(self, tmp_path):
        log = tmp_path / "gateway.log"
        log.write_text("one\ntwo\nthree\n")

        assert ["two", "three"] == last_lines(log, 2)

    def test_are_none_without_a_log(self, tmp_path):
        assert [] == last_lines(tmp_path / "none.log", 2)
