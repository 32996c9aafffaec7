import pytest

from gateway_flask.inputs import body
from gateway_flask.policies import Policy
from gateway_flask.responses import answer
from stack.openapi.codes import codes_of
from stack.openapi.components import Schemas
from stack.openapi.operations import UndescribedRouteError, operation
from stack.openapi.problems import Problems
from stack.openapi.routes import Route


def silent():
    return answer({})


def takes_something():
    """Take something.

    Returns:
        A ``LivenessView``.
    """
    return answer(body())


def answers_something():
    """Answer something."""
    return answer({})


def takes_without_example():
    """Take an operation.

    Args:
        payload: A ``BatchOperationInput``.

    Returns:
        A ``LivenessView``.
    """
    return answer(body())


def describe(view, **calls):
    policy = Policy(
        permission=None,
        is_public=True,
        limit="none",
        deadline_s=1,
        reads_query=False,
    )
    route = Route(
        method="post",
        path="/v1/things",
        converters={},
        name=view.__name__,
        view=view,
        policy=policy,
        service=None,
        rpc=None,
        calls={"answer": answer, **calls},
    )
    problems = Problems()
    problems.count(codes_of(route))
    return operation(route, Schemas(), problems)


class TestOperations:
    @pytest.mark.parametrize(
        ("view", "calls", "complaint"),
        [
            (silent, {}, "has no docstring that says what it does"),
            (answers_something, {}, "does not say which view it returns"),
            (takes_something, {"body": body}, "no schema for its argument ``payload``"),
            (takes_without_example, {"body": body}, "which has no ``example``"),
        ],
    )
    def test_have_to_be_described(self, view, calls, complaint):
        with pytest.raises(UndescribedRouteError) as caught:
            describe(view, **calls)

        told = str(caught.value)
        assert complaint in told
        assert f"POST /v1/things: {view.__name__}" in told
        assert "CONTRIBUTING.md" in told
