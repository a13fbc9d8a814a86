"""Every system's neighbours are the same from a log in memory and from narrow, read-only days of a disk."""

from dataclasses import fields, is_dataclass, replace

import numpy as np
import pytest
import torch

from models.layers import merged_days
from models.ranking.features.entities import EntityTable
from models.ranking.features.event_log import DAY_MS, HOUR_MS, EventDays, EventLog, rows
from models.ranking.features.neighbours import RowView
from models.ranking.registry import SYSTEMS
from tests.models.ranking.lsttm.logs import Rows, random_log
from tests.models.ranking.toy import START, toy_log

DAYS = 4


class FixedRows(Rows):
    """A vocabulary that gives the rows of `Rows`, whatever the entities' fields."""

    def user_field_rows(self, users, table):
        return super().user_field_rows(users)

    def item_field_rows(self, items, table):
        return super().item_field_rows(items)


@pytest.fixture(scope="module")
def log():
    return toy_log(hours=24 * DAYS, per_hour=20)


@pytest.fixture(scope="module")
def view(log):
    return RowView(FixedRows(60, 40), EntityTable.of(log.users), EntityTable.of(log.items))


def narrow(part):
    """Integers but times in 32 bits, and nothing that may be written to."""
    columns = {}
    for field in fields(part):
        column = getattr(part, field.name)
        whole = not field.name.endswith("_at") and column.dtype.kind == "i"
        columns[field.name] = column.astype(np.int32) if whole else column.copy()
        columns[field.name].flags.writeable = False
    return type(part)(**columns)


def narrow_days(log: EventLog, folder) -> EventDays:
    """The days as a store holds them: without entities, with folders beside them."""
    days = EventDays.of(log)

    def reader(read):
        day = read()
        nobody = {
            name: type(log.users)(*(column[:0] for column in vars(log.users).values()))
            for name in ("users", "items")
        }
        day = replace(day, exposures=narrow(day.exposures), external=narrow(day.external), **nobody)
        return lambda: day

    beside = [folder / str(at) for at in range(len(days))]
    return replace(days, readers=[reader(read) for read in days.readers], beside=beside)


def leaves(batch):
    """All tensors of a batch's graph, in order."""
    if isinstance(batch, torch.Tensor):
        yield batch
    elif isinstance(batch, tuple):
        for part in batch:
            yield from leaves(part)
    elif is_dataclass(batch):
        for field in fields(batch):
            yield from leaves(getattr(batch, field.name))


def sampled(graph, log, hours):
    """What is sampled at the starts of some hours, with each hour appended after its look-up."""
    tensors = []
    for hour in hours:
        begin = START + hour * HOUR_MS
        e = log.between(begin, begin + HOUR_MS).exposures
        sample = graph.sample(e.user[None], e.item[None], np.full((1, len(e)), begin))
        tensors += [*sample.row_ids, *leaves(sample.build(sample.row_ids))]
        if begin >= START + (DAYS - 1) * DAY_MS:
            graph.append(log.between(begin, begin + HOUR_MS))
    return tensors


def same(one, other):
    return len(one) == len(other) and all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("system", SYSTEMS)
def test_neighbours_from_memory_and_from_a_disk(system, log, view, tmp_path, monkeypatch):
    monkeypatch.setattr(merged_days, "MAPPED_BYTES", 64)  # in scratch files, however few
    settings = SYSTEMS[system].tiny
    past = log.between(START, START + (DAYS - 1) * DAY_MS)
    in_memory = settings.graph(EventDays.of(past), view)
    from_disk = settings.graph(narrow_days(past, tmp_path / "days"), view)
    if in_memory is None:
        assert from_disk is None
        return
    from_disk.save(tmp_path / "graph")
    loaded = settings.load_graph(tmp_path / "graph", view)
    training, served = range(24, 72, 7), range(72, 80)
    before = sampled(in_memory, log, training)
    assert same(sampled(from_disk, log, training), before)
    after = sampled(in_memory, log, served)
    assert same(sampled(from_disk, log, served), after)
    assert same(sampled(loaded, log, served), after)
    assert not same(before[: len(after)], after[: len(before)])


def windowed_settings(system, **days):
    tiny = SYSTEMS[system].tiny
    return tiny.model_copy(update={"training": tiny.training.model_copy(update=days)})


@pytest.mark.parametrize("system", ["deepfm", "lsttm", "din_typed", "lsttm_typed"])
def test_a_window_bounds_what_is_read(system, log, view):
    tiny = windowed_settings(system, window_days=None, click_days=None)
    settings = windowed_settings(system, window_days=2, click_days=2)
    late = settings.graph(EventDays.of(log.between(START + DAY_MS, START + 3 * DAY_MS)), view)
    windowed = settings.graph(EventDays.of(log.between(START, START + 3 * DAY_MS)), view)
    whole = tiny.graph(EventDays.of(log.between(START, START + 3 * DAY_MS)), view)
    hours = range(26, 50, 5)
    assert same(sampled(windowed, log, hours), sampled(late, log, hours))
    assert not same(sampled(windowed, log, hours), sampled(whole, log, hours))


def unreadable():
    raise AssertionError("the events of a day before the window were read again")


def test_earlier_days_lend_their_clicks_alone(log, view, tmp_path):
    settings = windowed_settings("din_typed", window_days=1, click_days=2)
    e = log.exposures
    day = (e.shown_at - START) // DAY_MS
    wanted = (day == 2) | ((day == 1) & e.clicked)
    past = log.between(START, START + 3 * DAY_MS)
    without = replace(log, exposures=rows(e, wanted)).between(START + DAY_MS, START + 3 * DAY_MS)
    one, other = (settings.graph(EventDays.of(part), view) for part in (past, without))
    hours = range(26, 70, 5)
    expected = sampled(other, log, hours)
    assert same(sampled(one, log, hours), expected)
    stored = narrow_days(past, tmp_path)
    assert same(sampled(settings.graph(stored, view), log, hours), expected)
    gone = replace(stored, readers=[unreadable, unreadable, stored.readers[2]])
    assert same(sampled(settings.graph(gone, view), log, hours), expected), "the clicks lie beside"


def test_the_last_days_are_whole_service_days():
    log = replace(random_log(0, hours=80), zone_offset_ms=2 * HOUR_MS)
    days = EventDays.of(log)
    assert len(days) == 4
    assert days.last(None) is days and days.last(9) is days
    last = days.last(1)  # ends at hour 82 of service time: of the days that 24 hours touch
    assert (last.start_ms, last.end_ms, len(last)) == (46 * HOUR_MS, 80 * HOUR_MS, 2)
    assert [day.start_ms for day in last] == [46 * HOUR_MS, 70 * HOUR_MS]
    even = EventDays.of(replace(log.between(0, 70 * HOUR_MS))).last(1)
    assert (even.start_ms, len(even)) == (46 * HOUR_MS, 1)


def test_an_index_beyond_32_bits_is_refused(log, view):
    e = log.exposures
    user = e.user.copy()
    user[-1] = 2**31
    with pytest.raises(ValueError, match="user index 2147483648 does not fit 32 bits"):
        SYSTEMS["lsttm_typed"].tiny.graph(EventDays.of(replace(log, exposures=replace(e, user=user))), view)
