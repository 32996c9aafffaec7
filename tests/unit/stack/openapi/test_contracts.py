from stack.openapi.contracts import contract_of


def promising():
    """Do something; see ``Other.thing``.

    It takes ``a_while``
    to be done.

    Args:
        lead_id: A lead in status ``qualified``.
        payload: What to do with it, as
            a ``ConvertLeadInput``.

    Returns:
        A ``ConversionView``, with 202 while it is under way.

    Raises:
        ConflictError: ``lead_not_qualified`` or
            ``lead_is_converting``.

    Emits:
        ``sales.lead_converted`` v1.
    """


def listing():
    """See ``Other.thing``.

    Args:
        query: Parameters of the list grammar; see ``chassis.query``.

    Returns:
        ``{"data": [LeadView], "page": {…}}``.
    """


def showing():
    """Show a page.

    Returns:
        ``text/html`` or ``image/svg+xml``.
    """


class TestContracts:
    def test_are_what_a_docstring_promises(self):
        contract = contract_of(promising)

        assert contract.summary == "Do something."
        assert contract.description == "It takes `a_while` to be done."
        assert contract.takes == {"payload": "ConvertLeadInput"}
        assert contract.returns == "ConversionView"
        assert contract.statuses == (202,)
        assert contract.codes == {"lead_not_qualified", "lead_is_converting"}

    def test_tell_lists(self):
        contract = contract_of(listing)

        assert contract.is_list
        assert contract.row == "LeadView"
        assert contract.returns is None
        assert contract.summary == ""

    def test_tell_media_types(self):
        assert contract_of(showing).media_types == ("text/html", "image/svg+xml")

    def test_promise_nothing_without_a_docstring(self):
        contract = contract_of(lambda: None)

        assert contract.summary == ""
        assert contract.codes == frozenset()
