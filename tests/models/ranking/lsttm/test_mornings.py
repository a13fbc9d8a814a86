"""Mornings of the factorised click graph: computed once, stored whole, true to the clicks at hand."""

import shutil
from dataclasses import replace

import pytest

from models.ranking.features.event_log import DAY_MS, EventDays
from models.ranking.lsttm import mornings as module
from models.ranking.lsttm.click_factors import FactorSettings
from models.ranking.lsttm.factored_days import FactoredDays
from tests.models.ranking.toy import START, toy_log

SETTINGS = FactorSettings(width=4, days=3, click_days=4)
DAYS = 8


@pytest.fixture(scope="module")
def log():
    return toy_log(hours=24 * DAYS)


def stored(log, folder, first, end):
    """The days [first, end) of a log, each with a folder beside it."""
    days = EventDays.of(log.between(START + first * DAY_MS, START + end * DAY_MS))
    return replace(days, beside=[folder / str(first + at) for at in range(len(days))])


@pytest.fixture
def computed(monkeypatch):
    """How many clicks each factorisation got."""
    sizes = []
    real = module.factorise

    def counted(users, *rest):
        sizes.append(len(users))
        return real(users, *rest)

    monkeypatch.setattr(module, "factorise", counted)
    return sizes


def unreadable():
    raise AssertionError("the events of a day before the window were read again")


def asked(log):
    e = log.exposures
    return e.user, e.item, e.shown_at


def test_a_night_computes_one_morning_and_reads_the_others(log, tmp_path, computed):
    nights = [FactoredDays.of(SETTINGS, stored(log, tmp_path, 0, end)) for end in (6, 7, 8)]
    assert len(computed) == 4 + 1 + 1
    days = stored(log, tmp_path, 0, 8)
    again = FactoredDays.of(SETTINGS, replace(days, readers=[unreadable] * 5 + list(days.readers[5:])))
    assert len(computed) == 6, "a training of the same night again computes nothing"
    read = [night.vectors(*asked(log)) for night in (nights[2], again)]
    assert read[0].any() and read[0].equal(read[1])


def test_stored_and_unstored_mornings_of_one_chain_have_the_same_bits(log, tmp_path):
    plain = EventDays.of(log.between(START, START + 6 * DAY_MS))
    without = FactoredDays.of(SETTINGS, plain)
    first = FactoredDays.of(SETTINGS, stored(log, tmp_path, 0, 6))
    second = FactoredDays.of(SETTINGS, stored(log, tmp_path, 0, 6))
    for one in (first, second):
        assert one.vectors(*asked(log)).equal(without.vectors(*asked(log)))


def test_a_day_cleaned_up_or_a_missing_morning_goes_on_from_what_is_at_hand(log, tmp_path, computed):
    whole = FactoredDays.of(SETTINGS, stored(log, tmp_path, 0, 8))
    assert len(computed) == 4
    later = FactoredDays.of(SETTINGS, stored(log, tmp_path, 3, 8))
    assert len(computed) == 4, "days that are no longer at hand are taken to be as they were"
    assert later.vectors(*asked(log)).equal(whole.vectors(*asked(log)))
    (last,) = (tmp_path / "7").glob("click_factors-*")
    (last / module.ABOUT).unlink()  # no more than a folder without its page: not a morning
    again = FactoredDays.of(SETTINGS, stored(log, tmp_path, 0, 8))
    assert len(computed) == 5
    assert again.vectors(*asked(log)).equal(whole.vectors(*asked(log)))


def test_changed_clicks_make_the_mornings_that_read_them_anew(log, tmp_path, computed):
    FactoredDays.of(SETTINGS, stored(log, tmp_path, 0, 8))
    e = log.exposures
    of_day = (e.shown_at - START) // DAY_MS == 5
    changed = replace(log, exposures=replace(e, clicked=e.clicked & ~of_day))
    computed.clear()
    shutil.rmtree(tmp_path / "5")  # as with every day whose events are replaced
    anew = FactoredDays.of(SETTINGS, stored(changed, tmp_path, 0, 8))
    assert len(computed) == 3, "the mornings of days 6, 7 and 8, and none before"
    stale = FactoredDays.of(SETTINGS, EventDays.of(log))
    assert not anew.vectors(*asked(log)).equal(stale.vectors(*asked(log)))


def test_other_settings_lie_beside(log, tmp_path):
    FactoredDays.of(SETTINGS, stored(log, tmp_path, 0, 8))
    FactoredDays.of(SETTINGS.model_copy(update={"warm_rounds": 1}), stored(log, tmp_path, 0, 8))
    assert len(list((tmp_path / "7").glob("click_factors-*"))) == 2


def test_two_trainings_may_store_one_morning(log, tmp_path, monkeypatch):
    """The second's rename fails: what the first wrote is the same."""
    events = stored(log, tmp_path, 0, 8)
    day = START // DAY_MS + 8
    ((_, morning),) = module.Mornings(SETTINGS, EventDays.of(log)).of(range(day, day + 1))
    folder = events.beside[-1] / "m"
    morning.store(folder)
    loaded = module.Morning.load(folder)

    def refuse(folder):
        raise OSError("Directory not empty")

    monkeypatch.setattr(module, "replace_folder", refuse)
    loaded.store(folder)
    other = replace(loaded, clicks={"0": "another"})
    with pytest.raises(OSError, match="not empty"):
        other.store(folder)
