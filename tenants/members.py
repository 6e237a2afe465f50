"""Who works in a tenant: adding, changing and removing members. There is always an owner."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from tenants.models import Member, User
from tenants.scope import current_tenant_id


class LastOwner(ValidationError):
    """A workspace without an owner could not be managed by anybody."""

    def __init__(self) -> None:
        super().__init__(_("A workspace needs an owner. Make somebody else an owner first."), code="last_owner")


@dataclass(frozen=True)
class NewMember:
    member: Member
    is_new_user: bool


def add_member(*, email: str, role: str) -> NewMember:
    """Add the user with this e-mail address, who is created when nobody has it; requires a scope."""
    email = User.objects.normalize_email(email).lower()
    user = User.objects.filter(email=email).first()
    is_new_user = user is None
    if user is None:
        user = User.objects.create_user(email)
    elif Member.objects.filter(user=user).exists():
        raise ValidationError(_("%(email)s is a member already."), code="member_already", params={"email": email})
    member = Member.objects.create(tenant_id=current_tenant_id(), user=user, role=role)
    return NewMember(member=member, is_new_user=is_new_user)


def change_role(*, member: Member, role: str) -> None:
    """Give a member another role; raises LastOwner."""
    _keep_an_owner(without=member, unless=role == Member.Role.OWNER)
    member.role = role
    member.save(update_fields=["role"])


def remove_member(*, member: Member) -> None:
    """Take a member's access away; the user stays a user. Raises LastOwner."""
    _keep_an_owner(without=member, unless=False)
    member.delete()


def _keep_an_owner(*, without: Member, unless: bool) -> None:
    """The rows of all owners are locked, so that two owners cannot remove each other at the same time."""
    owners = Member.objects.filter(role=Member.Role.OWNER).order_by("id").select_for_update()
    ids = [owner.pk for owner in owners]
    if not unless and ids == [without.pk]:
        raise LastOwner
