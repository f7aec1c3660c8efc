"""What usage costs, by the contracts that the owner wrote down. Pure, but for the book they are kept in."""

from gateway.costs.contracts import (
    Contract,
    Cost,
    TariffBook,
    cost,
    joined,
    parse,
)

__all__ = ["Contract", "Cost", "TariffBook", "cost", "joined", "parse"]
