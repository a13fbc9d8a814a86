"""What the systems of a study are trained on: encoded once, the deployment's own where it has them."""

from __future__ import annotations

import shutil

import pytest

from assets.experiments.source_logs import Logs
from assets.experiments.windows import encode_windows
from assets.ranking.training_window import system_settings
from assets.ranking.window_days import event_days
from tests.assets.ranking.day_logs import DAYS, contents, loaded_in


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    root = tmp_path_factory.mktemp("logs")
    return Logs(loaded_in(root), root / "landing", "UTC", DAYS[0], True, instances=root / "deployed")


def systems(**windows):
    """Tiny systems, each with a window of its own."""
    chosen = {
        name: {"training.window_days": days, "features.smoothing": 3.0 if name == "item_rate" else 5.0}
        for name, days in windows.items()
    }
    return system_settings(tuple(windows), "tiny", chosen)


def test_each_system_has_its_own_days_and_what_is_alike_is_encoded_once(logs, tmp_path):
    asked = systems(fm=2, deepfm=None, item_rate=3)
    heard = []
    windows = encode_windows(logs, asked, DAYS[3:], tmp_path, lambda *step: heard.append(step))
    names = {key: [folder.name for folder in window.instances] for key, window in windows.items()}
    assert names["fm", DAYS[4]] == DAYS[2:4] and names["fm", DAYS[3]] == DAYS[1:3]
    assert names["deepfm", DAYS[4]] == DAYS[:4] and names["item_rate", DAYS[4]] == DAYS[1:4]
    versions = {key[0]: window.instances[0].parent for key, window in windows.items()}
    assert versions["fm"] == versions["deepfm"] != versions["item_rate"], "another smoothing, another version"
    assert [step[1] for step in heard].count(240) == 2, "each version is encoded once, day by day"
    before, told = contents(tmp_path), len(heard)
    assert encode_windows(logs, asked, DAYS[3:], tmp_path, lambda *step: heard.append(step)) == windows
    assert contents(tmp_path) == before and len(heard) == told


def test_partitions_of_the_deployment_are_read_and_what_it_lacks_is_encoded_elsewhere(logs, tmp_path):
    asked = systems(fm=3)
    encode_windows(logs, asked, DAYS[3:4], logs.instances)
    before = contents(logs.instances)
    (window,) = encode_windows(logs, asked, DAYS[4:], tmp_path / "scratch").values()
    assert [folder.parents[1].name for folder in window.instances] == ["deployed", "deployed", "scratch"]
    assert contents(logs.instances) == before
    opened = window.open(asked["fm"].features)
    assert [day.name for day in opened.days] == DAYS[1:4]
    shutil.rmtree(logs.instances)


def test_graphs_read_events_of_as_many_days_as_their_factors_count(logs, tmp_path):
    (spectral,) = system_settings(("lsttm_spectral",), "real", {}).values()
    factors = spectral.numbers.factors
    assert event_days(spectral) == max(factors.click_days, spectral.training.window_days) > 8
    asked = {"lsttm_spectral": spectral.model_copy(update={"training": systems(fm=1)["fm"].training})}
    (window,) = encode_windows(logs, asked, DAYS[4:], tmp_path).values()
    assert [folder.name for folder in window.instances] == DAYS[3:4]
    assert [folder.name for folder in window.events] == DAYS[:4]
    assert window.open(spectral.features).events.start_ms < window.open(spectral.features).days[0].start_ms


def test_the_first_day_has_nothing_to_train_on(logs, tmp_path):
    with pytest.raises(LookupError, match="no day before to train on"):
        encode_windows(logs, systems(fm=2), DAYS[:1], tmp_path)
