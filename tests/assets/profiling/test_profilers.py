"""Every profiler that can be asked for trains, is stored, and answers the same when it is read again."""

import numpy as np
import pytest

from assets.common.faults import DamagedState
from assets.profiling.audience.requests import MODELS
from assets.profiling.profilers import FITTED_AT, PROFILERS, Trainer
from assets.profiling.states import PROFILER, ProfileStates
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
