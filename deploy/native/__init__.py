"""The services of ``compose.yaml`` as programs of this machine, where no container engine runs."""
