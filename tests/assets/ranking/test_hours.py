"""Hours through the real assets: no leak, the same again, nothing half done."""

import numpy as np
import pandas as pd
import pytest

from assets.common.faults import DamagedState
from assets.common.provenance import content_hash
from assets.common.timings import Timings
from assets.logs.ingest import ingest
from assets.ranking import hand_over
from assets.ranking import hourly_ranker as hourly_ranker_module
from assets.ranking.figures import static_name
from assets.ranking.hourly_auc import score_hour
from assets.ranking.hourly_ranker import adapt_hour
from assets.ranking.live import read_live_day
from assets.ranking.states import States
from models.ranking import hour_chain
from tests.deployed import DAY, HOURS, systems

pytestmark = pytest.mark.slow


def _score(ready, hour):
    return score_hour(hour, ready.resource, ready.warehouse, ready.tracking.open(), Timings())


def _adapt(ready, hour):
    return adapt_hour(hour, ready.resource, ready.warehouse, ready.tracking.open(), Timings())


def _predictions(ready, hours):
    with ready.warehouse.open() as opened:
        frame = opened.read_predictions()
    frame = frame[frame["partition"].isin(hours)]
    return frame.sort_values(["system", "partition", "exposure_id"]).reset_index(drop=True)


def _states(ready, hour):
    states = States(ready.models)
    return {system: states.finished(states.hourly(system, hour)) for system in ready.deployment.systems}


def _runs(ready, kind):
    tracking = ready.tracking.open()
    found = tracking.client.search_runs([tracking.experiment], filter_string=f"tags.kind = '{kind}'")
    return {(run.data.tags["system"], run.data.tags["partition"]): run for run in found}, len(found)


