"""The database of the stores: connections, schema, migrations, claims to runs, errors."""
