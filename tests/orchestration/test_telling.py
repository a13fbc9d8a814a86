"""A failed run is told to the address in HOURFOLD_WEBHOOK, whatever that address does."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import dagster as dg
import pytest

from orchestration import telling
from orchestration.telling import VARIABLE, checks_sensor, failure_sensor, message, post


class Listener(BaseHTTPRequestHandler):
    """Answers with the codes it is given, one a request, and keeps what came."""

    codes: list[int] = []
    came: list[dict] = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.came.append(json.loads(body))
        self.send_response(self.codes.pop(0) if self.codes else 200)
        self.end_headers()

    def log_message(self, *arguments):
        """Nothing on the screen."""


@pytest.fixture
def address(monkeypatch):
    monkeypatch.setattr(telling, "PAUSE_SECONDS", 0.01)
    Listener.codes, Listener.came = [], []
    with HTTPServer(("127.0.0.1", 0), Listener) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/hook"
        server.shutdown()


def test_a_post_is_tried_again_where_the_server_fails(address):
    Listener.codes = [503, 500]
    assert post(address, {"text": "lost"}) is None
    assert Listener.came == [{"text": "lost"}] * 3


@pytest.mark.parametrize("codes, times", [([404], 1), ([500] * 3, 3)], ids=["refused", "down"])
def test_what_did_not_arrive_is_said_and_nothing_is_raised(address, codes, times):
    Listener.codes = list(codes)
    assert str(codes[0]) in post(address, {"text": "lost"})
    assert len(Listener.came) == times


@pytest.mark.parametrize("wrong", ["file:///etc/passwd", "no address", "http://127.0.0.1:1/hook", ""])
def test_an_address_that_is_none_is_said_and_nothing_is_raised(wrong, monkeypatch):
    monkeypatch.setattr(telling, "PAUSE_SECONDS", 0.01)
    assert post(wrong, {"text": "lost"})


@dg.asset(check_specs=[dg.AssetCheckSpec("share_quarantined", asset="rows", blocking=True)])
def rows():
    yield dg.AssetCheckResult(passed=False, description="9 of 9 rows\nWhat to do: mend them")
    yield dg.MaterializeResult()


def failed_run(instance):
    result = dg.materialize([rows], instance=instance, raise_on_error=False)
    assert not result.success
    return result


def test_a_failed_run_is_told_with_its_reason(address, monkeypatch):
    monkeypatch.setenv(VARIABLE, address)
    sensor = failure_sensor(dg.DefaultSensorStatus.RUNNING)
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    with dg.DagsterInstance.ephemeral() as instance:
        result = failed_run(instance)
        context = dg.build_run_status_sensor_context(
            "tell_failures", result.get_run_failure_event(), instance, result.dagster_run
        ).for_run_failure()
        assert sensor(context) is None
        (came,) = Listener.came
        assert came == message(instance, result.dagster_run)
    assert came["run_id"] == result.run_id
    assert "rows, check share_quarantined: 9 of 9 rows" in came["reason"]
    assert came["reason"].endswith("What to do: mend them") and came["reason"] in came["text"]


@dg.asset(name="users", check_specs=[dg.AssetCheckSpec("schema", asset="users")])
def users():
    yield dg.MaterializeResult(
        check_results=[dg.AssetCheckResult(check_name="schema", passed=False, description="no user_id")]
    )


def test_a_failed_check_that_stopped_nothing_is_told_too(address, monkeypatch):
    monkeypatch.setenv(VARIABLE, address)
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([users], instance=instance)
        assert result.success
        context = dg.build_run_status_sensor_context(
            "tell_checks", result.get_run_success_event(), instance, result.dagster_run
        )
        checks_sensor(dg.DefaultSensorStatus.RUNNING)(context)
    (came,) = Listener.came
    assert came["reason"] == "users, check schema: no user_id" and "went on" in came["text"]


def test_without_an_address_nobody_is_told(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    with dg.DagsterInstance.ephemeral() as instance:
        result = failed_run(instance)
        context = dg.build_run_status_sensor_context(
            "tell_failures", result.get_run_failure_event(), instance, result.dagster_run
        ).for_run_failure()
        skipped = failure_sensor(dg.DefaultSensorStatus.STOPPED)(context)
    assert VARIABLE in str(skipped)
