"""How burn rates of objectives come out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dashboards.generator.alerts.cases import Case, Values

CHANNEL = "main.main shop.go:12"
SIDE = f'job="shop", instance="i-1", channel_name="{CHANNEL}", channel_operation="send"'
OBJECTIVE = f'channel_slo_objective_seconds{{{SIDE}, channel_name_source="make"}}'
INFO = 'target_info{job="shop", instance="i-1", host_name="node-7", process_pid="4242"}'
LABELS = {"job": "shop", "instance": "i-1", "channel_name": CHANNEL, "channel_operation": "send"}


def _blocks(count: str, kept: str, more: str = "") -> Mapping[str, str]:
    """Blocks of a channel with an objective of 800 ms. kept: those up to 1.07 s, the end of its bucket; all of them are
    above 537 ms, the bound before, so none may count as late or as kept by that one."""
    metric, side = "channel_block_duration_seconds", f'{SIDE}, channel_name_source="make"{more}'
    return {
        OBJECTIVE: "0.8x200",
        INFO: "1x200",
        f"{metric}_count{{{side}}}": count,
        f'{metric}_bucket{{{side}, le="+Inf"}}': count,
        f'{metric}_bucket{{{side}, le="1.073741824"}}': kept,
        f'{metric}_bucket{{{side}, le="0.536870912"}}': "0x200",
    }


def _case(name: str, severity: str, fires: Mapping[str, str], silent: Mapping[str, str], share: str, text: str) -> Case:
    where = (
        f'resource.service.instance.id = "i-1" && span.channel.name = "{CHANNEL}" && span.channel.operation = "send"'
    )
    return Case(
        alert=f"OtelchanObjectiveBurns{name}",
        fires=fires,
        labels={**LABELS, "severity": severity},
        summary=f"Too many operations on channel {CHANNEL} in shop are later than their objective.",
        description=f"{share} of the blocks of send in {text} as fast as that lasts. In shop, instance i-1, pid 4242 "
        "on node-7. See what the other side does meanwhile.",
        dashboard=("otelchan-objectives", {"job": "shop", "instance": "i-1", "channel": CHANNEL}),
        silent=silent,
        at="1h",
        traces={"": f"{{ {where} && duration > 800.000ms }}"},
    )


def cases() -> Iterator[Case]:
    """2 % late burns fast, 1 % slowly; one of a thousand may be late; a burst that is over, and few blocks."""
    fast = "1h took longer than the objective's bucket; 0.10% may, and this is 14.4 times"
    slow = "6h took longer than the objective's bucket; 0.10% may, and this is 6 times"
    two, one, half = (
        _blocks("0+200x200", "0+196x200"),
        _blocks("0+200x200", "0+198x200"),
        _blocks("0+200x200", "0+199x200"),
    )
    burst = _blocks("0+200x200", "0+200x70 14000x30 14200+200x100")  # over for ten minutes
    few = _blocks("0+0.07x200", "0x200")  # all of them late, eight in an hour
    yield _case("Fast", "critical", two, one, "2%", fast)
    yield _case("Fast", "critical", two, burst, "2%", fast)
    yield _case("Fast", "critical", two, few, "2%", fast)
    yield _case("Slowly", "warning", one, half, "1%", slow)
    yield _case("Slowly", "warning", one, few, "1%", slow)
    ninety_nine = {**one, OBJECTIVE: "70x200"}  # above the last bound: nothing can be said
    yield _case("Slowly", "warning", one, ninety_nine, "1%", slow)


def values() -> Iterator[Values]:
    """What is recorded of a channel with an objective, and that nothing is of one without."""
    other = {
        series.replace(CHANNEL, "main.other x.go:1"): text for series, text in _blocks("0+5x200", "0+5x200").items()
    }
    without = {series: text for series, text in other.items() if "objective" not in series}
    yield Values(
        "Of blocks with an objective, all and those above the end of its bucket are recorded",
        {**_blocks("0+200x200", "0+196x200"), **without},
        "1h",
        {
            "otelchan:channel_slo_bound:info": {f'otelchan:channel_slo_bound:info{{{SIDE}, le="1.073741824"}}': 0.8},
            "otelchan:channel_block:increase5m": {f"otelchan:channel_block:increase5m{{{SIDE}}}": 2000},
            "otelchan:channel_block_late:increase5m": {f"otelchan:channel_block_late:increase5m{{{SIDE}}}": 40},
        },
    )
