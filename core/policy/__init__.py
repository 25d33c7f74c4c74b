"""The policy: rules over what agents are about to do, judged before it has any effect."""
