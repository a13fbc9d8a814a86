"""The served champion: it follows its alias and the hours, says what is wrong, and counts what it does."""

import asyncio
import json
import re

import numpy as np
import pytest

from assets.common.timings import Timings
from assets.ranking.hourly_auc import score_hour
from assets.ranking.hourly_ranker import adapt_hour
from assets.ranking.serving import ServedRanker
from assets.ranking.serving_body import MOST_CANDIDATES, NoTable, read_body
from assets.ranking.serving_champion import FollowedChampion, NamedVersion
from assets.ranking.serving_http import MOST_BYTES, ScoringApp
from assets.ranking.serving_metrics import ServingMetrics
from assets.ranking.states import States
from tests.deployed import BASE, DAY, HOURS, systems

ROWS = [
    {"user_id": user, "item_id": item, "shown_at": f"{DAY}T01:10:00Z", "request_id": "r"}
    for user, item in (("100383", "n0000447"), ("100383", "nothing"), ("nobody", "n0000447"))
]
RECORDS = json.dumps({"dataframe_records": ROWS}).encode()


def ask(app, path, body=None, kind="application/json"):
    """Status, and the body of the answer."""
    parts = [body[:10], body[10:]] if body else [b""]
    messages = [
        {"type": "http.request", "body": part, "more_body": i < len(parts) - 1}
        for i, part in enumerate(parts)
    ]
    sent = []

    async def receive():
        return messages.pop(0)

    async def send(message):
        sent.append(message)

    method = "GET" if body is None else "POST"
    headers = [(b"content-type", kind.encode())]
    scope = {"type": "http", "path": path, "method": method, "headers": headers}
    asyncio.run(app(scope, receive, send))
    return sent[0]["status"], sent[1]["body"].decode()


def _named(ready, system, version="1"):
    return NamedVersion("ranking-simulated", version, system, BASE, States(ready.models).daily(system, BASE))


