"""What an operator watches of orders."""

FIGURES = {
    "orders_unpaid": "SELECT count(*) FROM \"order\" WHERE state = 'PENDING_PAYMENT'",
    "units_waiting": "SELECT count(*) FROM allocation WHERE state = 'WAITING'",
}
