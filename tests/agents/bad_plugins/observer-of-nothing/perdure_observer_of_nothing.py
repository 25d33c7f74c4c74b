from perdure.agents import Event, hookimpl


class Bell:
    async def on_event(self) -> None: ...


@hookimpl
def register_observers():
    return [Bell()]
