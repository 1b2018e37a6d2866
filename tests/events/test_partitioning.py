"""Our records lie where every other client looks for them."""

from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from shop_events.partitioning import partition_of


@given(st.binary(max_size=70), st.integers(1, 30))
def test_a_key_has_the_partition_that_the_client_itself_would_choose(key: bytes, count: int) -> None:
    everywhere = list(range(count))
    assert partition_of(key, count) == DefaultPartitioner()(key, everywhere, everywhere)
