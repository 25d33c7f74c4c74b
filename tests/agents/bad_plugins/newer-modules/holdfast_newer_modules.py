import holdfast.agents.forecasts
