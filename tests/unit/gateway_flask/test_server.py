from gunicorn.config import Config

from gateway_flask.server import GatewayLogger


class TestLogger:
    def test_leaves_printing_to_the_process(self):
        logger = GatewayLogger(Config())

        assert logger.error_log.propagate
        assert logger.error_log.handlers == []
