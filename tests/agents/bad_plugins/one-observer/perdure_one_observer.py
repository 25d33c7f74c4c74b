from perdure.agents import Event, hookimpl


class Bell:
    async def on_event(self, event: Event) -> None: ...


@hookimpl
def register_observers():
    return Bell()
