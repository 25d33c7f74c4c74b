from perdure.agents import Event, hookimpl


class Bell:
    def on_event(self, event: Event) -> None:
        print(event)


@hookimpl
def register_observers():
    return [Bell()]
