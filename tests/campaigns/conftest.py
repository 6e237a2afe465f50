"""What the tests of this room share."""

from __future__ import annotations

import pytest

from tests.campaigns.cast import set_policy
from tests.conftest import Company


@pytest.fixture
def free(acme: Company) -> Company:
    """Acme without a gap between messages."""
    set_policy(acme)
    return acme
