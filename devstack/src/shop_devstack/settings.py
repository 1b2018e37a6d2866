"""What the embedded stack reads from the environment. A taken port is replaced by a free one."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class StackSettings(BaseSettings):
    """Servers to use instead of own ones, and the preferred loopback ports (0: any free one)."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    mongodb_url: str | None = Field(None, description="Replica set to use instead of an own mongod")
    kafka_bootstrap_servers: str | None = Field(None, description="Broker to use instead of an own one")
    topic_prefix: str = Field("", description="Stands before each topic and group")
    database_prefix: str = Field("shop_", description="Stands before each service's database name")

    gateway_port: int = Field(8080, ge=0, le=65535, description="The one port for clients")
    sandbox_port: int = Field(8090, ge=0, le=65535, description="Provider sandbox")
    catalog_port: int = Field(8101, ge=0, le=65535, description="Catalog's API")
    identity_port: int = Field(8102, ge=0, le=65535, description="Identity's API")
    session_port: int = Field(8103, ge=0, le=65535, description="Session's API")
    notifier_port: int = Field(8104, ge=0, le=65535, description="Notifier's API")
    analytics_port: int = Field(8105, ge=0, le=65535, description="Analytics' API")
    mongod_port: int = Field(27117, ge=0, le=65535, description="MongoDB")
    kafka_port: int = Field(9192, ge=0, le=65535, description="Kafka's listener for clients")
    kafka_controller_port: int = Field(9193, ge=0, le=65535, description="Kafka's controller")

    @property
    def preferred_ports(self) -> dict[str, int]:
        """Return the preferred port of each part, by its name."""
        return {
            name.removesuffix("_port").replace("_", "-"): getattr(self, name)
            for name in type(self).model_fields
            if name.endswith("_port")
        }
