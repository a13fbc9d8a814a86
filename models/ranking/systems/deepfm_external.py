"""The system `deepfm_external`: DeepFM that sees external behaviours too (LSTTM, 5.2).

Beside DeepFM's fields stand counts of external clicks and the mean of the latest that were received.
"""

from __future__ import annotations

from models.ranking.features.features import FeatureSettings
from models.ranking.systems.behaviours import BehaviourSettings
from models.ranking.systems.deepfm import DeepFMSettings
from models.ranking.training.loop import TrainingSettings
from models.ranking.training.search_space import TRAINING, TWO_SPEED
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
