"""`train_many`: many networks at once, over all cores."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence, Set
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from typing import Any, TypedDict, TypeVar, Unpack, overload

import numpy as np

from moe_theory._arguments import NETWORKS, is_law
from moe_theory._cores import n_cores
from moe_theory._memory import check_fits
from moe_theory._progress import progress_bar
from moe_theory._random import Seed, seed_sequence
from moe_theory._stopping import heeding, stop_if_asked
from moe_theory._validation import boolean, instance, integer, reject, wrong_object
from moe_theory.data import DataModel, PatchData
from moe_theory.models import Model
from moe_theory.training.one import Engine, train
from moe_theory.training.run import TrainingRun
from moe_theory.training.sgd import SGD

T = TypeVar("T")
Replica = tuple[Model, SGD, Seed]
# Bytes of a seed, and of a replica and its result, at least.
SEED_BYTES = 1000


class TrainOptions(TypedDict, total=False):
    """What `train_many` hands on to `train`."""

    router_data: PatchData | None
    raise_on_divergence: bool
    engine: Engine


@overload
def train_many(
    model: Model | Sequence[Model],
    data: PatchData | DataModel,
    sgd: SGD | Sequence[SGD],
    seeds: Iterable[Seed],
    *,
    reduce: Callable[[TrainingRun], T],
    n_train: int | None = ...,
    n_test: int | None = ...,
    test: PatchData | None = ...,
    n_workers: int | None = ...,
    progress: bool = ...,
    **options: Unpack[TrainOptions],
) -> list[T]: ...


@overload
def train_many(
    model: Model | Sequence[Model],
    data: PatchData | DataModel,
    sgd: SGD | Sequence[SGD],
    seeds: Iterable[Seed],
    *,
    reduce: None = ...,
    n_train: int | None = ...,
    n_test: int | None = ...,
    test: PatchData | None = ...,
    n_workers: int | None = ...,
    progress: bool = ...,
    **options: Unpack[TrainOptions],
) -> list[TrainingRun]: ...


def train_many(
    model: Model | Sequence[Model],
    data: PatchData | DataModel,
    sgd: SGD | Sequence[SGD],
    seeds: Iterable[Seed],
    *,
    reduce: Callable[[TrainingRun], Any] | None = None,
    n_train: int | None = None,
    n_test: int | None = None,
    test: PatchData | None = None,
    n_workers: int | None = None,
    progress: bool = False,
    **options: Unpack[TrainOptions],
) -> list[Any]:
    """Train replicas: every setting with every seed, each as `train` would, bit for bit.

    Kernels release the GIL, so that threads use all cores; a replica's arrays stay in the cache
    of its core, and replicas share nothing that they write. Ctrl-C ends all of them.

    Parameters
    ----------
    model, sgd : specification, or sequence of them
        Two sequences of equal length pair up; a single one goes with each of the other.
    data : PatchData or data model
        Samples that all replicas share, or the law from which each draws ``n_train`` of its own,
        ``data.sample(n_train, seed)``, so that memory does not grow with their number.
    seeds : iterable of int or SeedSequence
        Seeds of the replicas of each setting, such as ``range(5)``.
    reduce : callable, optional
        Applied to each run where it was made; its values are returned, and the runs dropped.
    n_train, n_test : int, optional
        Sizes of the samples of each replica; with a data model only, where ``n_test`` samples of
        ``split="test"`` go to the history.
    test : PatchData, optional
        As for `train`; the same for all replicas.
    n_workers : int, optional
        Threads; by default one per core that the process may use. The result does not depend on
        it.
    progress : bool
        Show a bar on standard error.
    **options
        ``router_data``, ``raise_on_divergence`` and ``engine``, as for `train`.

    Returns
    -------
    list of TrainingRun, or of the values of ``reduce``
        All seeds of the first setting, then of the second, and so on.

    Raises
    ------
    TypeError
        If an argument is another object than it should be, such as a number in place of seeds.
    ValueError
        If the arguments do not fit together, or as `train` does.
    DivergenceError
        As `train` does, for the first replica that diverges.

    Examples
    --------
    >>> from moe_theory import DenseCNN, PatchPatterns
    >>> patterns = PatchPatterns(n_patches=8, n_irrelevant=64, patch_dim=66)
    >>> sgd = SGD(learning_rate=1.0, batch_size=20, n_steps=300)
    >>> errors = train_many(DenseCNN(10), patterns, sgd, range(20), n_train=100, n_test=500,
    ...                     reduce=lambda run: run.history.test_error[-1])
    >>> len(errors)
    20
    """
    settings = _pair(model, sgd)
    own_seeds = _seeds(seeds, len(settings))
    if reduce is not None and not callable(reduce):
        raise wrong_object("reduce", reduce, "a function of a TrainingRun, or None")
    draw = _sampler(data, n_train, n_test, test)
    replicas = [(m, s, seed) for m, s in settings for seed in own_seeds]
    workers = n_cores() if n_workers is None else integer("n_workers", n_workers, 1)
    workers = min(workers, max(1, len(replicas)))
    progress = boolean("progress", progress)

    def one(replica: Replica) -> Any:
        own_model, own_sgd, seed = replica
        own, own_test = draw(seed)
        run = train(own_model, own, own_sgd, seed, test=own_test, **options)
        return run if reduce is None else reduce(run)

    bar = progress_bar(len(replicas), "run", shown=progress)
    results = []
    # Closed here, since a traceback would keep it, and its threads, alive.
    with bar, closing(_in_order(one, replicas, workers)) as found:
        for result in found:
            results.append(result)
            bar.update()
    return results


def _pair(model: Model | Sequence[Model], sgd: SGD | Sequence[SGD]) -> list[tuple[Model, SGD]]:
    models = _listed("model", model, Model, f"{NETWORKS}, or a sequence of them")
    sgds = _listed("sgd", sgd, SGD, "an SGD, or a sequence of them")
    if len(models) != len(sgds) and 1 not in (len(models), len(sgds)):
        given = (len(models), len(sgds))
        raise reject("lengths of (model, sgd)", given, "equal, or one of them 1")
    n_settings = max(len(models), len(sgds)) if models and sgds else 0
    return [(models[i % len(models)], sgds[i % len(sgds)]) for i in range(n_settings)]


def _listed(argument: str, given: Any, kind: Any, wanted: str) -> list[Any]:
    """Return a list of what is given, one thing of its kind or a sequence of them."""
    if isinstance(given, kind):
        return [given]
    if not isinstance(given, Sequence) or isinstance(given, str | bytes):
        raise wrong_object(argument, given, wanted)
    for place, one in enumerate(given):
        instance(f"{argument}[{place}]", one, kind, wanted.partition(", or")[0])
    return list(given)


def _seeds(seeds: Iterable[Seed], n_settings: int) -> list[Seed]:
    """Return the seeds as a list, since a generator gives them but once."""
    flat = not isinstance(seeds, np.ndarray) or seeds.ndim == 1
    if (
        isinstance(seeds, str | bytes | Mapping | Set)
        or not isinstance(seeds, Iterable)
        or not flat
    ):
        raise wrong_object("seeds", seeds, "a sequence of seeds, such as range(5)")
    if isinstance(seeds, range):  # its length may be too large for `len`
        count = max(0, -((seeds.start - seeds.stop) // seeds.step))
        check_fits("seeds", seeds, count * n_settings * SEED_BYTES, "a list of the replicas")
    listed = list(seeds)
    for place, seed in enumerate(listed):
        try:
            seed_sequence(seed)
        except (TypeError, ValueError) as error:
            raise type(error)(f"seeds[{place}]: {error}") from None
    return listed


def _sampler(
    data: PatchData | DataModel, n_train: int | None, n_test: int | None, test: PatchData | None
) -> Callable[[Seed], tuple[PatchData, PatchData | None]]:
    if isinstance(data, PatchData):
        for name, size in (("n_train", n_train), ("n_test", n_test)):
            if size is not None:
                raise reject(name, size, "None where data are samples")
        return lambda seed: (data, test)
    if not is_law(data):
        raise wrong_object("data", data, "PatchData, or a data model such as PatchPatterns")
    n_own = integer("n_train", n_train, 1)
    if n_test is None:
        return lambda seed: (data.sample(n_own, seed), test)
    if test is not None:
        raise reject("n_test", n_test, "None where test is given")
    n_tested = integer("n_test", n_test, 1)
    return lambda seed: (data.sample(n_own, seed), data.sample(n_tested, seed, split="test"))


def _in_order(
    function: Callable[[Replica], Any], replicas: Iterable[Replica], n_workers: int
) -> Generator[Any, None, None]:
    """Yield results in order, with a bounded number of replicas under way.

    Where the caller stops listening, as at Ctrl-C or an error, those under way end unfinished.
    """
    waiting, asked = iter(replicas), threading.Event()

    def one(replica: Replica) -> Any:
        with heeding(asked):
            stop_if_asked()
            return function(replica)

    with ThreadPoolExecutor(n_workers) as pool:
        try:
            jobs: list[Future[Any]] = [
                pool.submit(one, replica) for replica in islice(waiting, 4 * n_workers)
            ]
            while jobs:
                result = jobs.pop(0).result()
                jobs.extend(pool.submit(one, replica) for replica in islice(waiting, 1))
                yield result
        finally:
            asked.set()
            pool.shutdown(cancel_futures=True)
