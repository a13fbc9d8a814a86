"""What was saved when every shape of LSTTM was a kind of settings of its own is read as today's parts."""

from __future__ import annotations

import json

import pytest
import torch

from models.ranking.lsttm.encoders import TypedAttentionSettings
from models.ranking.lsttm.system import LSTTMSettings
from models.ranking.registry import SYSTEMS, settings_of
from tests.models.ranking.toy import toy_log, train

GRAPH = {"neighbours": 5, "layers": 2, "width": 16}
TYPED = {"neighbours": 5, "engaged_seconds": 18.0, "age_buckets": 20, "target_attention": True,
         "item_side": False, "width": 16}  # fmt: skip


def document(system: str, kind: str, **former: object) -> str:
    """Today's tiny settings of a system, its parts as they were written formerly."""
    tree = json.loads(SYSTEMS[system].tiny.model_dump_json())
    for name in ("behaviours", "numbers"):
        tree.pop(name)
    return json.dumps(tree | {"kind": kind, "short_term": GRAPH} | former)


SPECTRAL = {
    "typed": TYPED,
    "din": {"hidden": [8], "softmax": True, "projected": True},
    "behaviours": {"internal": 5, "external": 5},
    "factors": {"width": 4, "days": 3},
    "counts_as": "both",
    "number_scale": 0.3,
    "factor_scale": 0.1,
}


@pytest.mark.parametrize(
    ("system", "kind", "former"),
    [
        ("lsttm", "lsttm", {}),
        ("lsttm_no_gat", "lsttm_no_gat", {}),
        ("lsttm_typed", "lsttm_typed", {"typed": TYPED}),
        ("lsttm_spectral", "lsttm_spectral", SPECTRAL),
    ],
)
def test_settings_saved_formerly_are_read_as_parts(system, kind, former):
    assert settings_of(kind, document(system, kind, **former)) == SYSTEMS[system].tiny


def test_a_setting_that_is_gone_asks_for_training():
    with pytest.raises(ValueError, match=r"counts_as is gone.*retrain"):
        settings_of(
            "lsttm_spectral",
            document("lsttm_spectral", "lsttm_spectral", **SPECTRAL | {"counts_as": "numbers"}),
        )


def test_a_side_that_was_never_read_asks_for_training():
    typed = TYPED | {"item_side": True}
    with pytest.raises(ValueError, match=r"item_side.*retrain"):
        settings_of("lsttm_typed", document("lsttm_typed", "lsttm_typed", typed=typed))


def test_weights_saved_formerly_are_read_under_their_names():
    module = train("lsttm_spectral", toy_log()).learner.module
    former = {
        name.replace("numbers.linear", "linear").replace("ranker.mlp.", "network."): value + 1
        for name, value in module.state_dict().items()
    }
    assert former.keys() != module.state_dict().keys()
    module.load_state_dict(former)
    for (_, value), expected in zip(sorted(module.state_dict().items()), _in_order(former), strict=True):
        assert torch.equal(value, expected)


def _in_order(former: dict[str, torch.Tensor]) -> list[torch.Tensor]:
    names = {"linear": "numbers.linear"}
    return [
        former[name]
        for name in sorted(former, key=lambda n: names.get(n, n.replace("network.", "ranker.mlp.")))
    ]


def test_todays_settings_survive_json():
    for name in ("lsttm", "lsttm_printed", "lsttm_no_gat", "lsttm_typed", "lsttm_spectral"):
        settings = SYSTEMS[name].real
        assert settings_of(settings.kind, settings.model_dump_json()) == settings


def test_an_item_side_reaches_the_ranker():
    """Its vector is one of the ranker's inputs, so the click loss trains its weights."""
    log = toy_log()
    settings = SYSTEMS["lsttm_typed"].tiny
    assert isinstance(settings, LSTTMSettings)
    with_items = settings.model_copy(
        update={"short_term": TypedAttentionSettings(neighbours=5, item_side=True)}
    )
    ranker = train("lsttm_typed", log, settings=with_items)
    plain = train("lsttm_typed", log)
    widths = [r.learner.module.ranker.mlp.layers[0].weight.shape[0] for r in (ranker, plain)]
    assert widths[0] == widths[1] + 16
    side = ranker.learner.module.short_term.graph.item_side
    assert all(ranker.learner.dense.state.get(p) for p in side.parameters())
