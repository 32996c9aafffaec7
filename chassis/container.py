"""The service container: Nameko's, bounded in time and with less to say.

Named in each ``config.yml`` as ``SERVICE_CONTAINER_CLS``.
"""

import sys
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
        """The steps of Nameko's own, without its timing and its logging.

        Those are a tenth of a small request, log expected refusals with their
        stack, and know less about a failure than the entrypoints, who log it.
        """
        left_s = context_of(worker_ctx).deadline - time.time()
        with pymongo.timeout(max(left_s, _LEAST_S)):
            self._inject_dependencies(worker_ctx)
            self._worker_setup(worker_ctx)
            result = exc_info = None
            method = getattr(worker_ctx.service, worker_ctx.entrypoint.method_name)
            try:
                result = method(*worker_ctx.args, **worker_ctx.kwargs)
            except Exception:  # noqa: BLE001 - the entrypoint answers for it
                exc_info = sys.exc_info()
            if handle_result is not None:
                result, exc_info = handle_result(worker_ctx, result, exc_info)
            self._worker_result(worker_ctx, result, exc_info)
            # Breaks a cycle, so that the frames are gone without a collection.
            del exc_info
            self._worker_teardown(worker_ctx)
