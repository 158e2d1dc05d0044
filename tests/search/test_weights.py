"""Models that were published without safetensors."""

import numpy as np
import torch
from safetensors.torch import load_file

from search.embedders.weights import reads_safetensors
from tests.search.test_tiny_models import settings_for
from tests.search.tiny_models import tiny_xlm_roberta


def test_bge_m3s_way_of_publishing_its_weights_is_read_too(tmp_path):
    from search.embedders.torch_model import load

    folder = tiny_xlm_roberta(tmp_path / "model", reach=64)
    before = load(settings_for(folder), "cpu").encode(["Who pays for the hotel?"])
    weights = folder / "model.safetensors"
    torch.save(load_file(weights), folder / "pytorch_model.bin")
    assert reads_safetensors(folder)
    weights.unlink()
    assert not reads_safetensors(folder)
    np.testing.assert_allclose(load(settings_for(folder), "cpu").encode(["Who pays for the hotel?"]), before, atol=1e-6)
