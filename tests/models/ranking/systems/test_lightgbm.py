from types import SimpleNamespace

import numpy as np
import pytest
import torch

from models.ranking.features.batch import Batch
from models.ranking.features.codes import FieldSpec, Layout
from models.ranking.ranker import Ranker
from models.ranking.registry import SYSTEMS
from models.ranking.systems.lightgbm import Boosting
from models.ranking.systems.trees import Trees, TreeSettings
from tests.models.ranking.toy import TRAIN_HOURS, hour_of, toy_log, train

LAYOUT = Layout(
    (
        FieldSpec("user_id", "user_id"),
        FieldSpec("item_field0", "category"),
        FieldSpec("item_field1", "category"),
        FieldSpec("weekday", "bins", 7),
        FieldSpec("count_item_all_click_rate", "bins", 26),
    )
)
SETTINGS = TreeSettings(trees=20, learning_rate=0.2, min_data_in_leaf=5, feature_fraction=1.0)


def instances(n=2000, seed=0):
    """Clicks follow an unordered category and a rate; the second category has a value for every instance."""
    rng = np.random.default_rng(seed)
    codes = np.stack(
        [
            np.arange(n) % 9,
            rng.integers(0, 6, n),
            np.arange(n),
            rng.integers(0, 7, n),
            rng.integers(0, 26, n),
        ],
        axis=1,
    )
    logit = np.array([2, -2, 2, -2, 2, -2])[codes[:, 1]] + (codes[:, 4] - 13) / 6
    return codes, (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(np.float32)


def batch_of(codes):
    shape = codes.shape[:-1]
    return Batch(
        unique=torch.zeros(1, dtype=torch.int64),
        fields=torch.zeros(codes.shape, dtype=torch.int64),
        labels=torch.zeros(shape),
        weight=torch.ones(shape),
        codes=torch.from_numpy(codes),
    )


def scores(trees, codes):
    return trees(torch.zeros(1, 17), batch_of(codes)).numpy()


def fitted(settings=SETTINGS, seed=1):
    trees = Trees(LAYOUT)
    return trees, grow(trees, *instances(), settings, seed)[0]


def grow(trees, codes, labels, settings=SETTINGS, seed=1, earlier=0):
    trees.read(codes.max(axis=0), settings)
    matrix = trees.matrix(batch_of(codes[None]))
    return trees.fit(matrix, labels, settings, seed, matrix.size, earlier)


def test_scores_are_logits_whose_loss_is_the_one_told():
    trees, loss = fitted()
    codes, labels = instances()
    logits = scores(trees, codes[None])
    assert logits.shape == (1, len(codes)) and logits.dtype == np.float32
    other = torch.nn.functional.binary_cross_entropy_with_logits(
        torch.from_numpy(logits[0]), torch.from_numpy(labels)
    )
    assert loss == pytest.approx(float(other), abs=1e-6)
    assert loss < 0.55  # 0.69 without any knowledge


def test_scores_keep_the_shape_of_tasks_and_the_rows_device():
    trees, _ = fitted()
    codes = instances()[0][:12]
    flat = scores(trees, codes[None])
    np.testing.assert_array_equal(scores(trees, codes.reshape(3, 4, -1)).reshape(1, -1), flat)
    logits = trees(torch.zeros(1, 17, device="meta"), batch_of(codes[None]))
    assert logits.device.type == "meta" and logits.shape == (1, 12)


def test_missing_hidden_and_unseen_categories_score_alike():
    trees, _ = fitted()
    codes = np.repeat(instances()[0][:1], 6, axis=0)
    codes[:, 1] = [-1, -2, 6, 10**9, 0, 1]
    scored = scores(trees, codes[None])[0]
    assert (scored[:4] == scored[0]).all()
    assert scored[4] != scored[0] and scored[4] - scored[5] > 1  # the categories that it knows


def test_the_order_of_categories_means_nothing_and_that_of_rates_does():
    codes, labels = instances()
    shuffled = codes.copy()
    shuffled[:, 1] = np.array([3, 0, 5, 1, 4, 2])[codes[:, 1]]
    one, other = Trees(LAYOUT), Trees(LAYOUT)
    grow(one, codes, labels)
    grow(other, shuffled, labels)
    np.testing.assert_allclose(scores(one, codes[None]), scores(other, shuffled[None]), atol=1e-6)
    categorical = [i for i, c in enumerate(one.columns) if one._unordered(c)]
    assert [LAYOUT.specs[one.columns[i]].name for i in categorical] == ["item_field0", "weekday"]


@pytest.mark.parametrize(
    ("changes", "columns"),
    [({}, [1, 3, 4]), ({"categories": 10**6}, [1, 2, 3, 4])],
)
def test_ids_are_left_out_and_wide_fields_unless_the_settings_allow_them(changes, columns):
    settings = SETTINGS.model_copy(update={"categories": 1000, **changes})
    assert fitted(settings)[0].columns == columns


def test_the_seed_and_nothing_else_decides():
    one, again, other = (fitted(seed=seed)[0].get_extra_state() for seed in (1, 1, 2))
    assert one == again and one["text"] != other["text"]


def test_a_day_without_a_single_click_still_trains():
    codes, labels = instances()
    trees = Trees(LAYOUT)
    grow(trees, codes, np.zeros_like(labels))
    assert np.isfinite(scores(trees, codes[None])).all()


def test_nothing_is_scored_before_the_trees_are_grown():
    with pytest.raises(ValueError, match="once they are grown"):
        scores(Trees(LAYOUT), instances()[0][None, :3])


def test_a_state_travels_through_torch_files(tmp_path):
    trees, _ = fitted()
    torch.save(trees.state_dict(), tmp_path / "trees.pt")
    loaded = Trees(LAYOUT)
    loaded.load_state_dict(torch.load(tmp_path / "trees.pt", weights_only=True))
    codes = instances()[0][None, :50]
    np.testing.assert_array_equal(scores(trees, codes), scores(loaded, codes))


def test_the_checkpoint_after_its_one_step_spares_the_step(tmp_path, monkeypatch):
    log, checkpoint, reports = toy_log(), tmp_path / "checkpoint.pt", []
    first = train("lightgbm", log, checkpoint=checkpoint, progress=lambda *where: reports.append(where))
    assert reports == [("train", 1, 1)]
    monkeypatch.setattr(Boosting, "step", lambda *_: pytest.fail("the trees stand in the checkpoint"))
    again = train("lightgbm", log, checkpoint=checkpoint)
    assert first.learner.module.get_extra_state() == again.learner.module.get_extra_state()
    assert first.losses == again.losses
    hour = hour_of(log, TRAIN_HOURS)
    np.testing.assert_array_equal(first.score(hour), again.score(hour))


def test_trees_stand_still_within_a_day_while_their_features_move(tmp_path):
    log = toy_log()
    ranker = train("lightgbm", log)
    text = ranker.learner.module.get_extra_state()["text"]
    later = hour_of(log, TRAIN_HOURS + 1)
    before = ranker.score(later)
    report = ranker.adapt(hour_of(log, TRAIN_HOURS))
    assert report.steps == 0 and ranker.learner.module.get_extra_state()["text"] == text
    assert (ranker.score(later) != before).any()
    ranker.save(tmp_path / "daily")
    assert Ranker.load(tmp_path / "daily").learner.module.get_extra_state()["text"] == text


def test_training_sees_newcomers_hidden_as_they_will_be_in_ranking(monkeypatch):
    seen = []
    honest = Trees.matrix

    def spying(trees, batch):
        seen.append(batch.codes[0])
        return honest(trees, batch)

    monkeypatch.setattr(Trees, "matrix", spying)
    train("lightgbm", toy_log())
    # On the first day everybody is new, so that IDs are hidden.
    assert (seen[0][:, :2] == -2).all() and (torch.cat(seen)[:, 0] >= 0).any()


def test_growing_ends_where_the_latest_day_gains_no_more():
    """Two days of one rule, and two of which the second is noise: there, fewer trees are grown."""
    codes, labels = instances()
    noise = labels.copy()
    noise[1000:] = np.random.default_rng(3).permutation(labels[1000:])
    patient = SETTINGS.model_copy(update={"trees": 300, "patience": 5})
    grown = []
    for y in (labels, noise):
        trees = Trees(LAYOUT)
        _, rounds = grow(trees, codes, y, patient, earlier=1000)
        assert trees.get_extra_state()["text"].count("\nTree=") == rounds
        grown.append(rounds)
    assert 1 <= grown[1] < grown[0] < 300


@pytest.mark.parametrize("earlier", [0, 2000])
def test_without_an_earlier_day_or_a_later_one_all_trees_are_grown(earlier):
    trees = Trees(LAYOUT)
    patient = SETTINGS.model_copy(update={"patience": 1})
    assert grow(trees, *instances(), patient, earlier=earlier)[1] == SETTINGS.trees


def test_the_rounds_are_counted_and_the_held_out_day_is_the_latest_of_the_window(monkeypatch):
    seen = SimpleNamespace()
    honest = Trees.fit

    def spying(trees, rows, labels, settings, seed, most, earlier):
        seen.earlier, seen.rows = earlier, len(rows)
        return honest(trees, rows, labels, settings, seed, most, earlier)

    monkeypatch.setattr(Trees, "fit", spying)
    log = toy_log()
    ranker = train("lightgbm", log)
    first_day = log.between(log.start_ms, log.start_ms + 24 * 3_600_000)
    assert seen.earlier == len(first_day.exposures) < seen.rows
    text = ranker.learner.module.get_extra_state()["text"]
    assert ranker.strategy_state["rounds"] == text.count("\nTree=")


def with_blocks(size, **trees):
    tiny = SYSTEMS["lightgbm"].tiny
    return tiny.model_copy(
        update={
            "training": tiny.training.model_copy(update={"block_size": size}),
            "trees": tiny.trees.model_copy(update=trees),
        }
    )


def test_trees_grown_piece_by_piece_are_those_of_the_whole_matrix():
    log = toy_log()
    whole, pieces = (train("lightgbm", log, settings=with_blocks(size)) for size in (10**6, 100))
    text, other = (r.learner.module.get_extra_state()["text"] for r in (whole, pieces))
    assert text == other
    assert whole.losses == pieces.losses and whole.strategy_state["left_out"] == 0


def test_of_a_large_window_a_random_sample_is_taken_and_the_rest_is_counted():
    log = toy_log()
    total = len(log.between(log.start_ms, log.start_ms + TRAIN_HOURS * 3_600_000).exposures)
    rankers = [
        train("lightgbm", log, settings=with_blocks(100, most_instances=700), seed=seed) for seed in (1, 2, 1)
    ]
    states = [r.strategy_state["left_out"] for r in rankers]
    assert all(total - 700 <= left_out < total - 500 for left_out in states)
    texts = [r.learner.module.get_extra_state()["text"] for r in rankers]
    assert texts[0] == texts[2] != texts[1]