def _counted(text, name):
    (value,) = re.findall(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(value)


@pytest.mark.slow
def test_requests_are_answered_refused_and_counted(ready):
    named = _named(ready, systems()[0])
    app = ScoringApp(FollowedChampion(lambda: named))
    status, body = ask(app, "/invocations", RECORDS)
    assert status == 200, body
    scores = [row["score"] for row in json.loads(body)["predictions"]]
    columns = {name: [row[name] for row in ROWS] for name in ROWS[0]}
    np.testing.assert_allclose(scores, ServedRanker(named.folder).score(columns), rtol=0, atol=1e-12)
    split = {"columns": list(columns), "data": [list(row.values()) for row in ROWS]}
    for other in ({"dataframe_split": split}, {"inputs": columns}):
        assert ask(app, "/invocations", json.dumps(other).encode()) == (200, body)
    for refused, status, words in (
        ([ROWS[0] | {"shown_at": "soon"}], 400, "'soon' is no instant"),
        ([{"user_id": "u"}], 400, "column 'item_id' is missing"),
        ([ROWS[0] | {"age": 3}], 400, "unknown column 'age'"),
        ([ROWS[0] | {"item_id": None}], 400, "'item_id', row 0: the value is empty"),
        ([ROWS[0] | {"item_id": {}}], 400, "'item_id' holds values of type struct"),
        ([ROWS[0]] * (MOST_CANDIDATES + 1), 413, "candidates"),
    ):
        said = ask(app, "/invocations", json.dumps({"dataframe_records": refused}).encode())
        assert said[0] == status and words in json.loads(said[1])["error"], said
    assert ask(app, "/invocations", b"x" * (MOST_BYTES + 1))[0] == 413
    assert ask(app, "/invocations", RECORDS, "text/csv")[0] == 415
    assert ask(app, "/invocations")[0] == 405 and ask(app, "/health", b"x")[0] == 405
    assert ask(app, "/elsewhere")[0] == 404
    health = json.loads(ask(app, "/health")[1])
    assert (health["status"], health["system"], health["hour"]) == ("ok", systems()[0], f"{DAY}-01:00")
    text = ask(app, "/metrics")[1]
    assert _counted(text, 'hourfold_requests_total{status="200"}') == 3
    assert _counted(text, 'hourfold_requests_total{status="400"}') == 5
    assert _counted(text, 'hourfold_request_seconds_bucket{le="+Inf"}') == 11
    assert _counted(text, "hourfold_candidates_total") == 9
    assert _counted(text, "hourfold_cold_users_total") == _counted(text, "hourfold_cold_items_total") == 3
    assert f'system="{systems()[0]}"' in text and _counted(text, "process_resident_memory_bytes") > 1e7


@pytest.mark.slow
def test_the_alias_and_the_hours_are_followed_and_a_failed_look_leaves_what_answers(ready):
    first, second = systems()[:2]
    names = [_named(ready, first)]
    champion = FollowedChampion(lambda: names[0])
    app = ScoringApp(champion)
    before = ask(app, "/invocations", RECORDS)
    champion.look()
    assert ask(app, "/invocations", RECORDS) == before and champion.problem is None

    names[0] = NamedVersion("ranking-simulated", "2", second, BASE, ready.models / "nowhere")
    champion.look()
    assert ask(app, "/invocations", RECORDS) == before
    health = json.loads(ask(app, "/health")[1])
    assert health["status"] == "stale" and "nowhere" in health["problem"] and health["version"] == "1"
    assert _counted(ask(app, "/metrics")[1], "hourfold_follow_failures") == 1

    names[0] = _named(ready, second, "3")
    champion.look()
    health = json.loads(ask(app, "/health")[1])
    assert (health["status"], health["system"], health["version"]) == ("ok", second, "3")
    other = ask(app, "/invocations", RECORDS)
    assert other[0] == 200 and other != before

    age = champion.current.ranker.received_ms
    score_hour(HOURS[0], ready.resource, ready.warehouse, ready.tracking.open(), Timings())
    adapt_hour(HOURS[0], ready.resource, ready.warehouse, ready.tracking.open(), Timings())
    assert ask(app, "/invocations", RECORDS) == other, "an hour's state is taken up by a look alone"
    champion.look()
    assert champion.problem is None
    followed = ask(app, "/invocations", RECORDS)
    assert followed[0] == 200 and followed != other
    assert json.loads(ask(app, "/health")[1])["adapted_through"] == HOURS[0]
    assert champion.current.ranker.received_ms - age == 3_600_000


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "no JSON"),
        (b"[" * 100_000, "nested too deep"),
        (b"[1]", "send a JSON object"),
        (b'{"instances": []}', "send a JSON object"),
        (b'{"dataframe_records": {"a": 1}}', "a list of objects"),
        (b'{"dataframe_split": {"columns": ["a", "a"], "data": []}}', "different names"),
        (b'{"dataframe_split": {"columns": ["a"], "data": [[1], [1, 2]]}}', "row 1"),
        (b'{"inputs": {"a": [1], "b": []}}', "different lengths"),
        (b'{"inputs": {"a": "b"}}', "a list for each column"),
    ],
)
def test_a_body_that_is_no_table_is_refused_with_what_to_send(body, words):
    with pytest.raises(NoTable, match=words):
        read_body(body, "application/json; charset=utf-8")


def test_latencies_are_counted_in_buckets_that_add_up():
    metrics = ServingMetrics()
    for seconds in (0.001, 0.01, 0.011, 9.0):
        metrics.answered(200, seconds)
    text = metrics.text({}, {"hour": 'a"b'})
    assert _counted(text, 'hourfold_request_seconds_bucket{le="0.01"}') == 2
    assert _counted(text, 'hourfold_request_seconds_bucket{le="5.0"}') == 3
    assert _counted(text, "hourfold_request_seconds_count") == 4
    assert _counted(text, "hourfold_request_seconds_sum") == pytest.approx(9.022)
    assert 'hour="a\\"b"' in text
