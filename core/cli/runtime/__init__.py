"""What all commands share: event loop, errors, logs, options, connections, completion."""
