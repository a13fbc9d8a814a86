"""Arrays in mapped files: the same after their pages were given back, which frees the memory they took."""

from pathlib import Path

import numpy as np
import pytest

from models import mapped

ROWS, WIDTH = 2**16, 64  # 16 MiB of float32


def filled(folder: Path) -> np.ndarray:
    array = mapped.scratch_array((ROWS, WIDTH), np.dtype(np.float32), folder)
    array[:] = np.arange(ROWS, dtype=np.float32)[:, None]
    return array


@pytest.mark.skipif(not mapped.STATM.exists(), reason="the system does not say what is held")
def test_pages_beyond_the_bound_are_given_back_and_nothing_is_lost(tmp_path: Path) -> None:
    array = filled(tmp_path)
    assert mapped.give_back(0)  # what is held then are libraries
    array[:] += 0
    assert not list(tmp_path.iterdir()), "the file has no name"
    held = mapped._held()
    assert not mapped.give_back(array.nbytes * 2), "less than the bound is held"
    assert mapped.give_back(array.nbytes // 2)
    assert mapped._held() < held - array.nbytes // 2
    rows = np.random.default_rng(0).permutation(ROWS)
    assert np.array_equal(array[rows, 3], rows.astype(np.float32))
    array[5] = 7
    assert mapped.give_back(0) and (array[5] == 7).all()


@pytest.mark.skipif(not mapped.STATM.exists(), reason="the system does not say what is held")
def test_files_of_arrays_are_read_again_after_they_were_given_back(tmp_path: Path) -> None:
    path = tmp_path / "numbers.npy"
    np.save(path, np.arange(2**22))
    array = mapped.read_array(path)
    assert int(array[0]) == 0 and mapped.give_back(0)
    before = mapped._held()
    total = int(array.sum())
    assert mapped._held() > before + array.nbytes // 2
    assert mapped.give_back(array.nbytes // 2) and mapped._held() < before + array.nbytes // 2
    assert int(array.sum()) == total == 2**21 * (2**22 - 1)
    with pytest.raises(FileNotFoundError):
        mapped.read_array(tmp_path / "nothing.npy")
