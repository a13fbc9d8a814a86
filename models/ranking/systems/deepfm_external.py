"""The systems `deepfm_external` and `deepfm_external_factors`: DeepFM that sees external behaviours too.

Beside DeepFM's fields stand counts of external clicks and the mean of the latest that were received (LSTTM,
5.2); `_factors` also reads the numbers that `lsttm_spectral` reads.
"""

from __future__ import annotations

from models.ranking.features.features import FeatureSettings
from models.ranking.lsttm.click_factors import FactorSettings
from models.ranking.lsttm.numbers import NumberSettings
from models.ranking.systems.behaviours import BehaviourSettings
from models.ranking.systems.deepfm import DeepFMSettings
from models.ranking.training.loop import TrainingSettings
from models.ranking.training.search_space import TRAINING, TWO_SPEED, Choice
from models.ranking.training.system import TINY_TRAINING, SystemEntry

DEEPFM_EXTERNAL = SystemEntry(
    real=DeepFMSettings(
        features=FeatureSettings(),
        behaviours=BehaviourSettings(external=30),
        training=TrainingSettings(learning_rate=5e-4),
    ),
    tiny=DeepFMSettings(
        features=FeatureSettings(),
        behaviours=BehaviourSettings(internal=5, external=5),
        hidden=(16,),
        training=TINY_TRAINING,
    ),
    summary="DeepFM with counts and the mean of external clicks",
    source="LSTTM, WSDM 2022, 5.2: DeepFM (+external)",
    space={**TRAINING, **TWO_SPEED},
)
DEEPFM_EXTERNAL_FACTORS = SystemEntry(
    real=DEEPFM_EXTERNAL.real.model_copy(update={"numbers": NumberSettings()}),
    tiny=DEEPFM_EXTERNAL.tiny.model_copy(
        update={"numbers": NumberSettings(factors=FactorSettings(width=4, days=3))}
    ),
    summary="deepfm_external with the factorised click graph and ordered counts that lsttm_spectral reads",
    source="ours; DeepFM: Guo et al., IJCAI 2017",
    space={**DEEPFM_EXTERNAL.space, "numbers.factor_scale": Choice((0.03, 0.1, 0.3))},
)
