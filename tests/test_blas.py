"""BLAS is held to one thread from whatever thread, and set free by the last one out."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

from moe_theory._blas import single_blas_thread


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
