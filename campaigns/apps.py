from django.apps import AppConfig


class CampaignsConfig(AppConfig):
    name = "campaigns"

    def ready(self) -> None:
        from campaigns.person_rules import register_rules
        from campaigns.segment_uses import register

        register_rules()
        register()
