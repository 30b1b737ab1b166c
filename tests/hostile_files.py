"""All hostile and damaged files of the tests: what each is -> how to make it, and what comes of it.

To add one, write its builder into the module of its kind, and a row into the table there.
"""

from hostile_archives import ARCHIVES
from hostile_arrays import NUMPY, SAFETENSORS
from hostile_attributes import ATTRIBUTES
from hostile_case import Hostile
from hostile_checkpoints import CHECKPOINTS
from hostile_configs import CONFIGS
from hostile_kinds import KINDS
from hostile_links import LINKS
from hostile_pickles import PICKLES
from hostile_storage import STORAGE

TABLES: dict[str, dict[str, Hostile]] = {
    "links": LINKS,
    "storage": STORAGE,
    "attributes": ATTRIBUTES,
    "archives": ARCHIVES,
    "configs": CONFIGS,
    "numpy": NUMPY,
    "safetensors": SAFETENSORS,
    "pickles": PICKLES,
    "checkpoints": CHECKPOINTS,
    "kinds": KINDS,
}
HOSTILE: dict[str, Hostile] = {
    f"{table}: {name}": hostile
    for table, hostiles in TABLES.items()
    for name, hostile in hostiles.items()
}
