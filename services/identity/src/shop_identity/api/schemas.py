"""What comes in and goes out over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from shop_chassis.http import ONE_LINE, Body, FromText
from shop_identity.application.guests import Asked
from shop_identity.application.tokens import Grant
from shop_identity.domain.cards import Card, NewCard
from shop_identity.domain.guests import CODE_DIGITS
from shop_identity.domain.keys import SigningKey
from shop_identity.domain.users import Role, Status, User

Email = Annotated[
    str, Field(min_length=3, max_length=254, examples=["ada@example.com"], description="E-mail address")
]
Name = Annotated[str, Field(max_length=200, pattern=ONE_LINE, examples=["Ada Lovelace"])]
Phone = Annotated[
    # What is too short is refused in people's words, by the domain.
    str, Field(min_length=1, max_length=32, examples=["+442079460018"], description="With country code")
]
Language = Annotated[str, Field(min_length=2, max_length=35, examples=["en"], description="BCP 47")]
TimeZone = Annotated[str, Field(min_length=1, max_length=64, examples=["Europe/London"], description="IANA")]


# Spaces at the ends of a password belong to it.
Password = Annotated[
    str,
    StringConstraints(strip_whitespace=False, min_length=10, max_length=128),
    Field(repr=False, json_schema_extra={"format": "password"}),
]
TypedPassword = Annotated[
    str,
    StringConstraints(strip_whitespace=False, min_length=1, max_length=128),
    Field(repr=False, json_schema_extra={"format": "password"}),
]


class Register(Body):
    """Somebody new."""

    email: Email
    password: Password
    name: Name = ""
    phone: Phone | None = None
    language: Language = "en"
    time_zone: TimeZone = "UTC"

    @property
    def profile(self) -> dict[str, str | None]:
        """What they say about themselves."""
        return self.model_dump(exclude={"email", "password"})


class Amend(Body):
    """Parts of a profile; what is left out stays. A null ``phone`` removes it.

    ``marketing`` is whether the user agrees to be mailed suggestions; a new yes outweighs an unsubscription.
    """

    name: Name = ""
    phone: Phone | None = None
    language: Language = "en"
    time_zone: TimeZone = "UTC"
    marketing: bool = False

    @property
    def changes(self) -> dict[str, str | None]:
        """What was sent of the profile."""
        return self.model_dump(exclude_unset=True, exclude={"marketing"})

    @property
    def consent(self) -> bool | None:
        """What was said of marketing; None: nothing."""
        return self.marketing if "marketing" in self.model_fields_set else None


class AssignRoles(Body):
    """All roles a user has from now on."""

    roles: list[Annotated[Role, FromText]] = Field(max_length=len(Role))


class LogIn(Body):
    """Who says they are, and the proof. ``cookie``: keep the refresh token from a browser's scripts."""

    email: Annotated[str, Field(min_length=1, max_length=254)]
    password: TypedPassword
    cookie: bool = False


class Refresh(Body):
    """A refresh token; left out by a browser that has it in a cookie."""

    refresh_token: Annotated[str | None, Field(min_length=1, max_length=200, repr=False)] = None


class LogOut(Body):
    """Which logins end: this one, or all of the user's."""

    everywhere: bool = False


class AskForCode(Body):
    """Somebody who wants to buy without an account."""

    email: Email
    name: Name = ""
    language: Language = "en"
    time_zone: TimeZone = "UTC"

    @property
    def profile(self) -> dict[str, str | None]:
        """What they say about themselves."""
        return self.model_dump(exclude={"email"})


class ShowCode(Body):
    """The code from the mail. ``cookie``: keep the refresh token from a browser's scripts."""

    verification_id: Annotated[str, Field(pattern=r"^ver_[0-9a-f]{32}$")]
    code: Annotated[str, Field(pattern=rf"^[0-9]{{{CODE_DIGITS}}}$", repr=False)]
    cookie: bool = False


class Follow(Body):
    """What the link in a receipt ends with."""

    token: Annotated[str, Field(min_length=1, max_length=200, repr=False)]


class AddCard(Body):
    """A card that the payment provider has taken in, and how its owner will recognise it."""

    token: Annotated[
        str, Field(min_length=1, max_length=100, repr=False, description="The provider's, `pm_…`")
    ]
    brand: Annotated[str, Field(pattern=r"^[a-z_]{2,20}$", examples=["visa"])]
    last_four: Annotated[str, Field(pattern=r"^[0-9]{4}$", examples=["4242"])]
    expires: Annotated[
        str, Field(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$", examples=["2030-12"], description="Last month")
    ]

    @property
    def card(self) -> NewCard:
        """What is to be saved."""
        return NewCard(self.token, self.brand, self.last_four, self.expires)


class CardView(BaseModel):
    """A saved card as its owner sees it; its ``id`` pays for orders."""

    id: str
    brand: str
    last_four: str
    expires: str
    added_at: datetime

    @classmethod
    def of(cls, card: Card) -> CardView:
        """Show a card, without its token."""
        return cls(
            id=card.id,
            brand=card.brand,
            last_four=card.last_four,
            expires=card.expires,
            added_at=card.added_at,
        )


class CodeSentView(BaseModel):
    """Where the code is to be shown, and for how many seconds it holds."""

    verification_id: str
    expires_in: int

    @classmethod
    def of(cls, asked: Asked) -> CodeSentView:
        """Show what was begun."""
        return cls(verification_id=asked.verification_id, expires_in=asked.expires_in)


class UserView(BaseModel):
    """A user as they see themselves."""

    id: str
    email: str
    name: str
    phone: str | None
    language: str
    time_zone: str
    marketing: bool
    roles: list[Role]
    status: Status
    created_at: datetime

    @classmethod
    def of(cls, user: User) -> UserView:
        """Show a user."""
        profile = user.contact.profile
        return cls(
            id=user.id,
            email=user.email.address,
            name=profile.name,
            phone=profile.phone,
            language=profile.language,
            time_zone=profile.time_zone,
            marketing=profile.marketing_since is not None,
            roles=sorted(user.roles),
            status=user.status,
            created_at=user.created_at,
        )


class RolesView(BaseModel):
    """What an administrator sees after changing roles: nothing personal."""

    id: str
    roles: list[Role]

    @classmethod
    def of(cls, user: User) -> RolesView:
        """Show a user's roles."""
        return cls(id=user.id, roles=sorted(user.roles))


class TokenView(BaseModel):
    """Tokens (RFC 6749, section 5.1). ``expires_in`` is in seconds; a refresh token in a cookie is null."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105
    expires_in: int
    refresh_token: str | None
    user_id: str

    @classmethod
    def of(cls, grant: Grant, *, with_refresh_token: bool) -> TokenView:
        """Show what was granted."""
        return cls(
            access_token=grant.access_token,
            expires_in=grant.expires_in,
            refresh_token=grant.refresh_token if with_refresh_token else None,
            user_id=grant.user_id,
        )


class KeyView(BaseModel):
    """A public key (RFC 7517; OKP, RFC 8037)."""

    kid: str
    kty: Literal["OKP"] = "OKP"
    crv: Literal["Ed25519"] = "Ed25519"
    alg: Literal["EdDSA"] = "EdDSA"
    use: Literal["sig"] = "sig"
    x: str


class KeySetView(BaseModel):
    """All public keys."""

    keys: list[KeyView]

    @classmethod
    def of(cls, keys: list[SigningKey]) -> KeySetView:
        """Show the public halves."""
        return cls(keys=[KeyView(kid=key.kid, x=key.x) for key in keys])
