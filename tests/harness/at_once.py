"""Many clients that do something at the same time."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from botocore.exceptions import ClientError


def at_once(works: Sequence[Callable[[], object]]) -> list:
    """Begins all works together, each in a thread of its own; their results in order, an error of AWS as a result too."""
    start = threading.Barrier(len(works))

    def run(work: Callable[[], object]):
        start.wait()
        try:
            return work()
        except ClientError as error:
            return error

    with ThreadPoolExecutor(len(works)) as threads:
        return list(threads.map(run, works))


def refusals(results: list) -> list[str]:
    """The codes of the errors among the results."""
    return [result.response["Error"]["Code"] for result in results if isinstance(result, ClientError)]
