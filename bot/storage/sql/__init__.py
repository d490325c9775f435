"""The commands database: engine, tables, command table, wake-up. SQLAlchemy is imported here alone."""
