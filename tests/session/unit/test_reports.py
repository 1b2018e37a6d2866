"""What a client tells becomes the record that the contract itself would become."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from shop_events.contracts.session import ACTIVITY
from shop_events.envelope import decode, encode
from shop_session.api.reports import read_report
from shop_session.application.activity import _Batch
from shop_session.domain.activity import Outcome, Result
from shop_session.domain.attention import Remembered
from shop_session.domain.sessions import Consent, Lifetimes, Session

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)

ids = st.from_regex(r"[A-Za-z0-9._:-]{1,100}", fullmatch=True)
products = st.from_regex(r"[A-Za-z0-9_-]{1,100}", fullmatch=True)
placements = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,49}", fullmatch=True)
zones = st.sampled_from([UTC, timezone(timedelta(hours=2)), timezone(timedelta(hours=-9, minutes=-30))])
times = st.builds(
    lambda microseconds, zone: (NOW + timedelta(microseconds=microseconds)).astimezone(zone).isoformat(),
    st.sampled_from([0, 1, 100_000]) | st.integers(-80_000_000_000, 200_000_000),
    zones,
)
told = {"id": ids, "at": times}
of_page = {"view_id": ids, "product_id": st.none() | products, **told}
# Half a surrogate pair is no text that a request could bring: it is not valid UTF-8.
pages = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80).filter(str.strip)
reports = st.one_of(
    st.fixed_dictionaries({"type": st.just("page_viewed"), "page": pages, **of_page}),
    st.fixed_dictionaries(
        {"type": st.just("page_engaged"), "milliseconds": st.integers(1, 86_400_000), **of_page}
    ),
    st.fixed_dictionaries(
        {
            "type": st.just("recommendation_shown"),
            "placement": placements,
            "product_ids": st.lists(products, min_size=1, max_size=50),
            **told,
        }
    ),
    st.fixed_dictionaries(
        {"type": st.just("recommendation_clicked"), "placement": placements, "product_id": products, **told}
    ),
)


@given(reports, st.none() | st.just("usr_1"), st.booleans())
def test_a_report_becomes_the_record_of_its_contract(
    told: dict[str, object], user_id: str | None, marketing: bool
) -> None:
    session = Session.start("vst_1", "d", Lifetimes(), NOW)
    session.user_id, session.consent = user_id, Consent(analytics=True, marketing=marketing)
    report = read_report(told)
    assert not isinstance(report, Result)
    batch = _Batch(session, Remembered(), NOW)
    assert batch.judge(report).outcome is Outcome.ACCEPTED
    (message,) = batch.messages()
    envelope, event = decode(message)
    assert message == encode(envelope, event)
    assert message.topic == ACTIVITY
    assert event == report.contract(**report.fields(batch.visitor, min(report.at, NOW)))
