"""Training to ready to score: deterministic, resumable, saved whole, indifferent to the order of things."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.profiling.brands import FirstPurchases
from models.profiling.data import ProfileData
from models.profiling.meta_profile import MetaProfile
from models.profiling.scorer import EmbeddedScorer
from models.profiling.settings import (
    TINY,
    EpisodeSettings,
    MetaProfileSettings,
    RelationSettings,
    ScheduleSettings,
    SourceTaskSettings,
    ValidationSettings,
)
from models.profiling.training import Training, learning_rate, scaled
from tests.models.profiling.permuted import permuted
from tests.models.profiling.toy import AS_OF, toy_data, toy_log

USERS = 60
DATA = toy_data(users=USERS)
TRAIN = np.arange(USERS) % 3 != 0
SHORT = TINY.model_copy(
    update={
        "schedule": ScheduleSettings(cyclical_steps=4, cycle=4, restart_steps=4, first_period=4),
        "sources": SourceTaskSettings(min_labelled=5),
        "checkpoint_steps": 3,
    }
)


def trained(settings: MetaProfileSettings = SHORT, seed: int = 0, **options: object) -> MetaProfile:
    return MetaProfile.train(settings, DATA, TRAIN, seed=seed, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def profile() -> MetaProfile:
    return trained()


def same(a: MetaProfile, b: MetaProfile) -> bool:
    pairs = zip(a.network.state_dict().values(), b.network.state_dict().values(), strict=True)
    return all(torch.equal(p, q) for p, q in pairs)


def test_the_same_seed_gives_the_same_network(profile: MetaProfile) -> None:
    again, other = trained(), trained(seed=1)
    assert same(profile, again) and profile.losses == again.losses
    assert not same(profile, other)
    np.testing.assert_array_equal(profile.embed(DATA), again.embed(DATA))


def test_other_users_than_those_of_training_do_not_enter(profile: MetaProfile) -> None:
    shopping, points = DATA.modalities
    out = ~TRAIN[shopping.rows]
    loud = replace(shopping, value=np.where(out, shopping.value * 100, shopping.value).astype(np.float32))
    labels = replace(DATA.labels, value=np.where(TRAIN[:, None], DATA.labels.value, 1).astype(np.float32))
    numeric = np.where(TRAIN[:, None], DATA.demographics.numeric, 999).astype(np.float32)
    price = np.where(TRAIN[DATA.purchases.user], DATA.purchases.price, 1e4).astype(np.float32)
    changed = replace(
        DATA,
        modalities=(loud, points),
        labels=labels,
        demographics=replace(DATA.demographics, numeric=numeric),
        purchases=replace(DATA.purchases, price=price),
    )
    assert same(profile, MetaProfile.train(SHORT, changed, TRAIN, seed=0))


def test_resume_equals_an_uninterrupted_run(
    profile: MetaProfile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_step = Training.take_step

    def killed(self: Training) -> float:
        if self.step == 5:
            raise KeyboardInterrupt
        return take_step(self)

    checkpoint = tmp_path / "checkpoint.pt"
    monkeypatch.setattr(Training, "take_step", killed)
    with pytest.raises(KeyboardInterrupt):
        trained(checkpoint=checkpoint)
    steps = []

    def counted(self: Training) -> float:
        steps.append(self.step)
        return take_step(self)

    monkeypatch.setattr(Training, "take_step", counted)
    resumed = trained(checkpoint=checkpoint)
    assert steps[0] == 3, "it began anew"
    assert same(profile, resumed) and profile.losses == resumed.losses
    steps.clear()
    trained(seed=5, checkpoint=checkpoint)
    assert steps[0] == 0, "a checkpoint of another seed was taken"


def test_saved_and_loaded(profile: MetaProfile, tmp_path: Path) -> None:
    profile.save(tmp_path / "model")
    loaded = MetaProfile.load(tmp_path / "model")
    assert same(profile, loaded) and not loaded.network.training
    np.testing.assert_array_equal(loaded.embed(DATA), profile.embed(DATA))
    assert (loaded.source_tasks, loaded.left_out, loaded.losses) == (
        profile.source_tasks,
        profile.left_out,
        profile.losses,
    )
    with pytest.raises(FileNotFoundError, match="no Meta-Profile Network at"):
        MetaProfile.load(tmp_path / "nowhere")


@pytest.mark.parametrize("kind", ["relation", "cosine", "prototype"])
def test_scores_of_every_head(kind: str) -> None:
    settings = SHORT.model_copy(update={"relation": RelationSettings(kind=kind, hidden=8)})
    scorer = trained(settings).ready(DATA)
    customers = np.asarray([1, 4, 9, 12, 20, 21, 22, 30, 31, 33])
    score = scorer.score(customers)
    assert score.dtype == np.float64 and score.shape == (USERS,) and score.std() > 0
    np.testing.assert_allclose(score, scorer.score(customers[::-1]), atol=1e-6)
    embeddings = torch.from_numpy(scorer.embeddings)
    pairs = scorer.relation(embeddings, embeddings[torch.from_numpy(customers)]).detach().numpy()
    assert pairs.shape == (USERS, 10) and pairs.dtype == np.float32
    if kind != "prototype":
        np.testing.assert_allclose(score, 1 / (1 + np.exp(-pairs.astype(float).mean(1))), atol=1e-5)
    one = scorer.score(customers[:1])
    np.testing.assert_allclose(one, 1 / (1 + np.exp(-pairs[:, 0].astype(float))), atol=1e-5)
    with pytest.raises(ValueError, match="support is empty"):
        scorer.score(np.zeros(0, dtype=np.int64))


def test_users_in_another_order(profile: MetaProfile) -> None:
    order = np.random.default_rng(2).permutation(USERS)
    other = permuted(DATA, order)
    np.testing.assert_allclose(profile.embed(other), profile.embed(DATA)[order], atol=1e-5)


def test_purchases_alone_are_enough(profile: MetaProfile) -> None:
    bare = toy_data(users=USERS, bare=True)
    alone = MetaProfile.train(SHORT, bare, TRAIN, seed=0)
    assert len(alone.source_tasks) == 9 and np.isfinite(alone.embed(bare)).all()
    assert np.isfinite(profile.ready(bare).score(np.asarray([1]))).all()  # trained with points and a survey


def test_data_older_than_the_training_is_refused(profile: MetaProfile) -> None:
    older = toy_data(as_of_day=AS_OF - 10, users=USERS)
    with pytest.raises(ValueError, match=f"local day {AS_OF - 10}, before day {AS_OF}"):
        profile.ready(older)


def test_ridge_on_the_embeddings_reads_its_support(profile: MetaProfile) -> None:
    scorer = profile.with_ridge(DATA, TRAIN)
    one, other = scorer.score(np.asarray([1, 4, 7])), scorer.score(np.asarray([2, 5, 8]))
    assert np.isfinite(one).all() and abs(np.corrcoef(one, other)[0, 1]) < 0.9
    np.testing.assert_array_equal(one, scorer.score(np.asarray([7, 1, 4])))
    with pytest.raises(ValueError, match="support is empty"):
        scorer.score(np.asarray([], dtype=np.int64))
    with pytest.raises(ValueError, match=f"before day {AS_OF}"):
        profile.with_ridge(toy_data(as_of_day=AS_OF - 10, users=USERS), TRAIN)


def test_brand_episodes() -> None:
    newcomers = FirstPurchases.of(toy_log(users=USERS), USERS).newcomers(AS_OF, AS_OF + 60)
    newcomers[4] = False  # which was not to be known
    settings = SHORT.model_copy(
        update={"episodes": EpisodeSettings(episodes="brands", min_members=1, shots=3, ways=5)}
    )
    profile = trained(settings, newcomers=newcomers, excluded_brands=np.array([5]))
    assert "brand4" in profile.source_tasks
    assert "brand5" not in profile.source_tasks and len(profile.source_tasks) > 5
    with pytest.raises(ValueError, match="need `newcomers`"):
        trained(settings)


def test_learning_rates_cycle_first_and_then_restart() -> None:
    schedule = ScheduleSettings(
        cyclical_steps=8,
        cycle=4,
        low=0.1,
        high=0.5,
        restart_steps=12,
        first_period=4,
        period_factor=2,
        floor=0.01,
    )
    rates = [learning_rate(schedule, step) for step in range(schedule.steps)]
    np.testing.assert_allclose(rates[:8], [0.1, 0.3, 0.5, 0.3] * 2)
    cosine = [0.01 + 0.49 * (1 + np.cos(np.pi * k / n)) / 2 for n in (4, 8) for k in range(n)]
    np.testing.assert_allclose(rates[8:], cosine)
    short = scaled(schedule, 10, rate=0.1)
    assert short.steps == 10 and short.cyclical_steps == 4 and short.high == pytest.approx(0.05)


def test_training_stops_by_users_held_out() -> None:
    settings = SHORT.model_copy(
        update={
            "schedule": ScheduleSettings(cyclical_steps=30, cycle=2, low=0.5, high=0.9, restart_steps=0),
            "validation": ValidationSettings(share=0.3, every=2, episodes=2, patience=2),
        }
    )
    profile = trained(settings)
    assert len(profile.losses) < 30, "rates this high get worse at once"
    best = int(np.argmin(profile.looks))
    assert len(profile.looks) == best + 1 + 2
    assert len(profile.losses) == 2 * len(profile.looks)


def test_it_learns_what_the_tasks_ask() -> None:
    """Late and early shoppers differ by the hour of their cells alone."""
    settings = TINY.model_copy(
        update={
            "sources": SourceTaskSettings(count=1, min_labelled=5),
            "episodes": EpisodeSettings(shots=3),
            "schedule": ScheduleSettings(
                cyclical_steps=40, cycle=20, restart_steps=40, first_period=40, high=1e-2
            ),
        }
    )
    data = toy_data(users=120)
    data = replace(data, labels=replace(data.labels, tasks=("late_shopper",), value=data.labels.value[:, :1]))
    train = np.arange(120) < 80
    scorer = MetaProfile.train(settings, data, train, seed=0).ready(data)
    late = np.arange(120) % 2 == 1
    score = scorer.score(np.flatnonzero(late & train)[:20])
    test = ~train
    auc = (score[test & late][:, None] > score[test & ~late]).mean()
    assert auc > 0.8


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_cuda_gives_the_scores_of_the_cpu(profile: MetaProfile, tmp_path: Path) -> None:
    profile.save(tmp_path / "model")
    copy_on_gpu = MetaProfile.load(tmp_path / "model", "cuda")
    np.testing.assert_allclose(copy_on_gpu.embed(DATA), profile.embed(DATA), atol=1e-3)
    customers = np.arange(1, 20)
    np.testing.assert_allclose(
        copy_on_gpu.ready(DATA).score(customers), profile.ready(DATA).score(customers), atol=1e-3
    )
    on_gpu = trained(device="cuda")
    np.testing.assert_allclose(on_gpu.losses[:3], profile.losses[:3], rtol=1e-2)


def test_an_embedded_scorer_stands_alone(profile: MetaProfile) -> None:
    """Stored embeddings and the head give the scores, without cells."""
    data: ProfileData = DATA
    stored = EmbeddedScorer(profile.embed(data), profile.network.relation)
    np.testing.assert_array_equal(stored.score(np.asarray([3])), profile.ready(data).score(np.asarray([3])))
