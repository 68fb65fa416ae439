#!/usr/bin/env python3
"""The dashboards, written short: prints none, writes dashboards/*.json (with --check: are they what this makes?)."""

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = {"type": "prometheus", "uid": "prometheus"}
WIDTH = 24

GREEN_THEN_RED = [("green", None), ("red", 1)]
RED_THEN_GREEN = [("red", None), ("green", 1)]


def panel(kind, title, description, queries, width, height=7, unit="short", steps=None, words=None, **options):
    """`queries` maps a legend to its query."""
    defaults = {"unit": unit, "min": 0}
    if unit == "short" and kind != "timeseries":
        defaults["decimals"] = 0
    if steps:
        defaults["color"] = {"mode": "thresholds"}
        defaults["thresholds"] = {
            "mode": "absolute",
            "steps": [{"color": color, "value": value} for color, value in steps],
        }
    if words:
        defaults["mappings"] = [{"type": "value", "options": {str(k): {"text": v} for k, v in words.items()}}]
    targets = [
        {"refId": chr(ord("A") + number), "datasource": SOURCE, "expr": query, "legendFormat": legend}
        | ({} if kind == "timeseries" else {"instant": True, "range": False})
        for number, (legend, query) in enumerate(queries.items())
    ]
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": SOURCE,
        "targets": targets,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options,
        "gridPos": {"w": width, "h": height},
    }


def stat(title, description, query, steps=GREEN_THEN_RED, unit="short", words=None, legend="", width=4):
    return panel("stat", title, description, {legend: query}, width, 4, unit, steps, words,
                 colorMode="background", graphMode="none", textMode="auto",
                 reduceOptions={"calcs": ["lastNotNull"]})


def lines(title, description, queries, unit="short", width=8):
    return panel("timeseries", title, description, queries, width, 8, unit,
                 legend={"displayMode": "list", "placement": "bottom"}, tooltip={"mode": "multi"})


def bars(title, description, query, legend, width=6):
    return panel("bargauge", title, description, {legend: query}, width, 7, steps=[("blue", None)],
                 orientation="horizontal", displayMode="basic", reduceOptions={"calcs": ["lastNotNull"]})


def row(title):
    return {"type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": {"w": WIDTH, "h": 1}}


def dashboard(uid, title, description, span, panels):
    x = y = tallest = 0
    for number, one in enumerate(panels, 1):
        place = one["gridPos"]
        if x + place["w"] > WIDTH:
            x, y, tallest = 0, y + tallest, 0
        one["id"] = number
        place |= {"x": x, "y": y}
        x, tallest = x + place["w"], max(tallest, place["h"])
    return {
        "uid": uid, "title": title, "description": description, "tags": ["tendlc-relay"], "schemaVersion": 39,
        "editable": False, "refresh": "30s", "time": {"from": f"now-{span}", "to": "now"}, "timezone": "browser",
        "panels": panels,
    }


