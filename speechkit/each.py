"""One function over many items: on the cores of this machine, or on the workers of a Dask scheduler."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import version
from itertools import chain, islice
from typing import Any, Final, TypeVar

from speechkit.errors import WorkersError

_QUEUED: Final = 3  # items that wait for each worker: none is idle, and an interruption loses few
_PATIENCE_S: Final = 15.0  # for a scheduler to answer, and for its first worker
_NO_START: Final = (
    "the processes that share the work cannot start; what they wrote above says why. Each reads the script that was "
    'started first, so a script does its work under `if __name__ == "__main__":`.'
)

_Item = TypeVar("_Item")
_Answer = TypeVar("_Answer")


def each(
    function: Callable[[_Item], _Answer],
    items: Iterable[_Item],
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    lost: Callable[[_Item], _Answer] | None = None,
    preload: Sequence[str] = (),
) -> Iterator[tuple[_Item, _Answer]]:
    """Apply a function to items in other processes; yields each item with its answer, as they end.

    Without a `scheduler`, the processes are `workers` on this machine, one for each core when not given. With one,
    the address of a Dask scheduler such as `tcp://10.0.0.1:8786`, they are its workers: these need speechkit and see
    the same files under the same paths. The function, the items and the answers travel: the function stands in a
    module, and what it raises is raised here. An item whose process dies is tried once more, alone; when it dies
    again, `lost` answers for it, else WorkersError is raised. `preload` names modules that local workers share.

    Raises WorkersError when the scheduler does not answer or has no workers, the extra `dask` is missing, or no process
    can start, as from a script that works without `if __name__ == "__main__":`.

    >>> sorted(each(abs, [-2, 3], workers=1))
    [(-2, 2), (3, 3)]
    """
    given = iter(items)
    if scheduler is None:
        yield from _here(function, given, workers or os.cpu_count() or 1, lost or _dead, preload)
    else:
        with _connected(scheduler) as client:
            yield from _there(client, scheduler, function, given, lost or _dead)


def _dead(item: object) -> Any:
    raise WorkersError(
        f"the process that worked on {item!r:.200} died twice. See whether it is out of memory."
    )


# --- this machine -------------------------------------------------------------------------------------------


def _here(
    function: Callable[[_Item], _Answer],
    items: Iterator[_Item],
    size: int,
    lost: Callable[[_Item], _Answer],
    preload: Sequence[str],
) -> Iterator[tuple[_Item, _Answer]]:
    if getattr(multiprocessing.current_process(), "_inheriting", False):  # a worker that reads the script
        raise WorkersError(_NO_START)
    context = _context([function.__module__, *preload])
    # the server that forks the workers keeps the environment in which it was started
    same: dict[str, Any] = {"initializer": _set_environment, "initargs": (dict(os.environ),)}
    started = False
    while True:
        under_way: dict[Future[_Answer], _Item] = {}
        pool = ProcessPoolExecutor(size, context, **same)
        try:
            while True:
                for item in islice(items, size * _QUEUED - len(under_way)):
                    try:
                        under_way[pool.submit(function, item)] = item
                    except BrokenProcessPool:
                        items = chain([item], items)
                        raise
                if not under_way:
                    return
                for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                    answer = future.result()
                    started = True
                    yield under_way.pop(future), answer
        except BrokenProcessPool:
            pass  # whoever was under way with the process that died may be why: one try each, alone
        finally:
            pool.shutdown(cancel_futures=True)
        if not started:
            _try_to_start(context, same)
            started = True
        for item in under_way.values():
            with ProcessPoolExecutor(1, context, **same) as alone:
                try:
                    answer = alone.submit(function, item).result()
                except BrokenProcessPool:
                    answer = lost(item)
            yield item, answer


def _try_to_start(context: Any, same: dict[str, Any]) -> None:
    with ProcessPoolExecutor(1, context, **same) as alone:
        try:
            alone.submit(int).result()
        except BrokenProcessPool:
            raise WorkersError(_NO_START) from None


def _set_environment(environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)


def _context(preload: list[str]) -> Any:
    """How workers start: on Linux as forks of a server that has these modules, elsewhere anew."""
    if not sys.platform.startswith("linux"):
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(preload)
    return context


# --- a scheduler --------------------------------------------------------------------------------------------


@contextmanager
def _connected(scheduler: str) -> Iterator[Any]:
    """Connect to a scheduler that has workers with this version of speechkit."""
    try:
        distributed: Any = import_module("distributed")  # its own names have no types
    except ImportError:
        raise WorkersError(
            "a scheduler needs the extra `dask`. Install it with: pip install 'speechkit[dask]'"
        ) from None
    try:
        client = distributed.Client(scheduler, timeout=_PATIENCE_S, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise WorkersError(
            f"no Dask scheduler answers at {scheduler}. Start one with `dask scheduler`, and see its address."
        ) from error
    with client:
        try:
            client.wait_for_workers(1, timeout=_PATIENCE_S)
        except TimeoutError:
            raise WorkersError(
                f"the scheduler {scheduler} has no workers. Start some with: dask worker {scheduler}"
            ) from None
        here = version("speechkit")
        for name, found in client.run(version, "speechkit", on_error="return").items():
            if found != here:
                what = f"has speechkit {found}" if isinstance(found, str) else "has no speechkit"
                raise WorkersError(
                    f"the worker {name} {what}, and this is {here}. Install the same version for all workers."
                )
        yield client


def _there(
    client: Any,
    scheduler: str,
    function: Callable[[_Item], _Answer],
    items: Iterator[_Item],
    lost: Callable[[_Item], _Answer],
) -> Iterator[tuple[_Item, _Answer]]:
    distributed: Any = import_module("distributed")
    under_way: dict[Any, _Item] = {}
    suspects: list[_Item] = []  # under way when workers died: one more try each, with nothing beside it
    ended = distributed.as_completed(loop=client.loop)
    while True:
        future: Any = None
        try:
            size = max(1, sum(client.nthreads().values())) * _QUEUED  # workers come and go
            for item in islice(items, max(0, size - len(under_way))):
                under_way[future := client.submit(function, item, pure=False)] = item
                ended.add(future)
            if not under_way:
                break
            future = next(ended)
            answer = future.result()
        except distributed.KilledWorker:
            suspects.append(under_way.pop(future))
            continue
        except (CancelledError, OSError) as error:
            if future is not None and future.status == "error":  # the function raised it
                raise
            raise WorkersError(
                f"the scheduler {scheduler} went away. Start it again, and run this again."
            ) from error
        yield under_way.pop(future), answer
    for item in suspects:
        try:
            answer = client.submit(function, item, pure=False).result()
        except distributed.KilledWorker:
            answer = lost(item)
        yield item, answer
