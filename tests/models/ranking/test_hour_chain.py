"""Hours of a day lean on each other: each folder holds its own, and what changed under a state is told."""

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace

import numpy as np
import pytest
import torch

from models.ranking import hour_chain
from models.ranking.features.day_events import mentioned, pack
from models.ranking.features.event_log import rows
from models.ranking.hour_chain import ABOUT, EVENTS, FORMER, BrokenChain
from models.ranking.ranker import Ranker
from tests.models.ranking.toy import TRAIN_HOURS, hour_of, toy_log, train

SYSTEM = "lsttm_spectral"  # it reads everything: counts, a graph, lists of clicks, factors
HOURS = range(TRAIN_HOURS, TRAIN_HOURS + 5)


@pytest.fixture(scope="module")
def log():
    return toy_log()


@pytest.fixture(scope="module")
def original(log, tmp_path_factory):
    """A daily model, and five hours that were each opened from the one before."""
    root = tmp_path_factory.mktemp("chain")
    ranker = train(SYSTEM, log)
    ranker.save(root / "daily")
    ranker = Ranker.load(root / "daily")
    for number in HOURS:
        ranker.adapt(hour_of(log, number))
        ranker.save_hour(root / str(number))
        ranker = Ranker.load_hour(root / "daily", root / str(number))
    return root


@pytest.fixture
def home(original, tmp_path):
    """A copy, at another place: links are relative."""
    return shutil.copytree(original, tmp_path / "copy")


def opened(home, number):
    return Ranker.load_hour(home / "daily", home / str(number))


def assert_same(one, other, hour):
    assert one.end_ms == other.end_ms
    for a, b in zip(_weights(one), _weights(other), strict=True):
        assert torch.equal(a, b)
    np.testing.assert_array_equal(one.score(hour), other.score(hour))


def _weights(ranker):
    parts = [ranker.learner.table, *ranker.learner.rows.state]
    return [part.merged() for part in parts] + list(ranker.learner.module.parameters())


def straight(home, log, numbers):
    """The state that never was on disk."""
    ranker = Ranker.load(home / "daily")
    for number in numbers:
        ranker.adapt(hour_of(log, number))
    return ranker


def test_a_folder_holds_its_hour_and_the_state_is_the_one_in_memory(home, log):
    sizes = [(home / str(number) / EVENTS).stat().st_size for number in HOURS]
    assert max(sizes) < 1.3 * min(sizes), "an hour's folder grows with the day"
    assert [link.folder for link in hour_chain.links(home / str(HOURS[-1]))] == [
        home / str(number) for number in HOURS[:-1]
    ]
    assert all(hour_chain.whole(home / str(number)) for number in HOURS)
    assert_same(opened(home, HOURS[-1]), straight(home, log, HOURS), hour_of(log, HOURS[-1] + 1))


def test_a_ranker_that_stays_open_writes_the_same_folders(home, log, tmp_path):
    """Whether it is opened anew each hour or goes on after a save, and wherever its folder is moved to."""
    ranker = Ranker.load(home / "daily")
    for number in HOURS:
        ranker.adapt(hour_of(log, number))
        ranker.save_hour(tmp_path / "apart" / f".{number}.tmp", moves_to=tmp_path / "apart" / str(number))
        (tmp_path / "apart" / f".{number}.tmp").rename(tmp_path / "apart" / str(number))
        for name in (ABOUT, EVENTS, "moved.pt"):
            apart, one = (folder / str(number) / name for folder in (tmp_path / "apart", home))
            assert apart.read_bytes() == one.read_bytes(), (number, name)


def test_a_link_that_is_gone_is_named(home):
    shutil.rmtree(home / str(HOURS[1]))
    assert [hour_chain.whole(home / str(number)) for number in HOURS if number != HOURS[1]] == [True] + 3 * [
        False
    ]
    name = hour_chain.hour_name(hour_of(toy_log(), HOURS[1]).end_ms, 0)
    with pytest.raises(BrokenChain, match=f"{HOURS[1]}, which is gone: .* again from hour {name} on"):
        opened(home, HOURS[3])
    opened(home, HOURS[0])


@pytest.mark.parametrize("number", [HOURS[1], HOURS[3]])
def test_changed_bytes_of_a_link_or_of_the_state_itself_are_named(home, number):
    file = home / str(number) / EVENTS
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(BrokenChain, match=f"{number}, which was saved again with other events or is dam"):
        opened(home, HOURS[3])


