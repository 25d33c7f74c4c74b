import perdure.agents.forecasts
