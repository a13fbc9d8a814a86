"""A registered version answers as the hourly asset scores: in the ids of the logs, from a clean process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from assets.common import model_registry
from assets.common.faults import BadRequest, DamagedState
from assets.common.timings import Timings
from assets.ranking.hourly_auc import score_hour
from assets.ranking.hourly_ranker import adapt_hour
from assets.ranking.serving import ServedRanker
from assets.ranking.serving_request import read_candidates
from assets.ranking.states import States
from tests.deployed import BASE, DAY, HOURS, systems

ROOT = Path(__file__).parents[3]
CLEAN = """
import json, sys
import mlflow, pandas as pd
name, table, bad = sys.argv[1:]
mlflow.set_tracking_uri(sys.argv[1].rpartition(" ")[0])
model = mlflow.pyfunc.load_model(sys.argv[1].rpartition(" ")[2])
frame = pd.read_parquet(table)
answer = {"scores": model.predict(frame)["score"].tolist()}
from mlflow.pyfunc import scoring_server
app = scoring_server.invocations
def ask(body):
    try:
        said = app(json.dumps(body), "application/json", model, model.metadata.get_input_schema())
        return said.status, said.response
    except mlflow.exceptions.MlflowException as error:
        return error.get_http_status_code(), error.message
records = json.loads(frame.to_json(orient="records", date_format="iso"))
answer["served"] = ask({"dataframe_records": records})
answer["malformed"] = [ask(body) for body in json.loads(bad)]
print("ANSWER" + json.dumps(answer))
"""


def _live(ready, hours):
    for hour in hours:
        score_hour(hour, ready.resource, ready.warehouse, ready.tracking.open(), Timings())
        adapt_hour(hour, ready.resource, ready.warehouse, ready.tracking.open(), Timings())


def _candidates(ready, hour):
    """The hour's exposures as they landed, shuffled; without what came of them."""
    folder = ready.landing / "exposures" / f"date={hour[:10]}" / f"hour={hour[11:13]}"
    frame = pd.concat([pd.read_parquet(path) for path in folder.glob("*.parquet")])
    frame = frame.sample(frac=1, random_state=0).reset_index(drop=True).astype({"exposure_id": str})
    context = [name for name in frame if name.startswith("ctx_")]
    for name in ("user_id", "item_id", "request_id", *context):
        frame[name] = frame[name].astype(str)
    return frame[["exposure_id", "user_id", "item_id", "shown_at", "request_id", *context]]


def _stored(ready, hour, system):
    with ready.warehouse.open() as opened:
        frame = opened.read_predictions()
    frame = frame[(frame["partition"] == hour) & (frame["system"] == system)]
    return frame.set_index("exposure_id")["score"]


def _folder(ready, system):
    return States(ready.models).daily(system, BASE)


@pytest.mark.slow
def test_every_system_answers_as_the_hour_was_scored_and_follows_the_hours(ready):
    served = {system: ServedRanker(_folder(ready, system)) for system in systems()}
    for hour in HOURS[:3]:
        _live(ready, [hour])
        table = _candidates(ready, hour)
        for system, one in served.items():
            scores = one.score(table.drop(columns="exposure_id"))
            expected = _stored(ready, hour, system)
            assert len(expected) == len(table) > 5
            np.testing.assert_allclose(scores, expected[table["exposure_id"]], rtol=0, atol=1e-6)
    # The last hour again, by the model as trained: following the hours is what made the difference.
    for system, one in served.items():
        former = one._open
        assert former is not None and former.adapted is not None and former.adapted.partition == HOURS[1]
        fresh = ServedRanker(_folder(ready, system))
        for folder in States(ready.models).hourly(system, HOURS[0]).parent.iterdir():
            folder.rename(folder.parent.parent / f"{system} {folder.name}")
        still = fresh.score(table.drop(columns="exposure_id"))
        assert np.abs(still - scores_of(former, one, table)).max() > 1e-4, system


def scores_of(former, served, table):
    """The scores by what was open before."""
    rows = read_candidates(table.drop(columns="exposure_id"), served._context)
    index = np.argsort(rows.shown_at, kind="stable")
    start_ms = int(rows.shown_at.min()) // 3_600_000 * 3_600_000
    scores = np.empty(len(rows))
    scores[index] = former.ranker.score(former.catalogue.log_of(rows, index, start_ms))
    return scores


