"""A day whose hours are still coming: what is loaded, what is named, and what is refused."""

import pytest
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.days import check_runnable, last_day
from orchestration.jobs import daily_assets
from tests.live.world import DAYS, deployment, describe, hour_key, land
from warehouse.home import Deployment, Home
from warehouse.landing.description import SourceDescription
from warehouse.landing.service_time import HOUR_MS, ServiceZone
from warehouse.store.warehouse import Warehouse

ZONE = ServiceZone("UTC")


@pytest.fixture
def clock(monkeypatch):
    """Sets the instant, as an hour and minutes of day one."""

    def set_to(hour, minute=5):
        now_ms = ZONE.day_start_ms(DAYS[0]) + hour * HOUR_MS + minute * 60_000
        monkeypatch.setattr("assets.common.clock.now_ms", lambda: now_ms)

    return set_to


@pytest.fixture
def landing(tmp_path, monkeypatch):
    monkeypatch.setenv("HOURFOLD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "400")
    describe(tmp_path / "logs")
    return tmp_path / "logs"


def ingest(landing):
    done = CliRunner().invoke(app, ["ingest", "--source", "landing", "--data", str(landing)])
    return done.exit_code, " ".join(done.output.split())


def loaded():
    with Warehouse(Home.current().source("landing").warehouse, read_only=True) as warehouse:
        warehouse.check_invariant()
        return set(warehouse.loaded("exposures")["partition"])


@pytest.mark.slow
def test_hours_are_loaded_as_they_come_and_never_as_empty(landing, clock):
    for number in (0, 1, 2, 4):
        land(landing, "exposures", hour_key(number))
    clock(4)
    code, said = ingest(landing)
    assert code == 0, said
    assert loaded() == {hour_key(n) for n in (0, 1, 2)}
    assert f"hour 03 of {DAYS[0]} has no files yet" in said
    assert f"hour 04 of {DAYS[0]} has files, but no end yet: left for later" in said
    assert f"hours 05–23 of {DAYS[0]} have not ended yet" in said
    land(landing, "exposures", hour_key(3))
    land(landing, "exposures", hour_key(1), "corrected")
    clock(30)
    code, said = ingest(landing)
    assert code == 0, said
    assert loaded() == {hour_key(n) for n in range(5)}
    assert f"hours 05–23 of {DAYS[0]} have no files yet" in said


@pytest.mark.slow
def test_what_is_refused_is_told_in_few_lines_and_the_rest_is_loaded(landing, clock):
    for number in range(12):
        land(landing, "exposures", hour_key(number), {3: "cut", 9: "early", 10: "early"}.get(number, ""))
    clock(12)
    done = CliRunner().invoke(app, ["ingest", "--source", "landing", "--data", str(landing)])
    assert done.exit_code == 1
    assert loaded() == {hour_key(n) for n in range(12) if n not in (3, 9, 10)}
    said = " ".join(done.output.split())
    assert "exposures" in said and "Rows in = kept + quarantined" in said, "the summary comes all the same"
    for number in (3, 9, 10):
        assert hour_key(number) in said or f"hour={number:02d}" in said
    assert said.count("What to do") == 1
    assert len(done.output[done.output.index("Not loaded") :].splitlines()) <= 14
    forced = CliRunner().invoke(app, ["ingest", "--source", "landing", "--data", str(landing), "--force"])
    assert forced.exit_code == 1, "a file that cannot be read is not loaded by force"
    assert loaded() == {hour_key(n) for n in range(12) if n != 3}


@pytest.mark.slow
def test_closed_logs_end_with_their_last_day_and_name_what_comes_after(landing, clock):
    for number in (0, 1, 30):
        land(landing, "exposures", hour_key(number))
    land(landing, "external_clicks", hour_key(55))
    clock(99)
    description = SourceDescription.load(landing)
    description.model_copy(update={"closed": True}).save(landing)
    code, said = ingest(landing)
    assert code == 0, said
    assert loaded() == {hour_key(0), hour_key(1)}
    assert f"2 days with files, {DAYS[1]} to 2026-03-04, lie after their end, {DAYS[0]}" in said
    description.save(landing)
    code, said = ingest(landing)
    assert loaded() == {hour_key(n) for n in (0, 1, 30)}
    assert "2026-03-04" in said, "external clicks go on after the last exposure"


@pytest.mark.parametrize(
    "day, hour, words",
    [
        ("2026-03-03", 20, "no hour of 2026-03-03 has ended yet .* 19 of 2026-03-02"),
        ("2026-03-03", 24, "no hour of 2026-03-03 has ended yet"),
        (DAYS[0], 40, "no day before it"),
        ("2026-02-01", 40, "no day before it"),
        ("2026-03-04", 99, "end with 2026-03-03"),
        ("2026-13-01", 99, "2026-13-01"),
    ],
)
def test_a_day_that_cannot_be_run_says_why(landing, clock, day, hour, words):
    clock(hour)
    with pytest.raises(ValueError, match=words):
        check_runnable(deployment(landing), day, DAYS[1])
    check_runnable(deployment(landing), DAYS[1], DAYS[1]) if hour > 24 else None


def test_only_a_closed_folder_of_ones_own_has_a_last_day(landing):
    served, home = deployment(landing), Home.current()
    assert last_day(home, served) is None
    description = SourceDescription.load(landing)
    description.model_copy(update={"closed": True}).save(landing)
    assert last_day(home, served) == description.last_day
    assert last_day(home, Deployment(source="kuairand")) is None, "nothing has landed yet"


def test_a_graph_is_trained_only_for_a_system_that_uses_it():
    plain = Deployment(systems=("item_rate", "deepfm"), size="tiny")
    assert daily_assets(plain) == ["training_instances", "daily_ranker", "promotion"]
    assert daily_assets(plain.model_copy(update={"systems": ("item_rate", "lsttm")}))[1] == "long_term_graph"
