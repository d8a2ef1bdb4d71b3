"""What wait reasons mean for channels."""

import pytest

from otelchan.memory.waits import OPERATIONS, UNKNOWN, reasons_of


@pytest.mark.parametrize(
    ("text", "operation", "select", "channel", "nil"),
    [
        ("chan receive", "recv", False, True, False),
        ("chan send (durable)", "send", False, True, False),
        ("select", "", True, True, False),
        ("select (durable)", "", True, True, False),
        ("select (no cases)", "", True, True, False),
        ("chan receive (nil chan)", "recv", False, False, True),
        ("chan send (nil chan)", "send", False, False, True),
        ("sync.WaitGroup.Wait", "", False, False, False),
        ("", "", False, False, False),
    ],
)
def test_the_text_of_a_reason_says_it(text: str, operation: str, select: bool, channel: bool, nil: bool) -> None:
    """Numbers differ between releases, texts do not."""
    reasons = reasons_of({7: text})
    found = "" if reasons.operation[7] == UNKNOWN else OPERATIONS[reasons.operation[7]]

    assert (operation, select, channel, nil) == (found, reasons.select[7], reasons.channel[7], reasons.nil[7])
    assert not reasons.channel[8]
