"""The page of differences says what the tables say that the differential tests hold."""

from __future__ import annotations

from tests.codec import differences


def test_the_page_of_differences_is_up_to_date() -> None:
    assert differences.PAGE.read_text() == differences.page(), "run: python -m tests.codec.differences"
