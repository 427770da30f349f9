"""StateService and MovePackageService of sui.rpc.v2: owned objects, coins, fields, packages."""

from walrusd.chain.grpc import GRPCError, Status
from walrusd.chain.values.pysui_parts import pb
from walrusd.devnet.ledger.dynamic_fields import field_message
from walrusd.devnet.ledger.messages import object_message
from walrusd.devnet.move.descriptors import describe_function, describe_package
from walrusd.devnet.move.objects import owned_by_object
from walrusd.devnet.move.packages import Package
from walrusd.devnet.move.types import COIN, SUI
from walrusd.devnet.rpc.field_masks import apply_mask
from walrusd.devnet.rpc.replica import Replica
from walrusd.devnet.rpc.request_fields import parse_page, parse_type, require_address

_PAGE, _MAX_PAGE = 50, 1000


class StateReads:
    """Answers from a node's view of the chain. Each method answers one RPC and changes nothing.

    All raise ``GRPCError``: NOT_FOUND, or INVALID_ARGUMENT for a malformed field.
    """

    def __init__(self, node: Replica) -> None:
        self.node = node
        self.packages = node.ledger.packages

    async def list_owned_objects(
        self, request: pb.ListOwnedObjectsRequest
    ) -> pb.ListOwnedObjectsResponse:
        """List what an address owns, in pages ordered by object id."""
        owner = require_address(request.owner, "owner")
        wanted = parse_type(request.object_type, "object_type") if request.object_type else None
        after, size = parse_page(request.page_token, request.page_size, _MAX_PAGE, _PAGE)
        objects = [o for o in self.node.list_owned(owner, wanted) if o.id > after]
        page = objects[:size]
        return pb.ListOwnedObjectsResponse(
            objects=[
                apply_mask(
                    object_message(o, self.packages),
                    request.read_mask,
                    ("object_id", "version", "object_type"),
                )
                for o in page
            ],
            next_page_token=page[-1].id.encode() if len(objects) > size else None,
        )

    def _balances(self, owner: str) -> dict[str, int]:
        totals: dict[str, int] = {}
        for obj in self.node.list_owned(owner, COIN):
            coin_type = obj.type[len(COIN) + 1 : -1]
            totals[coin_type] = totals.get(coin_type, 0) + (obj.coin_balance or 0)
        return totals

    async def get_balance(self, request: pb.GetBalanceRequest) -> pb.GetBalanceResponse:
        """Add up the coins of one type."""
        wanted = parse_type(request.coin_type or SUI, "coin_type")
        total = self._balances(require_address(request.owner, "owner")).get(wanted, 0)
        return pb.GetBalanceResponse(balance=_balance(wanted, total))

    async def list_balances(self, request: pb.ListBalancesRequest) -> pb.ListBalancesResponse:
        """Add up the coins of every type."""
        totals = self._balances(require_address(request.owner, "owner"))
        return pb.ListBalancesResponse(balances=[_balance(t, n) for t, n in totals.items()])

    async def list_dynamic_fields(
        self, request: pb.ListDynamicFieldsRequest
    ) -> pb.ListDynamicFieldsResponse:
        """List the dynamic fields of an object, in pages ordered by field id."""
        parent = require_address(request.parent, "parent")
        after, size = parse_page(request.page_token, request.page_size, _MAX_PAGE, _PAGE)
        fields = [f for f in self.node.list_held(owned_by_object(parent)) if f.id > after]
        default = ("parent", "field_id")
        apply_mask(pb.DynamicField(), request.read_mask, default)  # checks the mask
        return pb.ListDynamicFieldsResponse(
            dynamic_fields=[
                apply_mask(field_message(f, self.packages), request.read_mask, default)
                for f in fields[:size]
            ],
            next_page_token=fields[size - 1].id.encode() if len(fields) > size else None,
        )

    async def get_coin_info(self, request: pb.GetCoinInfoRequest) -> pb.GetCoinInfoResponse:
        """Describe a coin type: SUI is the only one."""
        wanted = parse_type(request.coin_type or "", "coin_type")
        if wanted != SUI:
            raise GRPCError(Status.NOT_FOUND, f"Coin type {request.coin_type} not found")
        metadata = pb.CoinMetadata(decimals=9, name="Sui", symbol="SUI", description="")
        return pb.GetCoinInfoResponse(coin_type=wanted, metadata=metadata)

    # --- MovePackageService -------------------------------------------------------------------

    def _package(self, text: str | None) -> Package:
        package = self.node.packages.by_id.get(require_address(text, "package_id"))
        if package is None:
            raise GRPCError(Status.NOT_FOUND, f"Package {text} not found")
        return package

    async def get_function(self, request: pb.GetFunctionRequest) -> pb.GetFunctionResponse:
        """Describe one function."""
        package = self._package(request.package_id)
        key = (request.module_name or "", request.name or "")
        function = package.functions.get(key)
        if function is None:
            raise GRPCError(Status.NOT_FOUND, f"Function {'::'.join(key)} not found")
        return pb.GetFunctionResponse(function=describe_function(package, function))

    async def get_package(self, request: pb.GetPackageRequest) -> pb.GetPackageResponse:
        """Describe a package."""
        package = self._package(request.package_id)
        stored = self.node.get_object(package.id)
        return pb.GetPackageResponse(package=describe_package(package, stored))

    async def list_package_versions(
        self, request: pb.ListPackageVersionsRequest
    ) -> pb.ListPackageVersionsResponse:
        """List the versions of a package."""
        versions = self.node.packages.versions_of(self._package(request.package_id))
        return pb.ListPackageVersionsResponse(
            versions=[pb.PackageVersion(package_id=p.id, version=p.version) for p in versions]
        )


def _balance(coin_type: str, total: int) -> pb.Balance:
    # As nodes do: the whole balance is in coins, and a part of 0 is left out.
    return pb.Balance(coin_type=coin_type, balance=total, coin_balance=total or None)
