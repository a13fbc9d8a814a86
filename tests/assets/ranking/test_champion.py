"""The champion moves, is rolled back, and its moves are known: on a small home with a real registry."""

from __future__ import annotations

from dataclasses import replace

import pytest

from assets.common import model_registry
from assets.common.faults import DamagedState, NoBaseModel
from assets.common.provenance import content_hash
from assets.ranking.champion import promote, rollback
from assets.ranking.champion_log import PREVIOUS, history, move
from assets.ranking.promotion import record_verdict
from assets.ranking.promotion_rule import Candidate, Decision, not_backwards
from assets.ranking.states import RECORD, States
from assets.ranking.withheld import withheld
from assets.upkeep.due import dated
from assets.upkeep.needs import newest_sound
from tests.assets.upkeep.small_home import SYSTEMS, days, small_home, tracking_of, write_daily
from warehouse.keeping import KeepSettings

DAYS = days(4)
SYSTEM, OTHER = SYSTEMS[:2]


@pytest.fixture
def home(tmp_path):
    return small_home(tmp_path / "home", len(DAYS), KeepSettings())


@pytest.fixture
def tracking(home):
    return tracking_of(home)


@pytest.fixture
def states(home):
    return States(home.paths.models)


def _register(tracking, states, system, day):
    experiment = tracking.client.get_experiment_by_name(tracking.purpose).experiment_id
    run = tracking.client.create_run(experiment).info.run_id
    folder = states.daily(system, day)
    state_hash = states.finished(folder).state_hash
    return model_registry.register(tracking, system, day, folder, run, state_hash, {})


@pytest.fixture
def promoted(tracking, states):
    """Versions 1 to 4, of the four days, each promoted in its night."""
    numbers = [_register(tracking, states, SYSTEM, day) for day in DAYS]
    for number in numbers:
        move(tracking, states, number, "promotion", "the newer model replaces the older")
    return numbers


def _alias(tracking, alias):
    version = model_registry.at_alias(tracking, alias)
    return version and str(version.version)


def _base(states, before="9999-01-01"):
    return states.newest_base(SYSTEM, before).partition


def test_a_rollback_goes_to_the_champion_before_and_hours_follow(tracking, states, promoted):
    assert (_alias(tracking, "champion"), _alias(tracking, PREVIOUS)) == (promoted[3], promoted[2])
    assert _base(states) == DAYS[3]
    done = rollback(tracking, states, why="wrong clicks")
    assert (done.left.number, done.to.number) == (promoted[3], promoted[2])
    assert done.withheld == [(SYSTEM, DAYS[3])]
    assert (_alias(tracking, "champion"), _alias(tracking, PREVIOUS)) == (promoted[2], promoted[1])
    assert _base(states) == DAYS[2]
    mark = withheld(states.daily(SYSTEM, DAYS[3]))
    assert (mark.by, mark.why) == ("rollback", "wrong clicks")
    last = history(tracking).moves[-1]
    assert (last.version, last.replaced, last.by, last.why) == (*promoted[2:], "rollback", "wrong clicks")
    assert last.who and last.at


def test_a_second_rollback_goes_further_back_and_never_forth(tracking, states, promoted):
    assert [rollback(tracking, states).to.number for _ in range(3)] == promoted[2::-1]
    assert _alias(tracking, PREVIOUS) is None
    with pytest.raises(LookupError, match="--to"):
        rollback(tracking, states)


def test_a_named_version_withholds_all_that_came_after(tracking, states, promoted):
    done = rollback(tracking, states, to=promoted[0])
    assert done.withheld == [(SYSTEM, day) for day in DAYS[1:]]
    assert _base(states) == DAYS[0]
    assert _base(states, DAYS[1]) == DAYS[0]


def test_the_next_nights_model_is_judged_anew(tracking, states, promoted):
    rollback(tracking, states)
    record = write_daily(states, SYSTEM, DAYS[3])
    assert withheld(states.daily(SYSTEM, DAYS[3])) is not None, "the same model again is withheld still"
    with states.write(states.daily(SYSTEM, DAYS[3]), record) as path:
        path.write_text("another model")
    assert withheld(states.daily(SYSTEM, DAYS[3])) is None
    assert _base(states) == DAYS[3]


def test_back_to_another_system_withholds_the_later_models_of_both(tracking, states):
    one = _register(tracking, states, OTHER, DAYS[2])
    two = _register(tracking, states, SYSTEM, DAYS[3])
    for number in (one, two):
        move(tracking, states, number, "promotion", "better live")
    done = rollback(tracking, states)
    assert done.to.system == OTHER
    assert set(done.withheld) == {(SYSTEM, DAYS[3]), (OTHER, DAYS[3])}
    assert states.newest_base(OTHER, "9999").partition == DAYS[2] == _base(states)


def test_a_version_is_promoted_again_by_hand_and_never_an_older_one(tracking, states, promoted):
    rollback(tracking, states)
    made = promote(tracking, states, promoted[3], "the clicks were right")
    assert (made.by, made.replaced) == ("promote", promoted[2])
    assert withheld(states.daily(SYSTEM, DAYS[3])) is None and _base(states) == DAYS[3]
    with pytest.raises(ValueError, match=f"rollback --to {promoted[0]}"):
        promote(tracking, states, promoted[0], "backwards")
    rollback(tracking, states)
    with pytest.raises(ValueError, match=f"promote {promoted[3]}"):
        rollback(tracking, states, to=promoted[3])
    assert _alias(tracking, "champion") == promoted[2]


