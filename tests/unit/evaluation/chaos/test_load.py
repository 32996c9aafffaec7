import pytest

from evaluation.chaos.load import is_worth_another_try
from evaluation.chaos.writes import Answer


class TestIsWorthAnotherTry:
    @pytest.mark.parametrize(
        ("status", "code", "wanted"),
        [
            ("closed", "", True),
            ("refused", "", True),
            ("silent", "", True),
            ("503", "service_unavailable", True),
            ("504", "deadline_exceeded", True),
            ("429", "rate_limited", True),
            ("409", "idempotency_key_in_progress", True),
            ("409", "lead_not_qualified", False),
            ("422", "idempotency_key_reused", False),
            ("404", "contact_not_found", False),
            ("201", "", False),
        ],
    )
    def test_tells_what_passes_from_what_stays(self, status, code, wanted):
        assert is_worth_another_try(Answer(status, code, 0.1, "")) is wanted
