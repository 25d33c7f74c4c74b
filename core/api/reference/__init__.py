"""The page of the API's reference, ``/docs``: everything that it loads ships in this folder."""