def test_what_cannot_be_served_is_refused_and_nothing_moves(tracking, states, promoted):
    with pytest.raises(LookupError, match="no version 99"):
        rollback(tracking, states, to="99")
    with pytest.raises(ValueError, match="champion already"):
        rollback(tracking, states, to=promoted[3])
    file = states.daily(SYSTEM, DAYS[2]) / "ranker"
    plain = file.read_bytes()
    file.write_bytes(plain[:-1] + b"?")
    with pytest.raises(DamagedState, match=f"{DAYS[2]}/ranker"):
        rollback(tracking, states)
    file.write_bytes(plain)
    other = states.finished(states.daily(SYSTEM, DAYS[1])).model_copy(update={"seed": 1})
    with states.write(states.daily(SYSTEM, DAYS[1]), other) as path:
        path.write_text("trained again")
    with pytest.raises(ValueError, match="another training has replaced"):
        rollback(tracking, states, to=promoted[1])
    assert _alias(tracking, "champion") == promoted[3] and _base(states) == DAYS[3]
    assert rollback(tracking, states).to.number == promoted[2]
    assert _alias(tracking, PREVIOUS) == promoted[0], "what was replaced is passed over"


def test_without_a_champion_it_says_so(tracking, states):
    with pytest.raises(LookupError, match="no champion"):
        rollback(tracking, states)
    assert history(tracking).versions == ()


def test_where_all_are_withheld_hours_say_why(tracking, states, promoted):
    rollback(tracking, states, why="wrong clicks")
    for day in DAYS[:3]:
        (states.daily(SYSTEM, day) / RECORD).unlink()
    with pytest.raises(NoBaseModel, match=f"{DAYS[3]} is withheld by rollback: wrong clicks"):
        _base(states)


def test_a_withheld_model_is_none_to_go_on_with_when_old_ones_are_removed(tracking, states, promoted):
    entries = dated(states.root.glob(f"daily/{SYSTEM}/*"), [SYSTEM])
    assert {path.name for path in newest_sound(states, entries)} == {DAYS[3]}
    rollback(tracking, states)
    assert {path.name for path in newest_sound(states, entries)} == {*DAYS[2:]}


def test_a_killed_rollback_is_completed_by_the_next(tracking, states, promoted, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(tracking.client, "set_registered_model_alias", killed)
        with pytest.raises(KeyboardInterrupt):
            rollback(tracking, states)
    assert _alias(tracking, "champion") == promoted[3]
    assert rollback(tracking, states).to.number == promoted[2]
    assert _alias(tracking, "champion") == promoted[2] and _base(states) == DAYS[2]


def test_the_record_names_every_file(states):
    record = states.finished(states.daily(SYSTEM, DAYS[0]))
    assert record.files == {"ranker": content_hash(states.daily(SYSTEM, DAYS[0]) / "ranker")}


def test_the_verdict_withholds_what_broke_a_guard_rail_and_releases_what_no_longer_does(
    tracking, states, promoted
):
    broken = Candidate(SYSTEM, promoted[3], live_auc=0.61234, faults=("scores are constant",))
    record_verdict(tracking, states, DAYS[3], [broken], Decision(broken, False, "guard rails"))
    mark = withheld(states.daily(SYSTEM, DAYS[3]))
    assert (mark.by, mark.why) == ("promotion", "scores are constant") and _base(states) == DAYS[2]
    version = history(tracking).version(promoted[3])
    assert (version.live_auc, version.decision) == ("0.6123", "guard rails")
    assert "challenger" in version.aliases
    sound = replace(broken, faults=())
    record_verdict(tracking, states, DAYS[3], [sound], Decision(sound, True, "sound"))
    assert withheld(states.daily(SYSTEM, DAYS[3])) is None and _base(states) == DAYS[3]
    rollback(tracking, states)
    record_verdict(tracking, states, DAYS[3], [sound], Decision(sound, True, "sound"))
    assert withheld(states.daily(SYSTEM, DAYS[3])).by == "rollback", "only by hand"


def test_the_only_model_of_a_system_is_not_withheld(tracking, states):
    broken = Candidate(SYSTEM, _register(tracking, states, SYSTEM, DAYS[0]), faults=("scores are constant",))
    record_verdict(tracking, states, DAYS[0], [broken], Decision(broken, False, "guard rails"))
    assert _base(states, DAYS[1]) == DAYS[0]


def test_an_older_day_is_no_challenger_and_withholds_nothing(tracking, states, promoted):
    old = Candidate(SYSTEM, promoted[0])
    newest = Candidate(SYSTEM, promoted[3])
    record_verdict(tracking, states, DAYS[3], [newest], Decision(newest, True, "newest"))
    decision = not_backwards(Decision(old, True, "the newer model"), DAYS[0], DAYS[3])
    record_verdict(tracking, states, DAYS[0], [old], decision)
    assert _alias(tracking, "challenger") == promoted[3]
    assert "never goes back" in history(tracking).version(promoted[0]).decision
    assert withheld(states.daily(SYSTEM, DAYS[0])) is None
