"""What is printed: JSON and YAML as Go writes them, tables, JSONPath, Go templates, columns of one's own choice."""
