"""Every system on a GPU: it trains, scores, adapts, saves and loads there, and does what it does on a CPU."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from models.ranking.features.event_log import HOUR_MS
from models.ranking.lsttm.inner_curve import inner_curve
from models.ranking.ranker import Ranker
from models.ranking.registry import SYSTEMS
from models.ranking.training.rates import MetaSettings
from tests.models.ranking.toy import START, TRAIN_HOURS, hour_of, toy_log, train, with_vectors

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")

DEVICE = "cuda"
#: Of a click probability; sums are rounded in another order.
CLOSE = 1e-3


def day(ranker, log):
    """Scores of two hours, the second one after a step on the first."""
    first, second = (hour_of(log, TRAIN_HOURS + n) for n in range(2))
    before = ranker.score(first)
    ranker.adapt(first)
    return np.concatenate([before, ranker.score(second)])


@pytest.mark.parametrize("system", sorted(SYSTEMS))
def test_a_gpu_does_what_a_cpu_does(system, tmp_path):
    log = with_vectors(toy_log())
    ranker = train(system, log, device=DEVICE)
    assert {p.device.type for p in ranker.learner.module.parameters()} == {DEVICE}
    assert ranker.learner.table.base.device.type == DEVICE
    ranker.save(tmp_path / "daily")
    scores = day(ranker, log)
    np.testing.assert_allclose(scores, day(train(system, log), log), atol=CLOSE)

    ranker.save_hour(tmp_path / "hour")
    second = hour_of(log, TRAIN_HOURS + 1)
    for device in (DEVICE, "cpu"):
        loaded = Ranker.load_hour(tmp_path / "daily", tmp_path / "hour", device)
        assert loaded.learner.table.base.device.type == device
        np.testing.assert_allclose(loaded.score(second), scores[-len(second.exposures) :], atol=1e-5)
        np.testing.assert_allclose(day(Ranker.load(tmp_path / "daily", device), log), scores, atol=CLOSE)
        loaded.adapt(second)  # optimisers' moments came along


@pytest.mark.parametrize("system", sorted(SYSTEMS))
def test_a_log_without_any_history(system):
    log, tiny = toy_log(hours=2), SYSTEMS[system].tiny
    first = log.between(START, START + HOUR_MS)
    vectors = SimpleNamespace(user_vectors=np.zeros((60, 16), np.float32))
    ranker = Ranker.train(tiny, first, long_term=vectors, device=DEVICE)
    assert np.isfinite(ranker.losses).all() and np.isfinite(ranker.score(hour_of(log, 1))).all()


@pytest.mark.parametrize("system", ["deepfm", "lsttm", "sml"])
def test_a_training_resumes_on_a_gpu(system, tmp_path):
    log, settings, checkpoint = toy_log(), SYSTEMS[system].tiny, tmp_path / "checkpoint.pt"
    changed = {"training": settings.training.model_copy(update={"checkpoint_steps": 3})}
    if system == "lsttm":
        changed["meta"] = settings.meta.model_copy(update={"inner_rates": "learned"})
    settings = settings.model_copy(update=changed)

    def stop(*_):
        if checkpoint.exists():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(system, log, settings=settings, device=DEVICE, checkpoint=checkpoint, progress=stop)
    resumed = train(system, log, settings=settings, device=DEVICE, checkpoint=checkpoint)
    straight = train(system, log, settings=settings, device=DEVICE)
    np.testing.assert_allclose(day(resumed, log), day(straight, log), atol=CLOSE)


def test_the_diagnosis_of_an_inner_step(tmp_path):
    log = toy_log()
    train("lsttm_no_meta", log).save(tmp_path / "daily")
    hours = [hour_of(log, TRAIN_HOURS + n) for n in range(2)]
    forms = {"items": MetaSettings(inner_rate=0.1, inner_groups=("item_rows",), item_row_step="row_mean")}
    there, here = (
        inner_curve(Ranker.load(tmp_path / "daily", device), hours, forms)[0] for device in (DEVICE, "cpu")
    )
    for change in ("support", "query"):
        assert there[change] == pytest.approx(here[change], abs=1e-4)
