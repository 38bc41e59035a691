"""settlement: when sales become a merchant's own money, when credit is paid, and how money is paid out.

Owns     settlement_account, payout, payout_item, credit_repayment, withdrawal_destination, withdrawal, statement_export.
Promises a hop is settled once and never before its time; what was paid out is the sum of what it was paid out for, less what
         is still carried; what a wallet cannot give back today is taken from later payouts; money of a withdrawal is set aside
         from the moment it is asked for until it is paid, once, or given back, once; a statement adds up, and two partners'
         statements say the same; what is owed is drawn when it is due, oldest first, and its supplier gets of it what was
         repaid and no more.
Stands on orders, supply, identity, ledger.
"""

from fondaco_tenants.settlement.errands import (
    forget_statements,
    mail_destination_added,
    show_destination,
    write_statement,
)
from fondaco_tenants.settlement.errors import MoreThanOwed
from fondaco_tenants.settlement.errors_withdrawals import (
    DestinationTooNew,
    OwnWithdrawal,
    PeriodTooLong,
    TooLittleToWithdraw,
    TooManyDestinations,
    TooManyWithdrawals,
    WithdrawalInWrongState,
)
from fondaco_tenants.settlement.events import (
    CreditOverdue,
    CreditRepaid,
    DestinationAdded,
    DestinationRemoved,
    PaidOut,
    StatementRequested,
    WithdrawalApproved,
    WithdrawalCancelled,
    WithdrawalPaid,
    WithdrawalRefused,
    WithdrawalRequested,
)
from fondaco_tenants.settlement.rules_statements import AccountTotals, Movement
from fondaco_tenants.settlement.rules_withdrawals import (
    OPEN,
    STEPS,
    Act,
    DestinationKind,
    Payee,
    WithdrawalState,
    checked_payee,
)
from fondaco_tenants.settlement.service.destinations import (
    Destination,
    add_destination,
    destinations_by_ids,
    list_destinations,
    remove_destination,
)
from fondaco_tenants.settlement.service.payouts import Payout, due_sellers, list_payouts, settle_seller
from fondaco_tenants.settlement.service.repayments import (
    Debt,
    Repayment,
    debts_by_agreement,
    draw_due,
    due_resellers,
    list_repayments,
    repay_credit,
    tell_overdue,
)
from fondaco_tenants.settlement.service.statement_files import (
    StatementFile,
    fetch_statement_file,
    list_statement_files,
    read_statement_piece,
    request_statement,
)
from fondaco_tenants.settlement.service.statements import Line, Period, Place, Statement, read_lines, read_statement
from fondaco_tenants.settlement.service.summary import Due, Summary, settlement_summary
from fondaco_tenants.settlement.service.withdrawals import (
    Withdrawal,
    approve_withdrawal,
    cancel_withdrawal,
    list_all_withdrawals,
    list_withdrawals,
    record_withdrawal_paid,
    refuse_withdrawal,
    request_withdrawal,
    withdrawals_by_ids,
)

__all__ = [
    "OPEN",
    "STEPS",
    "AccountTotals",
    "Act",
    "CreditOverdue",
    "CreditRepaid",
    "Debt",
    "Destination",
    "DestinationAdded",
    "DestinationKind",
    "DestinationRemoved",
    "DestinationTooNew",
    "Due",
    "Line",
    "MoreThanOwed",
    "Movement",
    "OwnWithdrawal",
    "PaidOut",
    "Payee",
    "Payout",
    "Period",
    "PeriodTooLong",
    "Place",
    "Repayment",
    "Statement",
    "StatementFile",
    "StatementRequested",
    "Summary",
    "TooLittleToWithdraw",
    "TooManyDestinations",
    "TooManyWithdrawals",
    "Withdrawal",
    "WithdrawalApproved",
    "WithdrawalCancelled",
    "WithdrawalInWrongState",
    "WithdrawalPaid",
    "WithdrawalRefused",
    "WithdrawalRequested",
    "WithdrawalState",
    "add_destination",
    "approve_withdrawal",
    "cancel_withdrawal",
    "checked_payee",
    "debts_by_agreement",
    "destinations_by_ids",
    "draw_due",
    "due_resellers",
    "due_sellers",
    "fetch_statement_file",
    "forget_statements",
    "list_all_withdrawals",
    "list_destinations",
    "list_payouts",
    "list_repayments",
    "list_statement_files",
    "list_withdrawals",
    "mail_destination_added",
    "read_lines",
    "read_statement",
    "read_statement_piece",
    "record_withdrawal_paid",
    "refuse_withdrawal",
    "remove_destination",
    "repay_credit",
    "request_statement",
    "request_withdrawal",
    "settle_seller",
    "settlement_summary",
    "show_destination",
    "tell_overdue",
    "withdrawals_by_ids",
    "write_statement",
]
