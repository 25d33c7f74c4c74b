from perdure.agents import Event, hookimpl


@hookimpl
def register_observers():
    return [1]
