"""What `dagster dev` loads: the definitions of this home's deployment."""

from orchestration.build import build
from warehouse.home import Deployment, Home

_home = Home.current()
defs = build(_home, Deployment.load(_home)).definitions
