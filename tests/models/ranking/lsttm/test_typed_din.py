"""DIN over typed events against a loop over instances and events, and how `lsttm_spectral` uses it."""

import torch

from models.layers.din import DINSettings
from models.metrics import auc
from models.ranking.lsttm.typed_din import TypedDIN
from models.ranking.lsttm.typed_events import TYPES, Side
from models.ranking.registry import SYSTEMS
from tests.models.ranking.toy import TRAIN_HOURS, hour_of, toy_log, train

AGES, WIDTH = 5, 4
SETTINGS = DINSettings(hidden=(3,), softmax=True, projected=True)


def encoder_and_list(seed=0, tasks=2, items=7, instances=6, events=5):
    generator = torch.Generator().manual_seed(seed)
    encoder = TypedDIN(8, AGES, SETTINGS, generator, WIDTH)
    with torch.no_grad():
        encoder.type_embedding.mul_(50)  # so that types and ages matter
        encoder.age_embedding.mul_(50)
    keys = torch.randn(tasks, items, 8, generator=generator)
    targets = torch.randn(tasks, instances, 8, generator=generator)
    shape = (tasks, instances, events)
    listed = Side(
        torch.randint(items, shape, generator=generator),
        torch.rand(shape, generator=generator) < 0.6,
        torch.randint(TYPES * AGES, shape, generator=generator),
    )
    listed.mask[0, 0] = False  # a user without any event
    return encoder, keys, targets, listed


def test_vectors_are_those_of_the_formula():
    encoder, keys, targets, listed = encoder_and_list()
    found = encoder(keys, targets, listed)
    unit, projection = encoder.din.unit, encoder.din.projection
    for t, b in torch.cartesian_prod(torch.arange(2), torch.arange(6)).tolist():
        target, messages, scores = targets[t, b] @ projection, [], []
        for j in torch.arange(5)[listed.mask[t, b]].tolist():
            kind, age = divmod(int(listed.codes[t, b, j]), AGES)
            key = keys[t, listed.neighbours[t, b, j]] @ projection
            key = key + encoder.type_embedding[kind] + encoder.age_embedding[age]
            hidden = torch.cat([key, target, key - target, key * target]) @ unit.first.weight
            hidden = hidden + unit.first.bias[0]
            hidden = torch.where(hidden > 0, hidden, unit.slopes[0][0] * hidden)
            messages.append(key)
            scores.append((hidden @ unit.rest[0].weight + unit.rest[0].bias[0])[0])
        expected = torch.zeros(WIDTH)
        if messages:
            expected = torch.stack(scores).softmax(0) @ torch.stack(messages)
        torch.testing.assert_close(found[t, b], expected, atol=1e-5, rtol=1e-4)


def trained(log, **changed):
    return train("lsttm_spectral", log, settings=SYSTEMS["lsttm_spectral"].tiny.model_copy(update=changed))


def test_lsttm_spectral_learns():
    log = toy_log(per_hour=200)
    hour = hour_of(log, TRAIN_HOURS)
    assert auc(hour.exposures.clicked, trained(log).score(hour)) > 0.6


def test_the_scale_of_factors_changes_what_is_learned():
    log = toy_log()
    hour = hour_of(log, TRAIN_HOURS)
    numbers = SYSTEMS["lsttm_spectral"].tiny.numbers
    one, other = (
        trained(log, numbers=numbers.model_copy(update={"factor_scale": scale})).score(hour)
        for scale in (0.1, 1.0)
    )
    assert (one != other).any()