GLANCE = dashboard("tendlc-glance", "10DLC relay at a glance",
                   "Are we losing anything? Are we behind? Is anyone attacking?", "6h", [
    row("Are we losing anything?"),
    stat("Ready", "Every replica can make callbacks durable. If not: docs/runbook.md#the-relay-is-not-ready",
         "min(tendlc_ready)", RED_THEN_GREEN, words={0: "NO", 1: "yes"}),
    stat("Refused with 503, 1 h", "Callbacks that could not be made durable; Plivo tries each again for seven minutes.",
         'sum(increase(tendlc_requests_total{code="503"}[1h]))'),
    stat("Spool", "How full the fullest spool is. Harmless while all is published: the oldest goes first.",
         "max(tendlc:spool_used:ratio)", [("green", None), ("orange", 0.8), ("red", 0.95)], "percentunit"),
    stat("Dead letters", "Events that a sink refused for good. docs/runbook.md#dead-letters-are-waiting",
         "sum(tendlc_dead_letters)"),
    stat("Damaged or skipped, 24 h", "Records the disk did not keep, and events deleted before a side sink had them.",
         'sum(increase(tendlc_spool_damaged_records_total[24h])) + sum(increase(tendlc_spool_deleted_total{reason="skipped"}[24h]))'),
    panel("table", "Alerts", "What fires now; each alert's annotation names its heading in the runbook.",
          {"": 'sum by (alertname, severity, instance, sink) (ALERTS{alertstate="firing",alertname=~"Tendlc.+"})'}, 4, 4),
    lines("Answers", "Requests answered, a second, by status. 200 is durable.",
          {"{{code}}": "sum by (code) (rate(tendlc_requests_total[$__rate_interval]))"}, "reqps"),
    lines("Time to answer", "Plivo waits for 8 s. The commit with its fsync is what a callback waits for.",
          {"answer, p99": "histogram_quantile(0.99, sum by (le) (rate(tendlc_request_duration_seconds_bucket[$__rate_interval])))",
           "answer, median": "histogram_quantile(0.5, sum by (le) (rate(tendlc_request_duration_seconds_bucket[$__rate_interval])))",
           "commit, p99": "max(tendlc:commit_duration_seconds:p99_5m)"}, "s"),
    lines("Not made durable", "Why callbacks were answered 503, a second.",
          {"{{reason}}": "sum by (reason) (rate(tendlc_append_failures_total[$__rate_interval]))"}, "reqps"),
    row("Are we behind?"),
    stat("Sinks", "Whether each sink takes events on every replica. docs/runbook.md#a-sink-is-down",
         "min by (sink) (tendlc_sink_up)", RED_THEN_GREEN, words={0: "DOWN", 1: "up"}, legend="{{sink}}", width=8),
    stat("Oldest unpublished event", "The lag of the sink that is furthest behind.",
         "max(tendlc_lag_seconds)", [("green", None), ("orange", 60), ("red", 3600)], "s", width=8),
    stat("Waiting", "Records that a sink has not acknowledged yet.",
         "sum(tendlc_depth)", [("green", None), ("orange", 1000), ("red", 100000)], width=8),
    lines("Lag", "Age of the oldest event that the sink has not got.",
          {"{{sink}}": "max by (sink) (tendlc_lag_seconds)"}, "s"),
    lines("Published", "Events a second that the broker acknowledged, and what has to be tried again.",
          {"{{sink}}": "sum by (sink) (rate(tendlc_published_total[$__rate_interval]))",
           "{{sink}}: {{code}}": "sum by (sink, code) (rate(tendlc_publish_failures_total[$__rate_interval])) > 0"}),
    lines("From acceptance to publication", "The time in which 99 of 100 events reached the sink.",
          {"{{sink}}": "histogram_quantile(0.99, sum by (sink, le) (rate(tendlc_accept_to_publish_seconds_bucket[$__rate_interval])))"}, "s"),
    row("Is anyone attacking?"),
    stat("Refused, 1 h", "Requests whose signature was missing or wrong: a stranger, or a wrong token of ours.",
         'sum(increase(tendlc_verifications_total{result="refused"}[1h]))', [("green", None), ("orange", 3), ("red", 100)], width=6),
    stat("Proven Plivo's, 1 h", "If these go on as before, refusals are a stranger's.",
         'sum(increase(tendlc_verifications_total{result="ok"}[1h]))', [("blue", None)], width=6),
    stat("In quarantine", "A signature that came again with other content. docs/runbook.md#a-nonce-conflict",
         "sum(tendlc_quarantine_rows)", width=6),
    stat("Verification", "Switched off, everything is taken for genuine.",
         "max(tendlc_verification_off)", words={0: "on", 1: "OFF"}, width=6),
    lines("Refused", "Refusals a second by reason, beside what was proven Plivo's.",
          {"{{reason}}": 'sum by (reason) (rate(tendlc_verifications_total{result="refused"}[$__rate_interval]))',
           "proven Plivo's": "sum(tendlc:verifications_ok:rate5m)"}, "reqps"),
    lines("Connections", "Open connections, and requests being answered.",
          {"open": "sum(tendlc_connections)", "in flight": "sum(tendlc_requests_in_flight)"}),
    lines("Connections cut", "Connections closed before their peer did, a second, by reason.",
          {"{{reason}}": "sum by (reason) (rate(tendlc_connections_closed_total[$__rate_interval]))"}),
])


def statuses(endpoint, words):
    return bars(endpoint.replace("_", " "), f"Statuses of the span shown, of {endpoint}.",
                f'sum by (status) (increase(tendlc_events_total{{endpoint="{endpoint}",status=~"{words}"}}[$__range]))',
                "{{status}}")


REGISTERED, LINKED = "created|registered|rejected|unknown", "created|success|failed|unknown"

LIFECYCLE = dashboard("tendlc-lifecycle", "10DLC lifecycle",
                      "What became of brands, campaigns and numbers.", "7d", [
    row("What became of them, in the span shown"),
    statuses("brand", REGISTERED),
    statuses("campaign", REGISTERED),
    statuses("number_linking", LINKED),
    statuses("number_unlinking", LINKED),
    row("Rejections and failures"),
    lines("Rejected and failed, an hour", "By endpoint.",
          {"{{endpoint}} {{status}}": 'sum by (endpoint, status) (increase(tendlc_events_total{status=~"rejected|failed",endpoint!="unrecognized"}[1h]))'}, width=12),
    lines("Share that was rejected or failed, a day", "Of all that came to an end, by endpoint.",
          {"{{endpoint}}": 'sum by (endpoint) (increase(tendlc_events_total{status=~"rejected|failed",endpoint!="unrecognized"}[1d])) / sum by (endpoint) (increase(tendlc_events_total{status=~"rejected|failed|registered|success",endpoint!="unrecognized"}[1d]))'},
          "percentunit", width=12),
    row("Callbacks"),
    lines("Accepted, an hour", "New events by endpoint.",
          {"{{endpoint}}": 'sum by (endpoint) (increase(tendlc_callbacks_total{outcome="accepted"}[1h]))'}),
    lines("Not published again, an hour", "Retries of Plivo's, repeats held back, and what was quarantined.",
          {"{{outcome}}": 'sum by (outcome) (increase(tendlc_callbacks_total{outcome!="accepted"}[1h]))',
           "held back though the status had changed": "sum(increase(tendlc_duplicates_after_status_change_total[1h]))"}),
    lines("Not understood, an hour", "Callbacks that could not be placed, and statuses nobody knows.",
          {"{{reason}}": "sum by (reason) (increase(tendlc_unrecognized_total[1h]))",
           "unknown status of {{endpoint}}": 'sum by (endpoint) (increase(tendlc_events_total{status="unknown",endpoint!="unrecognized"}[1h]))'}),
])


def main():
    for name, made in {"glance": GLANCE, "lifecycle": LIFECYCLE}.items():
        path = HERE / "dashboards" / f"{name}.json"
        text = json.dumps(made, indent=1) + "\n"
        if "--check" not in sys.argv:
            path.write_text(text)
        elif path.read_text() != text:
            sys.exit(f"{path.name} is not what deploy/grafana/make.py makes: run it")


main()
