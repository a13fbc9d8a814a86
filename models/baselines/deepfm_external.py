"""The system `deepfm_external`: DeepFM that sees external behaviours too (LSTTM, 5.2).

Beside DeepFM's fields stand counts of external clicks and the mean of the latest that were received.
"""

from __future__ import annotations

from models.baselines.behaviours import BehaviourSettings
from models.baselines.deepfm import DeepFMSettings
from models.data.features import FeatureSettings
from models.search import TRAINING, TWO_SPEED
from models.system import TINY_TRAINING, SystemEntry
from models.training import TrainingSettings

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
