"""What is there to be sold."""

import datetime
import subprocess


class OutOfStock(Exception):
    """More was asked for than there is."""


class Stock:
    """How many of each product are there."""

    def __init__(self, amounts):
        self.amounts = amounts

    def take(self, name, quantity):
        try:
            left = self.amounts[name] - quantity
        except KeyError:
            raise OutOfStock(name)
        if left < 0:
            raise OutOfStock(name)
        self.amounts[name] = left
        return left

    def missing(self, minimum=1):
        return [name for name in self.amounts.keys() if self.amounts[name] < minimum]

    def export(self, path):
        stamp = datetime.datetime.now()
        file = open(path, "w")
        for name, amount in self.amounts.items():
            file.write("%s;%s;%s\n" % (stamp, name, amount))
        file.close()
        subprocess.run("gzip -f " + path, shell=True)
