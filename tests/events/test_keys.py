"""The ids of people and messages, which every machine and every language must derive alike."""

from __future__ import annotations

from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from events.models import event_id_for, person_id_for


@given(tenant_id=st.uuids(), kind=st.sampled_from(("user_id", "anonymous_id")), text=st.text())
def test_keys__any_identifier__are_version_five_uuids_in_the_tenants_namespace(
    tenant_id: UUID, kind: str, text: str
) -> None:
    text = text.encode(errors="ignore").decode()

    assert person_id_for(tenant_id=tenant_id, kind=kind, identifier=text) == uuid5(tenant_id, f"{kind}:{text}")
    assert event_id_for(tenant_id=tenant_id, message_id=text) == uuid5(tenant_id, f"message:{text}")
