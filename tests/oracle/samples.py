"""The small pools from which the strategies draw, so that facts and conditions meet."""

from datetime import timedelta

EVENT_NAMES = ("product_liked", "added_to_cart", "purchased", "page")
# Names differ from these only by what a careless comparison overlooks.
OTHER_NAMES = ("Purchased", " purchased", "purchased\u200b")
DURATIONS = ("1s", "10m", "1h", "24h", "1d", "7d", "2w", "30d")
UNITS = ("day", "week", "month", "year")
ZONES = (
    "UTC",
    "Asia/Seoul",
    "Asia/Kathmandu",  # +05:45
    "America/New_York",
    "Europe/Berlin",
    "America/Sao_Paulo",  # midnight was skipped each spring until 2018
    "America/Havana",  # midnight occurs twice each autumn
    "Pacific/Apia",  # 30 December 2011 was skipped
)
RETENTIONS = (None, timedelta(days=7), timedelta(days=30), timedelta(days=400))
SEGMENT_IDS = tuple(f"00000000-0000-4000-8000-{number:012}" for number in range(1, 4))
WINDOW_DAYS = ("2025-12-31", "2026-01-01", "2026-02-01", "2026-03-08", "2026-03-29")
ORDINARY_NOWS = (
    "2026-01-01T00:00:00Z",
    "2026-01-31T15:00:00Z",  # midnight of 1 February in Seoul
    "2026-02-01T04:59:59.999999Z",  # the last microsecond of January in New York
    "2026-03-08T07:00:00Z",  # the change to summer time in New York
    "2026-03-29T01:00:00Z",  # … in Berlin
    "2026-06-17T12:34:56.789012Z",
    "2026-10-25T00:30:00Z",  # 2:30, for the first time, in Berlin
    "2026-11-01T04:30:00Z",  # 0:30, for the first time, in Havana
    "2028-02-29T12:00:00Z",
)
REMARKABLE_NOWS = (
    "2011-12-31T12:00:00Z",  # the day after the one that Apia skipped
    "2018-11-04T03:00:00Z",  # the skipped midnight in Sao Paulo
)

KEYS = (
    "price",
    "colour",
    "cart_id",
    "tags",
    "address",
    "a.b",
    "a",
    "address.city",
    "",
    "context.colour",
    "context",
)
OPERATORS = (
    "=", "!=", "in", "not_in", "contains", "not_contains", "starts_with", "ends_with",
    ">", ">=", "<", "<=", "between", "before", "after", "exists", "not_exists",
)  # fmt: skip
PATHS = (
    "price",
    "colour",
    "cart_id",
    "tags",
    "tags.0",  # lists have no keys
    "address",
    "address.city",
    r"a\.b",
    r"address\.city",
    "a.b",
    "absent",
    "context.page.path",
    "context.colour",
    r"context\.colour",
    "context",
)

TEXTS = (
    "red", "Red ", "RED", "re", "d",
    "straße", "STRASSE", "ß", "ẞ", "ss",
    "İstanbul", "i\u0307stanbul", "istanbul",
    "ΣΊΣΥΦΟΣ", "σίσυφος", "σίσυφοσ",
    "서울", "\u1109\u1165\u110b\u116e\u11af", "서",  # composed, decomposed, a part
    "\u3000서울\u3000", "\u2003red\xa0", "\x1fred", "\ufeffred", "\u200bred",
    "é", "e\u0301", "ﬁ", "fi",
    "100%", "a_b", "%", "_", "'", '"', "\\", "a.b", "{}", "[]",
    "true", "TRUE", " false", "null",
    "/home", "/home/sale", "🛒",
)  # fmt: skip
NUMERIC_TEXTS = (
    "10", " 10 ", "10.0", "1e1", "1E+1", "-0", "0", "0.1", "01234", "1234", "+10", "10.", ".5",
    "1_0", "１０", "٣", "0x10", "NaN", "Infinity", "1e9999", "1e10000", "1e-9999",
    "123456789012345678901234567890.5", "9007199254740993",
)  # fmt: skip
TIME_TEXTS = (
    "2026-01-01", "2026-01-01T00:00", "2026-01-01 00:00:00", "2026-01-01T00:00:00Z", "2026-01-01t00:00:00z",
    "2026-01-01T09:00:00+09:00", "2025-12-31T15:00:00.000000Z", "2026-01-01T00:00:00.000001Z",
    "2026-01-01T00:00:00.1", "2026-03-08T02:30", "2026-03-08T03:00", "2026-11-01T01:30", "2026-11-01T00:30",
    "2018-11-04", "2011-12-30", "2028-02-29", "2026-02-29", "2026-01-01T24:00", "2026-01-01T23:59:60",
    "2026-1-1", "20260101", "2026-01", "2026",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-12:00", "0000-01-01", "2026-01-01T00:00Z[UTC]",
    "2026-01-01T00:00:00.1234567", "today", "2026-01-01T00:00+24:00",
)  # fmt: skip
BLANK_TEXTS = ("", " ", "\u3000", "\t\n")
NUMBERS = (
    0, -0.0, 1, -1, 10, 10.0, 9.99, 0.1, 0.1 + 0.2, 0.30000000000000004, 1234, 1e3, 1e16, 1e-7,
    9007199254740992, 9007199254740993, 12345678901234567890123,
)  # fmt: skip

ORDERABLE_TEXTS = ("10", " 10 ", "10.0", "1e1", "0", "0.1", "1234", "1e9999", "9007199254740993")
ORDERABLE_TIMES = (
    "2026-01-01", "2026-01-01T00:00", "2026-01-01T00:00:00Z", "2026-01-01t00:00:00z",
    "2026-01-01T09:00:00+09:00", "2026-01-01 00:00:00.000001Z",
    "2026-03-08T02:30", "2026-03-08T03:00", "2026-11-01T01:30", "2026-11-01T00:30",
    "2018-11-04", "2011-12-30", "2028-02-29", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-12:00",
)  # fmt: skip

# Facts and literals meet only when both come from few; these are equal, ordered or contained in many ways.
COMMON = ("red", "Red ", 10, 10.0, "10", True, "true", "2026-01-01", "2026-01-01T00:00:00Z")
