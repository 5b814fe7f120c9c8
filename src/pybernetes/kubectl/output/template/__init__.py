"""Go's text/template on decoded JSON: `lexer` makes tokens, `parser` a tree, `execute` writes text, `functions`
are built in.
"""
