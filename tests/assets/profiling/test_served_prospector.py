"""A registered profiler answers in a clean process: customers in raw ids → the audience of `prospect`."""

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
from assets.common.tracking import PROFILING, Tracking
from assets.profiling.profilers import FITTED_AT, PROFILERS
from assets.profiling.serving import ServedProspector
from assets.profiling.sources import ProfileSource
from assets.profiling.states import PROFILER, ProfileStates
from models.profiling.prospect import prospect
from tests.assets.profiling.shop_on_disk import LAST_DAY, shop

ROOT = Path(__file__).parents[3]
AS_OF = str(np.datetime64(LAST_DAY) + 1)
SYSTEMS = ("meta_profile_prior", "meta_profile")
CLEAN = """
import json, sys
import mlflow, pandas as pd
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model(sys.argv[2])
customers = pd.DataFrame({"user_id": json.loads(sys.argv[3])})
answer = model.predict(customers, params={"top": 20})
try:
    model.predict(pd.DataFrame({"user_id": ["nobody"]}))
except mlflow.exceptions.MlflowException as error:
    refused = [error.get_http_status_code(), error.message]
names = model.metadata.signature.inputs.input_names(), list(model.input_example["user_id"])
print("ANSWER" + json.dumps([answer.to_dict("list"), refused, names]))
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A home whose shop has both profilers, registered."""
    home, deployment = shop(tmp_path_factory)
    source = ProfileSource.opened(home, deployment.source)
    tracking = Tracking(home.mlflow, "landing", simulated=False, purpose=PROFILING)
    trainer = source.trainer("tiny", tracking=tracking)
    for system in SYSTEMS:
        trainer.train(system, AS_OF)
    return home, source, tracking


def _customers(source):
    return [str(user) for user in source.read(AS_OF).user_ids[:40:4]]


@pytest.mark.slow
@pytest.mark.parametrize("system", SYSTEMS)
def test_customers_in_a_clean_process_get_the_audience_of_prospect(trained, system):
    home, source, tracking = trained
    customers = _customers(source)
    name = f"models:/{model_registry.model_name(tracking)}@{system}"
    asked = [tracking.client.tracking_uri, name, json.dumps([*customers, "nobody"])]
    environment = {key: value for key, value in os.environ.items() if key != "HOURFOLD_HOME"}
    ran = subprocess.run(
        [sys.executable, "-c", CLEAN, *asked],
        env={**environment, "PYTHONPATH": str(ROOT)},
        cwd=home.root,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    answer, (status, message), names = json.loads(ran.stdout.partition("ANSWER")[2])
    states = ProfileStates(source.home.models)
    record = states.finished(system, AS_OF)
    data = source.read(AS_OF, record.settings[FITTED_AT])
    positions = np.arange(0, 40, 4)
    scores = PROFILERS[system].load(states.path(record), "cpu").ready(data).score(positions)
    expected = prospect(scores, positions, 20)
    assert answer["user_id"] == data.user_ids[expected.user].tolist() and len(answer["user_id"]) == 20
    np.testing.assert_allclose(answer["score"], expected.score, rtol=0, atol=1e-6)
    np.testing.assert_allclose(answer["percentile"], expected.percentile)
    assert not set(answer["user_id"]) & set(customers)
    assert status == 400 and "none of the 1 customers is known" in message
    assert names == [["user_id"], ["a customer", "another"]]


@pytest.mark.slow
def test_what_cannot_be_answered_is_refused_with_what_to_change(trained):
    _, source, _ = trained
    folder = ProfileStates(source.home.models).folder(SYSTEMS[0], AS_OF)
    served = ServedProspector(folder)
    customers = _customers(source)
    everybody = source.read(AS_OF).user_ids.tolist()
    for table, top, words in (
        (pd.DataFrame({"id": customers}), 5, "'user_id' is missing"),
        (pd.DataFrame({"user_id": [*customers, None]}), 5, "row 10: the value is empty"),
        (pd.DataFrame({"user_id": customers}), 0, "at least one user"),
        (pd.DataFrame({"user_id": everybody}), 5, "nobody is left"),
    ):
        with pytest.raises(BadRequest, match=words):
            served.audience(table, top)
    stray = folder / PROFILER / "stray"
    stray.write_text("x")
    with pytest.raises(DamagedState, match="does not hold what"):
        ServedProspector(folder)
    stray.unlink()
