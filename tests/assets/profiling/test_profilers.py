"""Every profiler that can be asked for trains, is stored, and answers the same when it is read again."""

import json
import logging

import numpy as np
import pytest

from assets.common.faults import DamagedState
from assets.common.provenance import content_hash
from assets.profiling.audience.requests import MODELS
from assets.profiling.profilers import FITTED_AT, PROFILERS, Trainer
from assets.profiling.states import PROFILER, ProfileStates
from assets.ranking.states import RECORD
from tests.assets.profiling.profiler_stand_in import AS_OF_KEY, Shop
from tests.models.profiling.toy import AS_OF, toy_data


class Bare(Shop):
    """A small shop of purchases alone."""

    def read(self, as_of, fitted_at=None):
        return toy_data(int(np.datetime64(as_of, "D").astype(int)), bare=True)


def test_what_can_be_asked_for_is_what_there_is():
    assert tuple(PROFILERS) == MODELS


@pytest.mark.parametrize("name", MODELS)
def test_a_stored_profiler_answers_as_the_trained_one(tmp_path, name):
    trainer = Trainer(ProfileStates(tmp_path), Bare(), size="tiny")
    trained, data = trainer.train(name, AS_OF_KEY), toy_data(AS_OF, bare=True)
    customers = np.arange(0, 40, 4)
    first = trained.profiler.ready(data).score(customers)
    read = trainer.at(name, AS_OF_KEY)
    assert read.record == trained.record and read.fitted_at == AS_OF_KEY
    np.testing.assert_array_equal(read.profiler.ready(data).score(customers), first)
    assert np.isfinite(first).all() and len(np.unique(first)) > 20
    assert trained.record.settings[FITTED_AT] == AS_OF_KEY
    again = Trainer(ProfileStates(tmp_path / "again"), Bare(), size="tiny").train(name, AS_OF_KEY)
    np.testing.assert_array_equal(again.profiler.ready(data).score(customers), first)


def test_a_damaged_model_is_refused(tmp_path):
    trainer = Trainer(ProfileStates(tmp_path), Bare(), size="tiny")
    record = trainer.train("meta_profile_prior", AS_OF_KEY).record
    folder = trainer.states.folder("meta_profile_prior", AS_OF_KEY) / PROFILER
    (folder / "stray").write_text("x")
    with pytest.raises(DamagedState, match=AS_OF_KEY):
        trainer.at("meta_profile_prior", AS_OF_KEY)
    assert trainer.states.record("meta_profile_prior", AS_OF_KEY) == record


def as_of_an_earlier_version(trainer: Trainer, as_of: str) -> None:
    """A model of before formats were written down, as its folder would stand: whole, and with its hash."""
    trainer.train("meta_profile_prior", as_of)
    folder = trainer.states.folder("meta_profile_prior", as_of)
    about = folder / PROFILER / "meta_profile_prior.json"
    stored = json.loads(about.read_text())
    del stored["format"]
    about.write_text(json.dumps(stored))
    record = json.loads((folder / RECORD).read_text())
    (folder / RECORD).write_text(json.dumps(record | {"state_hash": content_hash(folder / PROFILER)}))


EARLIER_KEY = str(np.datetime64(AS_OF - 30, "D"))


@pytest.mark.parametrize("written", [AS_OF_KEY, EARLIER_KEY], ids=["of that date", "of an earlier date"])
def test_a_model_of_an_earlier_version_is_trained_again_and_said(tmp_path, caplog, written):
    heard = []
    trainer = Trainer(ProfileStates(tmp_path), Bare(), size="tiny", listener=heard.append)
    as_of_an_earlier_version(trainer, written)
    heard.clear()
    with caplog.at_level(logging.WARNING):
        trained = trainer.at("meta_profile_prior", AS_OF_KEY)
    (message,) = [record.getMessage() for record in caplog.records if record.name.startswith("assets")]
    assert "written by an earlier version" in message
    assert f"meta_profile_prior is trained again as of {AS_OF_KEY}" in message
    assert [one.record.partition for one in heard] == [AS_OF_KEY]
    data, customers = toy_data(AS_OF, bare=True), np.arange(0, 40, 4)
    fresh = Trainer(ProfileStates(tmp_path / "fresh"), Bare(), size="tiny").train(
        "meta_profile_prior", AS_OF_KEY
    )
    expected = fresh.profiler.ready(data).score(customers)
    np.testing.assert_array_equal(trained.profiler.ready(data).score(customers), expected)
    caplog.clear()
    again = trainer.at("meta_profile_prior", AS_OF_KEY)
    assert not caplog.records and len(heard) == 1, "the new one has taken the place of the old"
    np.testing.assert_array_equal(again.profiler.ready(data).score(customers), expected)


def test_a_model_that_cannot_be_read_for_another_reason_is_no_earlier_version(tmp_path):
    trainer = Trainer(ProfileStates(tmp_path), Bare(), size="tiny")
    as_of_an_earlier_version(trainer, AS_OF_KEY)
    folder = trainer.states.folder("meta_profile_prior", AS_OF_KEY)
    (folder / PROFILER / "meta_profile_prior.json").write_text("{}")
    with pytest.raises(DamagedState, match=AS_OF_KEY):
        trainer.at("meta_profile_prior", AS_OF_KEY)