def test_an_hour_again_with_other_events_is_not_mixed_with_the_states_after_it(home, log):
    hour = hour_of(log, HOURS[1])
    fewer = replace(hour, exposures=rows(hour.exposures, slice(0, len(hour.exposures) // 2)))
    ranker = opened(home, HOURS[0])
    ranker.adapt(fewer)
    ranker.save_hour(home / str(HOURS[1]))
    assert not hour_chain.whole(home / str(HOURS[2]))
    with pytest.raises(BrokenChain, match="saved again with other events"):
        opened(home, HOURS[2])
    for number in HOURS[2:]:
        ranker = opened(home, number - 1)
        ranker.adapt(hour_of(log, number))
        ranker.save_hour(home / str(number))
    apart = straight(home, log, HOURS[:1])
    for late in (fewer, *(hour_of(log, number) for number in HOURS[2:])):
        apart.adapt(late)
    assert_same(opened(home, HOURS[-1]), apart, hour_of(log, HOURS[-1] + 1))


def test_an_hour_again_with_the_same_events_changes_nothing(home, log):
    before = {name: (home / str(HOURS[1]) / name).read_bytes() for name in (ABOUT, EVENTS, "moved.pt")}
    ranker = opened(home, HOURS[0])
    ranker.adapt(hour_of(log, HOURS[1]))
    ranker.save_hour(home / str(HOURS[1]))
    assert {name: (home / str(HOURS[1]) / name).read_bytes() for name in before} == before
    assert_same(opened(home, HOURS[2]), straight(home, log, HOURS[:3]), hour_of(log, HOURS[3]))


def test_hours_that_were_caught_up_lie_in_the_folder_of_the_hour_that_did(home, log):
    for number in HOURS[1:]:
        shutil.rmtree(home / str(number))
    ranker = opened(home, HOURS[0])
    for number in HOURS[1:3]:
        ranker.adapt(hour_of(log, number))
    ranker.save_hour(home / str(HOURS[2]))
    assert len(hour_chain.links(home / str(HOURS[2]))) == 1
    assert len(hour_chain.received(home / str(HOURS[2]))[0]) == 3
    ranker = opened(home, HOURS[2])
    assert_same(ranker, straight(home, log, HOURS[:3]), hour_of(log, HOURS[3]))
    ranker.adapt(hour_of(log, HOURS[3]))
    ranker.save_hour(home / str(HOURS[3]))
    assert_same(opened(home, HOURS[3]), straight(home, log, HOURS[:4]), hour_of(log, HOURS[4]))
    # The skipped hour after all, and the one after it again: what leans on its two hours is told.
    for number in HOURS[1:3]:
        ranker = opened(home, number - 1)
        ranker.adapt(hour_of(log, number))
        ranker.save_hour(home / str(number))
    with pytest.raises(BrokenChain):
        opened(home, HOURS[3])
    assert not hour_chain.whole(home / str(HOURS[3]))


def test_states_of_an_earlier_version_are_read_and_leaned_on(home, log):
    """They hold all hours since the daily model in one file, and name none before them."""
    for number in HOURS[:2]:
        shutil.rmtree(home / str(number))
    ranker = straight(home, log, HOURS[:2])
    ranker.save_hour(home / str(HOURS[1]))
    folder = home / str(HOURS[1])
    about = json.loads((folder / ABOUT).read_text())
    former = {name: about[name] for name in ("fingerprint", "row_steps")} | {"end_ms": ranker.end_ms}
    (folder / ABOUT).write_text(json.dumps(former))
    (folder / EVENTS).unlink()
    arrays = pack([mentioned(hour_of(log, number)) for number in HOURS[:2]])
    later = ("exposures.request", "users.vectors", "items.vectors")  # columns of this version
    np.savez(folder / FORMER, **{name: array for name, array in arrays.items() if name not in later})
    ranker = opened(home, HOURS[1])
    assert_same(ranker, straight(home, log, HOURS[:2]), hour_of(log, HOURS[2]))
    ranker.adapt(hour_of(log, HOURS[2]))
    ranker.save_hour(home / str(HOURS[2]))
    assert hour_chain.whole(home / str(HOURS[2]))
    assert_same(opened(home, HOURS[2]), straight(home, log, HOURS[:3]), hour_of(log, HOURS[3]))
    np.savez(folder / FORMER, **pack([mentioned(hour_of(log, HOURS[1]))]))
    assert not hour_chain.whole(home / str(HOURS[2]))
    with pytest.raises(BrokenChain, match="saved again"):
        opened(home, HOURS[2])


def test_a_state_is_never_written_over_one_that_it_leans_on(home, log):
    ranker = opened(home, HOURS[0])
    ranker.adapt(hour_of(log, HOURS[1]))
    with pytest.raises(ValueError, match="a folder of its own"):
        ranker.save_hour(home / str(HOURS[0]))
    assert len(opened(home, HOURS[0]).chain) == 1


@pytest.mark.parametrize("step", ["torch.save", "write_text", "first replace", "second replace"])
def test_a_kill_while_an_hour_is_saved_again_leaves_nothing_half(home, log, step):
    """The hour is there as it was, or not at all; what leans on it says so, and running it again mends it."""
    script = textwrap.dedent(
        """
        import os, signal, sys
        from pathlib import Path
        import torch
        from tests.models.ranking.test_hour_chain import HOURS, opened
        from tests.models.ranking.toy import hour_of, toy_log

        home, step = Path(sys.argv[1]), sys.argv[2]
        ranker = opened(home, HOURS[0])
        ranker.adapt(hour_of(toy_log(), HOURS[1]))
        owner, name = (torch, "save") if step == "torch.save" else (Path, step.split()[-1])
        honest, calls = getattr(owner, name), []

        def deadly(*arguments, **options):
            calls.append(name)
            if len(calls) == 1 + step.startswith("second"):
                os.kill(os.getpid(), signal.SIGKILL)
            return honest(*arguments, **options)

        setattr(owner, name, deadly)
        ranker.save_hour(home / str(HOURS[1]))
        """
    )
    command = [sys.executable, "-c", script, str(home), step]
    assert subprocess.run(command, env=os.environ, check=False).returncode == -signal.SIGKILL
    after = straight(home, log, HOURS[:3])
    if step == "second replace":
        assert not (home / str(HOURS[1])).exists() and not hour_chain.whole(home / str(HOURS[2]))
        ranker = opened(home, HOURS[0])
        ranker.adapt(hour_of(log, HOURS[1]))
        ranker.save_hour(home / str(HOURS[1]))
    assert hour_chain.whole(home / str(HOURS[2]))
    assert_same(opened(home, HOURS[2]), after, hour_of(log, HOURS[3]))
