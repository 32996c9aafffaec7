"""The service container: Nameko's, with every database call bounded.

Named in each ``config.yml`` as ``SERVICE_CONTAINER_CLS``.
"""

import time
from typing import Any, Final

import pymongo
from nameko.containers import ServiceContainer

from chassis.context import context_of

__all__ = ["Container"]

_LEAST_S: Final = 0.001


class Container(ServiceContainer):  # type: ignore[misc]
    """Runs each worker within the deadline of the request or event behind it."""

    def _run_worker(self, worker_ctx: Any, handle_result: Any) -> None:
        left_s = context_of(worker_ctx).deadline - time.time()
        with pymongo.timeout(max(left_s, _LEAST_S)):
            super()._run_worker(worker_ctx, handle_result)
