import pytest
from flask import Request

from gateway_flask.context import client_address, is_secure, is_traceparent

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def request_with(**environ):
    return Request({"REMOTE_ADDR": "10.0.0.1", **environ})


class TestClientAddress:
    def test_is_the_peer_without_proxies(self):
        request = request_with(HTTP_X_FORWARDED_FOR="1.2.3.4")

        assert client_address(request, 0) == "10.0.0.1"

    @pytest.mark.parametrize(
        ("proxies", "forwarded", "expected"),
        [
            (1, "1.2.3.4", "1.2.3.4"),
            (1, "6.6.6.6, 1.2.3.4", "1.2.3.4"),
            (2, "6.6.6.6, 1.2.3.4, 10.0.0.2", "1.2.3.4"),
            (2, "1.2.3.4", "1.2.3.4"),
            (1, "2001:DB8::1", "2001:db8::1"),
            (1, "", "10.0.0.1"),
            (1, "nonsense", "10.0.0.1"),
        ],
    )
    def test_is_what_our_outermost_proxy_saw(self, proxies, forwarded, expected):
        request = request_with(HTTP_X_FORWARDED_FOR=forwarded)

        assert expected == client_address(request, proxies)


class TestIsSecure:
    def test_believes_a_trusted_proxy(self):
        assert is_secure(request_with(HTTP_X_FORWARDED_PROTO="https"), 1)

    def test_does_not_believe_the_client(self):
        assert not is_secure(request_with(HTTP_X_FORWARDED_PROTO="https"), 0)


class TestTraceparent:
    @pytest.mark.parametrize(
        "text", [TRACE, "01-" + TRACE[3:], "01-" + TRACE[3:] + "-more"]
    )
    def test_accepts_what_w3c_does(self, text):
        assert is_traceparent(text)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "nonsense",
            TRACE.upper(),
            TRACE + "-more",
            "ff" + TRACE[2:],
            TRACE.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32),
            TRACE.replace("00f067aa0ba902b7", "0" * 16),
        ],
    )
    def test_refuses_the_rest(self, text):
        assert not is_traceparent(text)


class TestRequestIds:
    @pytest.mark.parametrize(
        "given", ["abc.1_2-3", "Root=1-67891233-abcdef012345;Self=2", "q2/+x==", "<'~"]
    )
    def test_a_given_one_is_echoed_and_passed_on(self, client, bus, given):
        answer = client.get("/v1/me", headers={"X-Request-Id": given})

        assert answer.headers["X-Request-Id"] == given
        assert bus.calls[0][2]["request_id"] == given

    @pytest.mark.parametrize("given", ["a" * 129, "a b", "é", "", "a\tb"])
    def test_a_strange_one_is_replaced(self, client, given):
        answer = client.get("/v1/me", headers={"X-Request-Id": given})

        assert len(answer.headers["X-Request-Id"]) == 36

    def test_a_trace_is_continued(self, client, bus):
        client.get("/v1/me", headers={"traceparent": TRACE})

        assert bus.calls[0][2]["traceparent"] == TRACE

    def test_a_broken_trace_is_replaced(self, client, bus):
        client.get("/v1/me", headers={"traceparent": "x"})

        assert is_traceparent(bus.calls[0][2]["traceparent"])
