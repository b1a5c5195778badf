from __future__ import annotations

import torch

from dreamvid.models import Ensemble, load_network


def test_an_ensemble_sees_what_its_parts_see_each_normalizing_in_its_own_way() -> None:
    one = load_network("dreamnet").extractor(["inception3a", "inception4a"])
    other = load_network("squeezenet1_1", random_seed=1).extractor(["fire3"])
    both = Ensemble([("dreamnet", one), ("squeezenet1_1", other)])
    picture = torch.rand(1, 3, 64, 80)
    seen = both(picture)
    assert both.taps == ("dreamnet/inception3a", "dreamnet/inception4a", f"squeezenet1_1/{other.taps[0]}")
    assert all(torch.equal(a, b) for a, b in zip(seen, [*one(picture), *other(picture)], strict=True))
    assert [tap.shape[1] for tap in seen] == list(both.channels)
    assert both.minimum_side == max(one.minimum_side, other.minimum_side)