@pytest.mark.slow
def test_the_champion_answers_in_a_clean_process(ready):
    system, hour = systems()[0], HOURS[1]
    _live(ready, HOURS[:2])
    tracking = ready.tracking.open()
    record = States(ready.models).finished(_folder(ready, system))
    version = model_registry.version_of(tracking, system, BASE, record.state_hash)
    model_registry.point(tracking, model_registry.CHAMPION, version, {})
    table = _candidates(ready, hour)
    path = ready.home.root / "candidates.parquet"
    table.drop(columns="exposure_id").to_parquet(path)
    one = {"user_id": "u", "item_id": "i", "shown_at": f"{DAY}T01:00:00Z"}
    bad = [
        {"dataframe_records": [{"user_id": "u"}]},
        {"dataframe_records": [one | {"shown_at": "soon"}]},
        {"dataframe_records": [one | {"user_id": ""}]},
        {"dataframe_records": [one | {"shown_at": f"{BASE}T01:00:00Z"}]},
    ]
    name = f"models:/{model_registry.model_name(tracking)}@champion"
    environment = {key: value for key, value in os.environ.items() if key != "HOURFOLD_HOME"}
    ran = subprocess.run(
        [sys.executable, "-c", CLEAN, f"{tracking.client.tracking_uri} {name}", str(path), json.dumps(bad)],
        env={**environment, "PYTHONPATH": str(ROOT)},
        cwd=ready.home.root,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    answer = json.loads(ran.stdout.partition("ANSWER")[2])
    expected = _stored(ready, hour, system)[table["exposure_id"]]
    np.testing.assert_allclose(answer["scores"], expected, rtol=0, atol=1e-6)
    status, body = answer["served"]
    assert status == 200
    served = [row["score"] for row in json.loads(body)["predictions"]]
    np.testing.assert_allclose(served, expected, rtol=0, atol=1e-6)
    for (status, message), words in zip(
        answer["malformed"], ("item_id", "'soon'", "user_id", f"from {DAY}-00:00 on"), strict=True
    ):
        assert status == 400 and words in message


@pytest.mark.slow
def test_who_is_unknown_is_scored_as_somebody_new(ready):
    served = ServedRanker(_folder(ready, "lsttm_spectral"))
    table = _candidates(ready, HOURS[0]).drop(columns="exposure_id").head(4)
    nobody = table.assign(user_id=["a", "a", "b", "c"], item_id=["x", "y", "x", "x"], request_id=None)
    scores = served.score(nobody)
    assert np.isfinite(scores).all() and ((scores > 0) & (scores < 1)).all()
    other = nobody.assign(user_id=["d", "d", "e", "f"], item_id=["v", "w", "v", "v"])
    np.testing.assert_array_equal(scores, served.score(other))
    assert not np.array_equal(scores, served.score(table.assign(request_id=None)))
    context = [name for name in table if name.startswith("ctx_")]
    assert np.isfinite(served.score(table.assign(**dict.fromkeys(context, "never seen")))).all()
    assert np.isfinite(served.score(table.drop(columns=[*context, "request_id", "shown_at"]))).all()
    assert len(served.score(table.head(0))) == 0


@pytest.mark.slow
def test_a_copy_elsewhere_reads_the_home_of_its_process_and_no_other_source(ready, tmp_path, monkeypatch):
    import shutil

    shutil.copytree(_folder(ready, "deepfm_external"), tmp_path / "copy")
    table = _candidates(ready, HOURS[0]).drop(columns="exposure_id")
    inside = ServedRanker(_folder(ready, "deepfm_external")).score(table)
    monkeypatch.setenv("HOURFOLD_HOME", str(ready.home.root))
    np.testing.assert_array_equal(ServedRanker(tmp_path / "copy").score(table), inside)
    ready.deployment.model_copy(update={"source": "landing"}).save(ready.home)
    with pytest.raises(DamagedState, match="home of landing"):
        ServedRanker(_folder(ready, "deepfm_external"))


HOLD = """
import sys
from pathlib import Path
from warehouse.store.warehouse import Warehouse
with Warehouse(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.slow
def test_while_a_load_holds_the_warehouse_the_former_hour_goes_on_and_it_is_said(ready, caplog):
    served, table = ServedRanker(_folder(ready, "lsttm_spectral")), _candidates(ready, HOURS[0])
    table = table.drop(columns=["exposure_id", "shown_at"])
    first, second = (table.assign(shown_at=f"{hour[:10]}T{hour[11:]}:00Z") for hour in HOURS[:2])
    served.score(first)
    _live(ready, HOURS[:1])
    path = ready.deployment.paths(ready.home).warehouse
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout.readline() == "held\n"
        meanwhile = served.score(second)
        assert f"hour {HOURS[1]} is answered as hour {HOURS[0]} was" in caplog.text
    finally:
        holder.communicate("", timeout=60)
    after = served.score(second)
    assert np.abs(after - meanwhile).max() > 1e-6, "the state of the first hour was not taken up"
    np.testing.assert_array_equal(after, ServedRanker(_folder(ready, "lsttm_spectral")).score(second))


ROW = {"user_id": ["1"], "item_id": [2], "shown_at": ["2026-03-03T01:00:00Z"]}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"user_id": None}, "'user_id', row 0: the value is empty"),
        ({"item_id": [2.5]}, "'item_id' holds values of type double"),
        ({"shown_at": [None]}, "'shown_at', row 0"),
        ({"shown_at": ["at noon"]}, "'at noon' is no instant"),
        ({"ctx_position": ["1"]}, "unknown column 'ctx_position'"),
        ({"ctx_slot": [object()]}, "'ctx_slot' mixes kinds"),
    ],
)
def test_a_malformed_table_is_refused_with_what_is_wrong(change, words):
    read_candidates(pd.DataFrame(ROW), ["ctx_slot"])
    with pytest.raises(BadRequest, match=words):
        read_candidates(pd.DataFrame(ROW | change), ["ctx_slot"])


def test_instants_may_be_text_numbers_or_times():
    instant = pd.Timestamp("2026-03-03T01:00:00Z")
    for value in (
        "2026-03-03T01:00:00Z",
        "2026-03-03T10:00:00+09:00",
        instant.value // 10**6,
        instant,
        instant.tz_localize(None),
    ):
        rows = read_candidates(pd.DataFrame(ROW | {"shown_at": [value]}), [])
        assert rows.shown_at.tolist() == [instant.value // 10**6], value
    assert rows.user_id.tolist() == ["1"] and rows.item_id.tolist() == ["2"]
