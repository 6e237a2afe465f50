from django.apps import AppConfig


class SegmentsConfig(AppConfig):
    name = "segments"

    def ready(self) -> None:
        from segments.editing import renew_segments
        from segments.person_rules import register_rules
        from tenants.reinterpretation import register_listener

        register_rules()
        register_listener(renew_segments)
