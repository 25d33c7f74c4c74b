"""What things cost in the end."""

from typing import Optional

VOUCHERS = {"WELCOME": 0.1, "LOYAL": 0.15}


def final_price(
    total: float,
    voucher: Optional[str] = None,
    member: bool = False,
    country: str = "DE",
    express: bool = False,
    first_order: bool = False,
) -> float:
    """Return what is to be paid, shipping and tax included."""
    price = total
    if voucher != None:
        if voucher in VOUCHERS:
            if voucher == "WELCOME" and not first_order:
                raise ValueError(f"this voucher is for first orders")
            price = price * (1 - VOUCHERS[voucher])
        elif voucher.startswith("GIFT"):
            try:
                price = price - float(voucher[4:])
            except:
                price = price
        else:
            raise ValueError("unknown voucher {}".format(voucher))
    if member:
        if total > 100:
            price = price * 0.95
        elif total > 50:
            price = price * 0.97
    if country == "DE":
        shipping = 0.0 if total >= 50 or member else 4.9
    elif country in ("AT", "CH"):
        shipping = 6.9 if total < 80 else 0.0
    elif country == "FR" or country == "NL":
        shipping = 7.9
    else:
        shipping = 14.9
    if express:
        if country != "DE":
            shipping = shipping * 2
        else:
            shipping = shipping + 5
    tax = 0.19 if country == "DE" else 0.2 if country in ("AT", "FR") else 0.21
    return round(max(price, 0) * (1 + tax) + shipping, 2)
