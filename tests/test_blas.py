"""BLAS is held to one thread from whatever thread, and set free by the last one out.

Predictions and flows, the last to use it, hold it wherever they multiply.
"""

import dis
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import pytest
from test_arguments import PUBLIC, right
from threadpoolctl import ThreadpoolController, threadpool_limits

from moe_theory import SGD, DenseCNN
from moe_theory._blas import _libraries, single_blas_thread


def sizes():
    return {
        one["num_threads"] for one in ThreadpoolController().info() if one["user_api"] == "blas"
    }


@pytest.fixture(autouse=True)
def _two_threads():
    """The main thread sets the size first, as any caller of the package may have done."""
    before = threadpool_limits(limits=2, user_api="blas")
    assert sizes() == {2}
    yield
    with single_blas_thread():  # takes control of the pools, whoever had it
        pass
    before.restore_original_limits()


def inside(entered, leave):
    with single_blas_thread():
        entered.set()
        leave.wait(20)
        return sizes()


def test_from_any_thread():
    with ThreadPoolExecutor(1) as pool:

        def hold():
            with single_blas_thread():
                return sizes()

        assert pool.submit(hold).result() == {1}
        assert pool.submit(sizes).result() == sizes() == {2}
        with single_blas_thread():
            assert sizes() == {1}
            assert pool.submit(hold).result() == {1}
            assert sizes() == {1}
        assert sizes() == {2}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_whoever_leaves_first(order):
    marks = [(threading.Event(), threading.Event()) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        jobs = []
        for entered, leave in marks:
            jobs.append(pool.submit(inside, entered, leave))
            assert entered.wait(20)
        for last, place in enumerate(order):
            assert sizes() == {1}
            marks[place][1].set()
            assert jobs[place].result(20) == {1}
            assert sizes() == ({2} if last else {1})


def test_an_error_sets_it_free():
    with pytest.raises(KeyError), single_blas_thread():
        raise KeyError
    assert sizes() == {2}


# Searches call what is tried here.
WORK = {
    name for name in PUBLIC
    if name.startswith(("predictions.", "flow.")) and not name.endswith("_samples_to")
}  # fmt: skip
STILL = DenseCNN(4, init_std=1e-9)
OWN = {
    "few_steps_error": {"model": STILL, "sgd": SGD(64.0, batch_size=20, n_steps=2)},
    "one_step_error": {"model": STILL},
}


def multiplies(code):
    """Return whether a function of predictions or flows may call BLAS itself."""
    if "moe_theory/predictions" not in code.co_filename and "/flow/" not in code.co_filename:
        return False
    if "single_blas_thread" in code.co_names:  # holds it itself, after it was called
        return False
    return {"linalg", "dot", "tensordot", "einsum"} & {*code.co_names} or any(
        step.opname == "BINARY_OP" and step.argrepr == "@" for step in dis.get_instructions(code)
    )


@pytest.mark.parametrize("name", sorted(WORK))
def test_predictions_hold_it_in_a_second_thread(name):
    held, (library, *_) = [], _libraries()
    known = cache(multiplies)

    def look(frame, event, _):
        if event == "call" and known(frame.f_code):
            held.append((library.get_num_threads(), frame.f_code.co_qualname))

    def work():
        sys.setprofile(look)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                PUBLIC[name](**right(name) | OWN.get(name.rpartition(".")[2], {}))
        finally:
            sys.setprofile(None)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()
    assert not {where for size, where in held if size != 1}
    assert held or not name.endswith(("trained_error", "gradient_flow"))
    assert sizes() == {2}