def _perturb(ready, hour):
    """Change, delete and add what is received in `hour`, and load it: labels flipped, a third of lists shown
    and of external clicks dropped, some given to other users.

    Lists that stay are left whole: what stands in a list is known when it is served.
    """
    for table in ("exposures", "external_clicks"):
        folder = ready.landing / table / f"date={hour[:10]}" / f"hour={hour[11:13]}"
        (path,) = folder.glob("*.parquet")
        frame = pd.read_parquet(path)
        assert len(frame) >= 6, f"too few {table} to perturb"
        one = frame["request_id"] if table == "exposures" else pd.Series(np.arange(len(frame)))
        kept = frame[pd.factorize(one)[0] % 3 != 1].copy()
        added = kept.iloc[: len(kept) // 2].copy()
        added["user_id"] = kept["user_id"].to_numpy()[::-1][: len(added)]
        if table == "exposures":
            added["exposure_id"] += 10**9
            added["request_id"] += 10**9
            kept["clicked"] = (1 - kept["clicked"].astype(int)).astype(frame["clicked"].dtype)
        pd.concat([kept, added]).to_parquet(path, index=False)
        ingest(ready.deployment.paths(ready.home), table, [hour], force=True)


def test_nothing_received_at_or_after_an_hour_moves_its_scores(ready):
    """For every system: scores of hours up to h are the same bit for bit, whatever is received from h on."""
    first, second, third = HOURS[:3]
    for hour in (first, second, third):
        _score(ready, hour)
        _adapt(ready, hour)
    before = _predictions(ready, [first, second])
    shown_before = _predictions(ready, [third])
    _perturb(ready, third)
    for hour in (first, second, third):
        _score(ready, hour)
        _adapt(ready, hour)
    after = _predictions(ready, [first, second])
    assert set(after["system"]) == {*systems(), *map(static_name, systems())}
    pd.testing.assert_frame_equal(before, after)
    # The perturbed hour itself: exposures that are still there keep their scores, since its labels are not
    # read.
    shown_after = _predictions(ready, [third])
    both = shown_before.merge(shown_after, on=["system", "exposure_id"], suffixes=("_before", "_after"))
    assert len(both) > 0
    assert len(shown_after) != len(shown_before), "the perturbation must reach the warehouse"
    np.testing.assert_array_equal(both["score_before"], both["score_after"])


def test_labels_of_the_hour_before_do_move_scores(ready):
    """The test above could pass with scores that depend on nothing."""
    first, second = HOURS[:2]
    _adapt(ready, first)
    _score(ready, second)
    before = _predictions(ready, [second])
    _perturb(ready, first)
    _score(ready, second)
    after = _predictions(ready, [second])
    for system in systems():
        one, other = (f[f["system"] == system]["score"].to_numpy() for f in (before, after))
        assert not np.array_equal(one, other), system


def test_an_hour_again_is_the_same_state_and_the_same_runs(ready):
    for hour in HOURS[:2]:
        _adapt(ready, hour)
        _score(ready, hour)
    states, scores = _states(ready, HOURS[1]), _predictions(ready, HOURS[:2])
    runs, count = _runs(ready, "hour")
    for hour in HOURS[:2]:
        _adapt(ready, hour)
        _score(ready, hour)
    assert _states(ready, HOURS[1]) == states
    assert {record.state_hash for record in states.values()} != {""}
    pd.testing.assert_frame_equal(_predictions(ready, HOURS[:2]), scores)
    again, count_again = _runs(ready, "hour")
    assert count_again == count == 2 * len(systems())
    assert {key: run.info.run_id for key, run in again.items()} == {
        key: run.info.run_id for key, run in runs.items()
    }
    assert _runs(ready, "day")[1] == len(systems())
    for (system, _), run in again.items():
        assert run.data.tags["base_partition"] == "2026-03-02"
        assert run.data.tags["state_hash"]
        assert run.info.run_name.endswith("(simulated)"), system
    history = ready.tracking.open()
    parent = _runs(ready, "day")[0]["deepfm_external", DAY]
    steps = [point.step for point in history.client.get_metric_history(parent.info.run_id, "auc_by_hour")]
    assert len(steps) == len(set(steps)), "an hour stands twice on the day's curve"


def test_a_skipped_hour_is_caught_up(ready):
    """What moved is the same after hour 1, whether hour 0 was adapted in its turn or is caught up."""
    for hour in HOURS[:2]:
        _adapt(ready, hour)
    in_turn = _moved(ready, HOURS[1])
    for system in systems():
        for hour in HOURS[:2]:
            _remove(States(ready.models).hourly(system, hour))
    metadata = _adapt(ready, HOURS[1])
    assert metadata["deepfm_external: caught_up"] == HOURS[0]
    assert _moved(ready, HOURS[1]) == in_turn
    # Hour 0 after all, and hour 1 again, which now leans on it: hour 2 goes on from either, to the same.
    _adapt(ready, HOURS[2])
    after = _moved(ready, HOURS[2])
    for hour in HOURS[:2]:
        _adapt(ready, hour)
    assert _moved(ready, HOURS[1]) == in_turn
    states = States(ready.models)
    assert not hour_chain.whole(states.ranker_path(states.hourly(systems()[0], HOURS[2])))
    metadata = _adapt(ready, HOURS[3])
    assert metadata["deepfm_external: caught_up"] == HOURS[2], "what hour 2 leaned on was made again"
    _adapt(ready, HOURS[2])
    assert _moved(ready, HOURS[2]) == after


def _moved(ready, hour):
    """Hashes of the weights that moved until after an hour, by system."""
    states = States(ready.models)
    folders = {system: states.ranker_path(states.hourly(system, hour)) for system in systems()}
    return {system: content_hash(folder / "moved.pt") for system, folder in folders.items()}


def test_a_damaged_hour_that_a_state_leans_on_is_named(ready):
    """The state itself is whole: the message names the hour before, and running from there mends it."""
    for hour in HOURS[:2]:
        _adapt(ready, hour)
    moved, states = _moved(ready, HOURS[1]), States(ready.models)
    file = states.ranker_path(states.hourly("lsttm", HOURS[0])) / hour_chain.EVENTS
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    hand_over.forget()
    with pytest.raises(DamagedState, match=f"run the day's hours again from hour {HOURS[0]} on"):
        _score(ready, HOURS[2])
    for hour in HOURS[:2]:
        _adapt(ready, hour)
    hand_over.forget()
    assert _moved(ready, HOURS[1]) == moved
    assert not _score(ready, HOURS[2]).failed


def test_an_interrupted_adaptation_leaves_no_half_state(ready, monkeypatch):
    _adapt(ready, HOURS[0])
    before = _states(ready, HOURS[0])

    def killed(self, path, moves_to):
        path.mkdir()
        (path / "moved.pt").write_bytes(b"half")
        raise KeyboardInterrupt

    from models.ranking.ranker import Ranker

    with monkeypatch.context() as patch:
        patch.setattr(Ranker, "save_hour", killed)
        for hour in HOURS[:2]:
            with pytest.raises(KeyboardInterrupt):
                _adapt(ready, hour)
    assert _states(ready, HOURS[0]) == before, "the state before is not intact"
    folder = ready.models / "hourly" / "deepfm_external"
    assert sorted(path.name for path in folder.iterdir()) == [HOURS[0].replace(":", "-")]
    assert hourly_ranker_module.States(ready.models).record(folder / HOURS[1].replace(":", "-")) is None
    _adapt(ready, HOURS[1])


def _remove(folder):
    import shutil

    shutil.rmtree(folder)


def _live(ready):
    with ready.warehouse.open() as opened:
        return read_live_day(opened, ready.deployment.service_zone, DAY, ready.deployment.systems)


def test_the_mornings_model_scores_each_hour_beside_the_adapted_one(ready):
    """Its weights are those of the base; it receives every hour before, as the adapted one does."""
    from assets.ranking.reading import read_hours
    from models.ranking.ranker import Ranker

    for hour in HOURS[:3]:
        _score(ready, hour)
        _adapt(ready, hour)
    stored = _predictions(ready, HOURS[:3]).set_index(["system", "partition", "exposure_id"])["score"]
    system, states = "lsttm_spectral", States(ready.models)
    base = Ranker.load(states.ranker_path(states.daily(system, "2026-03-02")))
    with ready.warehouse.open() as opened:
        logs = read_hours(opened, ready.deployment.service_zone, HOURS[:3])
    for hour, log in logs.items():
        still = stored[static_name(system), hour].reindex(log.exposure_ids).to_numpy()
        np.testing.assert_array_equal(still, base.score(log.log))
        base.receive(log.log)
        adapted = stored[system, hour].reindex(log.exposure_ids).to_numpy()
        assert np.array_equal(still, adapted) == (hour == HOURS[0])
    live = _live(ready)
    figures = live.figures()[system]
    assert figures["gain"] == pytest.approx(figures["auc"] - figures["auc_static"])
    assert figures["gain_error"] > 0 and figures["pooled1"] == figures["auc"]
    with ready.warehouse.open() as opened:
        by_hour = opened.read_metrics("auc_static", system).set_index("partition")["value"]
    assert set(by_hour.index) == set(HOURS[:3])


def test_a_system_whose_scores_are_no_numbers_fails_alone(ready, monkeypatch):
    """The others' scores and figures are as without it; it has none, and says why; mended, it is back."""
    from models.ranking.ranker import Ranker

    for hour in HOURS[:2]:
        _score(ready, hour)
        _adapt(ready, hour)
    sound, figures = _predictions(ready, HOURS[:2]), _live(ready).figures()
    plain, broken_system = Ranker.score_details, "deepfm_external"

    def broken(self, hour, *chunk):
        details = plain(self, hour, *chunk)
        if self.settings.kind == "deepfm":
            details["probability"][:3] = np.nan
        return details

    with monkeypatch.context() as patch:
        patch.setattr(Ranker, "score_details", broken)
        scored = _score(ready, HOURS[1])
    assert list(scored.failed) == [broken_system] and "3 of " in scored.failed[broken_system]
    after = _predictions(ready, HOURS[:2])
    names = (broken_system, static_name(broken_system))
    assert not (after["system"].isin(names) & (after["partition"] == HOURS[1])).any()
    others = [frame[~frame["system"].isin(names)].reset_index(drop=True) for frame in (sound, after)]
    pd.testing.assert_frame_equal(*others)
    live = _live(ready)
    assert list(live.failed) == [broken_system] and live.failed[broken_system].startswith(HOURS[1])
    assert live.lead("lsttm", broken_system) is None
    assert live.figures() == {name: value for name, value in figures.items() if name != broken_system}
    _score(ready, HOURS[1])
    assert _live(ready).figures() == figures and not _live(ready).failed


def test_a_system_without_a_base_model_fails_alone(ready):
    _remove(States(ready.models).daily("lsttm", "2026-03-02"))
    scored = _score(ready, HOURS[0])
    assert list(scored.failed) == ["lsttm"] and "no daily model" in scored.failed["lsttm"]
    _adapt(ready, HOURS[0])
    assert set(_live(ready).figures()) == set(systems()) - {"lsttm"}
