import unittest

from shop.basket import Basket, Item
from shop.pricing import final_price
from shop.stock import OutOfStock, Stock


class BasketTest(unittest.TestCase):
    def test_total(self):
        basket = Basket([Item("tea", 4.5, 2), Item("cup", 7.0)])
        self.assertEqual(basket.total(), 16.0)

    def test_counts(self):
        basket = Basket([Item("tea", 4.5, 2), Item("tea", 4.5)])
        self.assertEqual(basket.counts(), {"tea": 3})

    def test_a_new_basket_is_empty(self):
        Basket().add(Item("tea", 4.5))
        self.assertEqual(Basket().total(), 0)


class PricingTest(unittest.TestCase):
    def test_plain(self):
        self.assertEqual(final_price(100), 119.0)

    def test_voucher(self):
        self.assertEqual(final_price(100, voucher="LOYAL"), 101.15)

    def test_unknown_voucher(self):
        with self.assertRaises(ValueError):
            final_price(100, voucher="NOPE")


class StockTest(unittest.TestCase):
    def test_take(self):
        self.assertEqual(Stock({"tea": 3}).take("tea", 2), 1)

    def test_take_too_many(self):
        with self.assertRaises(OutOfStock):
            Stock({"tea": 3}).take("tea", 4)
