"""JSON and YAML as Go's libraries read and write them; domain-free."""
