"""How somebody who was added learns of it, and sets a first password."""

from __future__ import annotations

import structlog
from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.core.mail import send_mail
from django.urls import reverse
from django.utils.translation import gettext as _

from tenants.models import Member, User

log = structlog.get_logger(__name__)


def password_link(user: User) -> str:
    """The address at which this user sets a password: valid once, and as long as Django's PASSWORD_RESET_TIMEOUT."""
    key = default_token_generator.make_token(user)
    path = reverse("account_reset_password_from_key", kwargs={"uidb36": user_pk_to_url_str(user), "key": key})
    return settings.PUBLIC_URL + path


def may_show_link() -> bool:
    """Where mail goes nowhere but to the log, the owner must hand the link over by hand."""
    return settings.EMAIL_BACKEND.endswith((".console.EmailBackend", ".dummy.EmailBackend"))


def send_invitation(*, member: Member, workspace: str, is_new_user: bool) -> None:
    """Tell a new member by mail; call after commit. A mail server that is away is logged, never raised."""
    if is_new_user:
        what_to_do = _("Set your password here: %(link)s") % {"link": password_link(member.user)}
    else:
        what_to_do = _("Sign in here: %(link)s") % {"link": settings.PUBLIC_URL + "/"}
    subject = _("You can now work in “%(workspace)s” on Nunchi") % {"workspace": workspace}
    try:
        send_mail(subject, f"{subject}.\n\n{what_to_do}\n", None, [member.user.email])
    except OSError:
        log.exception("invitation.not_sent", member_id=str(member.pk))
