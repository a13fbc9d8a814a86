"""The profile network: its size, absent modalities, scales, and data of another vocabulary."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.profiling.data import Demographics, ProfileData, SparseHeatmaps
from models.profiling.inputs import Encoding
from models.profiling.network import ProfileNetwork
from models.profiling.scaling import HeatScale
from models.profiling.scorer import embed
from models.profiling.settings import PRINTED, TINY, HeatSettings, MetaProfileSettings
from tests.models.profiling.toy import toy_data

ALL = TINY.model_copy(update={"network": TINY.network.model_copy(update={"demographics": "all"})})


def everybody(data: ProfileData) -> np.ndarray:
    return np.ones(len(data), dtype=bool)


def network_of(data: ProfileData, settings: MetaProfileSettings = ALL) -> tuple[ProfileNetwork, Encoding]:
    encoding = Encoding.fit(settings, data, everybody(data))
    network = ProfileNetwork(settings, encoding, torch.Generator().manual_seed(0)).eval()
    with torch.no_grad():
        for name, p in network.named_parameters():
            if name.endswith("absent"):
                p.normal_(generator=torch.Generator().manual_seed(1))
    return network, encoding


def embeddings(network: ProfileNetwork, encoding: Encoding, data: ProfileData) -> np.ndarray:
    return embed(network, encoding.prepare(data), 50)


def empty(heat: SparseHeatmaps, users: np.ndarray) -> SparseHeatmaps:
    """Without the cells of `users` (bool [U])."""
    others = ~users[heat.rows]
    return replace(
        heat,
        offsets=np.concatenate([[0], np.cumsum(np.bincount(heat.rows[others], minlength=len(users)))]),
        **{name: getattr(heat, name)[others] for name in ("day", "hour", "channel", "value")},
    )


def test_about_two_million_parameters() -> None:
    """Two image modalities, shopping with 32 channels and points with three, and seven survey columns."""
    data = toy_data(users=4)
    shopping, points = data.modalities
    shopping = replace(shopping, channels=tuple(f"c{i}" for i in range(32)))
    points = replace(points, channels=("a", "b", "c"), channel=points.channel % 3)
    survey = Demographics(
        np.ones((4, 1), np.float32), ("age",), np.ones((4, 6), int), tuple("abcdef"), (("x", "y"),) * 6
    )
    data = replace(data, modalities=(shopping, points), demographics=survey)
    settings = PRINTED.model_copy(
        update={"network": PRINTED.network.model_copy(update={"demographics": "all"})}
    )
    network, _ = network_of(data, settings)
    count = sum(p.numel() for p in network.parameters())
    assert 1.8e6 < count < 2.3e6
    assert [tuple(c.weight.shape[2:]) for c in network.images[0].cnn.convs] == [
        (7, 2),
        (4, 2),
        (3, 2),
        (1, 1),
    ]
    assert embeddings(network, *(Encoding.fit(settings, data, everybody(data)), data)).shape == (4, 128)


def test_an_embedding_depends_on_its_user_alone() -> None:
    data = toy_data(users=40)
    network, encoding = network_of(data)
    inputs = encoding.prepare(data)
    together = embed(network, inputs, 40)
    alone = embed(network, inputs, 1, np.asarray([7, 3]))
    np.testing.assert_allclose(alone, together[[7, 3]], atol=1e-5)
    assert np.abs(together[7] - together[3]).max() > 1e-3


def test_absent_modalities() -> None:
    data = toy_data(users=30)
    network, encoding = network_of(data)
    before = embeddings(network, encoding, data)
    some = np.arange(30) % 3 == 0
    shopping, points = data.modalities
    without = replace(data, modalities=(shopping, empty(points, some)))
    after = embeddings(network, encoding, without)
    changed = np.abs(after - before).max(1) > 1e-6
    assert changed[some & points.present].all() and not changed[~some].any()
    # Of a source that lacks points and a survey altogether, everybody is as one who has neither.
    none = replace(data, modalities=(shopping,), demographics=None)
    gone = embeddings(network, encoding, none)
    unsurveyed = replace(
        data.demographics, numeric=np.full((30, 1), np.nan, np.float32), categorical=np.full((30, 1), -1)
    )
    by_user = replace(data, modalities=(shopping, empty(points, some | True)), demographics=unsurveyed)
    np.testing.assert_array_equal(gone, embeddings(network, encoding, by_user))


def test_absent_vectors_learn() -> None:
    data = toy_data(users=30)
    network, encoding = network_of(data)
    inputs = encoding.prepare(data)
    hidden = np.zeros((3, 30), dtype=bool)
    hidden[0, :10] = True
    network.train()(inputs.take(np.arange(30), hidden)).sum().backward()
    shopping, points = (image.absent.grad for image in network.images)
    assert shopping.abs().max() > 0
    assert points is None or points.abs().max() == 0 or not data.modalities[1].present.all()
    everything = np.ones((3, 30), dtype=bool)
    assert torch.isfinite(network(inputs.take(np.arange(30), everything))).all()


def test_scale_by_hand_and_by_training_users_alone() -> None:
    heat = SparseHeatmaps(
        "shopping",
        ("a", "b", "c"),
        np.asarray([0, 2, 4]),
        np.asarray([0, 1, 0, 1]),
        np.zeros(4, int),
        np.asarray([0, 1, 0, 1]),
        np.asarray([np.e - 1, -3.0, 50.0, 60.0], np.float32),
    )
    scale = HeatScale.fit(heat, np.asarray([True, False]))
    np.testing.assert_allclose(scale.scale, [1.0, np.log(4), 1.0], rtol=1e-6)
    np.testing.assert_allclose(scale.values(heat, False)[:2], [1.0, -1.0], rtol=1e-6)
    shares = scale.values(heat, True)
    np.testing.assert_allclose(np.abs(shares[:2]).sum(), np.abs(shares[2:]).sum(), rtol=1e-5)
    assert shares[1] < 0


def test_heat_normalised_per_user_gives_activity_apart() -> None:
    data = toy_data(users=30)
    settings = ALL.model_copy(update={"heat": HeatSettings(normalise_users=True)})
    network, encoding = network_of(data, settings)
    shopping, points = data.modalities
    louder = replace(data, modalities=(replace(shopping, value=shopping.value * 3), points))
    changed = np.abs(embeddings(network, encoding, louder) - embeddings(network, encoding, data)).max(1)
    assert (changed[shopping.present] > 1e-4).all()  # through log1p and the activity columns


def test_another_vocabulary_is_refused_by_name() -> None:
    data = toy_data(users=30)
    _, encoding = network_of(data)
    shopping, points = data.modalities
    renamed = replace(shopping, channels=("toys", *shopping.channels[1:]))
    with pytest.raises(ValueError, match=r"'shopping'.*without \['genre0'\], with unknown \['toys'\]"):
        encoding.prepare(replace(data, modalities=(renamed, points)))
    swapped = replace(shopping, channels=shopping.channels[::-1])
    with pytest.raises(ValueError, match="in another order"):
        encoding.prepare(replace(data, modalities=(swapped, points)))
    with pytest.raises(ValueError, match="no numeric column 'age'"):
        encoding.prepare(replace(data, demographics=replace(data.demographics, numeric_names=("shoe_size",))))


def test_new_categories_are_unknown_and_codes_may_move() -> None:
    data = toy_data(users=30)
    network, encoding = network_of(data)
    columns = data.demographics
    moved = replace(
        columns,
        categories=(("castle", "own", "rent"),),
        categorical=np.where(columns.categorical < 0, -1, 2 - columns.categorical),
    )
    same = embeddings(network, encoding, replace(data, demographics=moved))
    np.testing.assert_array_equal(same, embeddings(network, encoding, data))


def test_columns_that_source_tasks_read_are_withheld() -> None:
    data = toy_data(users=30)
    encoding = Encoding.fit(TINY, data, everybody(data), frozenset({"age"}))
    assert encoding.demographics is not None
    assert encoding.demographics.numeric_names == () and encoding.demographics.categorical_names == ("home",)
    assert Encoding.fit(TINY, data, everybody(data), frozenset({"age", "home"})).demographics is None
    assert Encoding.fit(ALL, data, everybody(data), frozenset({"age"})).demographics.numeric_names == ("age",)


def test_nothing_to_profile() -> None:
    data = toy_data(users=5, bare=True)
    data = replace(data, modalities=())
    with pytest.raises(ValueError, match="nothing to profile"):
        network_of(data)
