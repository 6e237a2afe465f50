"""What a campaign brought about: both arms, counted per person from the first exposure on.

A person belongs to the arm and variant of their first exposure. Conversion is the goal's first event within its time
after that exposure: *click-through* when the person had clicked by then, *view-through* otherwise. The two arms differ
in nothing but what was drawn, so their difference is the message's effect.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import connection

from campaigns.assignment import CONTROL, TREATMENT
from campaigns.models import Campaign
from campaigns.parsing import parse_goal
from campaigns.statistics import Comparison, Proportion, compare
from segments.conditions.compiler import CONTEXT, PROPERTIES
from segments.conditions.filters import event_filter_sql
from segments.conditions.parameters import Parameters
from tenants.models import Tenant


@dataclass(frozen=True)
class ArmCounts:
    """People of one arm. `maturing`: those whose time to convert is not over."""

    exposed: int = 0
    rendered: int = 0
    clicked: int = 0
    dismissed: int = 0
    converted: int = 0
    click_through: int = 0
    view_through: int = 0
    maturing: int = 0

    @property
    def conversion(self) -> Proportion:
        return Proportion(self.converted, self.exposed)


@dataclass(frozen=True)
class Attribution:
    """The counts of both arms as of `at`; `crossovers` were exposed in both (a merge) and stay in their first."""

    at: datetime
    treatment: ArmCounts = field(default_factory=ArmCounts)
    control: ArmCounts = field(default_factory=ArmCounts)
    crossovers: int = 0

    @property
    def comparison(self) -> Comparison:
        return compare(treatment=self.treatment.conversion, control=self.control.conversion)


def attribute(*, campaign: Campaign, tenant: Tenant, now: datetime) -> Attribution:
    """Count the campaign's people as of `now`, in one statement. Needs the tenant's scope."""
    goal = parse_goal(campaign.goal)
    parameters = Parameters()
    where = event_filter_sql(
        goal.where,
        properties=PROPERTIES,
        context=CONTEXT,
        zone=ZoneInfo(tenant.time_zone),
        parameters=parameters,
    )
    tenant_id, moment = parameters.add(tenant.pk, "uuid"), parameters.add(now, "timestamptz")
    within = parameters.add(goal.within, "interval")
    sql = f"""
        WITH people AS (
            SELECT d.person_id,
                   (array_agg(d.arm ORDER BY d.exposed_at, d.decision_id))[1] AS arm,
                   min(d.exposed_at) AS exposed_at,
                   min(d.clicked_at) AS clicked_at,
                   bool_or(d.rendered_at IS NOT NULL) AS is_rendered,
                   bool_or(d.dismissed_at IS NOT NULL) AS is_dismissed,
                   count(DISTINCT d.arm) > 1 AS is_crossover
            FROM campaigns_decision d
            WHERE d.tenant_id = {tenant_id} AND d.campaign_id = {parameters.add(campaign.pk, "uuid")}
              AND d.exposed_at <= {moment}
            GROUP BY d.person_id
        ), outcomes AS (
            SELECT p.*, (
                SELECT min(e.occurred_at) FROM events_event e
                WHERE e.tenant_id = {tenant_id} AND e.person_id = p.person_id
                  AND e.name = ANY({parameters.add(list(goal.names), "text[]")})
                  AND e.occurred_at >= p.exposed_at AND e.occurred_at < p.exposed_at + {within}
                  AND e.occurred_at <= {moment} AND {where}
            ) AS converted_at
            FROM people p
        )
        SELECT arm, count(*), count(*) FILTER (WHERE is_rendered), count(clicked_at),
               count(*) FILTER (WHERE is_dismissed), count(converted_at),
               count(*) FILTER (WHERE clicked_at <= converted_at),
               count(converted_at) - count(*) FILTER (WHERE clicked_at <= converted_at),
               count(*) FILTER (WHERE exposed_at + {within} > {moment} AND converted_at IS NULL),
               count(*) FILTER (WHERE is_crossover)
        FROM outcomes GROUP BY arm
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters.values)
        rows = {row[0]: row[1:] for row in cursor.fetchall()}
    return Attribution(
        at=now,
        treatment=ArmCounts(*rows[TREATMENT][:-1]) if TREATMENT in rows else ArmCounts(),
        control=ArmCounts(*rows[CONTROL][:-1]) if CONTROL in rows else ArmCounts(),
        crossovers=sum(row[-1] for row in rows.values()),
    )
