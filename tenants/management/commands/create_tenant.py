"""`create_tenant`: a workspace with its owner and first keys."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from django.db import transaction

from tenants.audit import record
from tenants.founding import found_tenant
from tenants.invitations import password_link
from tenants.keys import create_key
from tenants.models import APIKey, User, validate_time_zone
from tenants.scope import tenant_scope


class Command(BaseCommand):
    help = "Make a tenant with an owner, a write key and a server key, and print what they need to begin."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--name", required=True, help="The company's name.")
        parser.add_argument("--owner-email", required=True, help="Who owns it; a user is made when there is none.")
        parser.add_argument("--owner-password", help="Without it a new owner gets a link at which to set one.")
        parser.add_argument("--time-zone", default="UTC")
        parser.add_argument("--locale", default="en", choices=[code for code, _name in settings.LANGUAGES])
        parser.add_argument(
            "--test", action="store_true", help="A workspace for tests: its clock can be moved forward."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            validate_email(options["owner_email"])
            validate_time_zone(options["time_zone"])
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        with transaction.atomic():
            email = User.objects.normalize_email(options["owner_email"]).lower()
            owner = User.objects.filter(email=email).first()
            is_new = owner is None
            if owner is None:
                owner = User.objects.create_user(email, options["owner_password"], is_staff=True)
            tenant = found_tenant(
                name=options["name"],
                owner=owner,
                time_zone=options["time_zone"],
                locale=options["locale"],
                is_test=options["test"],
            )
            with tenant_scope(tenant.pk):
                _write, write_key = create_key(name="First app", kind=APIKey.Kind.WRITE)
                _server, server_key = create_key(name="First server", kind=APIKey.Kind.SERVER)
                record(actor=None, action="workspace.created", obj=tenant)
        self.stdout.write(f"tenant      {tenant.pk}  {tenant.name}")
        self.stdout.write(f"owner       {owner.email}")
        if is_new and not options["owner_password"]:
            self.stdout.write(f"set a password at  {password_link(owner)}")
        self.stdout.write(f"write key   {write_key}   (public: for apps)")
        self.stdout.write(f"server key  {server_key}   (secret: shown just this once)")
