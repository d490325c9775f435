"""What an approval is decided on: the file as it lies on the disk, price and balance of now."""

from decimal import Decimal

import msgspec

from bot.exchange.gateway import BalanceProvider, MarketData
from bot.kernel.clock import Clock
from bot.kernel.errors import ExchangeError
from bot.kernel.ids import pair_of
from bot.lifecycle.approval_rules import ApprovalFacts, ProposalOffer, VariantOffer
from bot.lifecycle.command_payloads import ApproveManagedProposal
from bot.proposals.document import Proposal, from_document, variants_of
from bot.proposals.sizing import quantity_step
from bot.storage.home import Home
from bot.storage.proposal_reader import read_proposal


class ExchangeApprovalFacts:
    """Fetches approval facts over the exchange; one that does not answer leaves them unknown."""

    def __init__(
        self, home: Home, *, market: MarketData, balances: BalanceProvider, clock: Clock, quote: str
    ) -> None:
        self._home = home
        self._market = market
        self._balances = balances
        self._clock = clock
        self._quote = quote

    def facts_for(self, asset: str, payload: ApproveManagedProposal) -> ApprovalFacts:
        """Return the offer in the proposal's file with the price and the balance of now."""
        offer = offer_of(from_document(read_proposal(self._home, payload.proposal_id)))
        observed_at = self._clock.now()
        try:
            price = self._market.ticker(pair_of(asset, self._quote)).last
        except ExchangeError:
            price = None
        try:
            quantity = self._balances.wallet().total(asset)
        except ExchangeError:
            quantity = None
        return ApprovalFacts(
            offer=offer,
            price=price,
            wallet_quantity=quantity,
            quantity_step=self._quantity_step(asset) if payload.overrides is not None else None,
            observed_at=observed_at,
        )

    def _quantity_step(self, asset: str) -> Decimal | None:
        """Return the grid that a lowered quantity must lie on; None where the exchange does not tell."""
        try:
            rules = self._market.markets().get(pair_of(asset, self._quote))
        except ExchangeError:
            return None
        return None if rules is None else quantity_step(rules)


def offer_of(proposal: Proposal) -> ProposalOffer:
    """Return what an approval needs of a proposal."""
    advice = proposal.risk_recommendation
    return ProposalOffer(
        proposal_id=proposal.proposal_id,
        asset=proposal.asset,
        environment=proposal.environment,
        digest=proposal.digest,
        expires_at=proposal.expires_at,
        strategy_group=proposal.strategy_recommendation.strategy_group,
        reference_price=advice.reference_price,
        reference_regime=proposal.market_context.regime,
        atr=proposal.market_context.atr_14d,
        wallet_quantity=proposal.wallet.quantity,
        synthetic_entry=advice.synthetic_entry_value,
        synthetic_entry_method=advice.synthetic_entry_method,
        variants={
            terms.variant: VariantOffer(
                quantity=terms.quantity,
                stop_loss=terms.stop_loss,
                take_profit=terms.take_profit,
                max_allocation_usdt=terms.max_allocation_usdt,
                trailing={"enabled": True} if terms.trailing_stop_enabled else None,
                dca=None if terms.dca_settings is None else msgspec.structs.asdict(terms.dca_settings),
                blocked=terms.not_allowed.sentence if terms.not_allowed is not None else None,
            )
            for terms in variants_of(proposal)
        },
    )
