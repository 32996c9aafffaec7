import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.effects import Effect
from chassis.errors import InvalidInputError
from chassis.events import event_id
from chassis.ids import new_id
from gateway_flask.consistency import MOST_RECORDS, Token

ORG, OTHER_ORG, OPERATION = new_id(), new_id(), new_id()


def effects(count):
    return [Effect(new_id(), number + 1, number) for number in range(count)]


class TestToken:
    @pytest.mark.parametrize("count", [1, MOST_RECORDS, MOST_RECORDS + 1, 500])
    def test_is_read_as_it_was_written(self, count):
        token = Token.of(effects(count), OPERATION)
        text = token.write(ORG)

        assert len(text) <= 1_000
        assert Token.read(text, ORG) == token

    def test_names_the_events_of_few_records(self):
        contact, silent = Effect(new_id(), 3, 2), Effect(new_id(), 3, 0)

        token = Token.of([contact, silent], OPERATION)

        assert token.events == [event_id(contact.record_id, 2)]

    def test_counts_those_of_many(self):
        token = Token.of(effects(100), OPERATION)

        assert token.operation == (OPERATION, 99, sum(range(100)))

    def test_allows_what_is_as_new(self):
        written = Effect(new_id(), 3, 2)
        token = Token.of([written], OPERATION)

        assert not token.allows(written.record_id, 2)
        assert token.allows(written.record_id, 3)
        assert token.allows(new_id(), 1)
        assert not Token.of(effects(100), OPERATION).allows(new_id(), 9)

    def test_of_another_organization_is_none(self):
        text = Token.of(effects(2), OPERATION).write(ORG)

        with pytest.raises(InvalidInputError) as caught:
            Token.read(text, OTHER_ORG)

        assert caught.value.code == "consistency_token_invalid"

    @given(
        st.one_of(st.text(max_size=1_100), st.binary().map(base64.urlsafe_b64encode))
    )
    def test_is_nothing_invented(self, text):
        given_text = text if isinstance(text, str) else text.decode()

        with pytest.raises(InvalidInputError):
            Token.read(given_text, ORG)
