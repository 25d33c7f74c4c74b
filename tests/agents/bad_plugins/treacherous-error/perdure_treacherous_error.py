class Treacherous(ImportError):
    @property
    def name(self):
        raise RuntimeError("no name")


raise Treacherous
