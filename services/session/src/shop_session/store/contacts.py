"""Contact points of users as identity tells of them; only the masked form is stored."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from shop_events.contracts.identity import ContactChanged, ContactPoint
from shop_events.read_model import ReadModel
from shop_session.domain.masking import masked_email, masked_phone


@dataclass(frozen=True, slots=True)
class MaskedContact:
    """A way to reach somebody, as they themselves may see it again."""

    channel: str
    address: str
    verified: bool


class Contacts(ReadModel):
    """The newest contact points of each user."""

    async def keep(self, event: ContactChanged, sequence: int) -> None:
        points = [asdict(_masked(point)) for point in event.points]
        await self.put(event.user_id, sequence, {"points": points})

    async def of(self, user_id: str) -> list[MaskedContact]:
        document = await self.get(user_id)
        return [MaskedContact(**point) for point in document["points"]] if document else []


def _masked(point: ContactPoint) -> MaskedContact:
    mask = masked_email if point.channel == "email" else masked_phone
    return MaskedContact(point.channel, mask(point.address), point.verified)
