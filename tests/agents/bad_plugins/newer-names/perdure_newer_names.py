from perdure.agents import AgentSpec, Forecast
