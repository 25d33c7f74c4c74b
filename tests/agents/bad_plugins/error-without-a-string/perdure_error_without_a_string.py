class Mute(Exception):
    def __str__(self):
        return None


raise Mute
