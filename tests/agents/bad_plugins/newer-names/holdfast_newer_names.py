from holdfast.agents import AgentSpec, Forecast
