"""Configuration files that are followed while the server runs: a good new content takes effect at once, a bad one is
logged and counted and the old one stays.

files.py        a set of files whose changes are told by the kernel     metrics.py    what dashboards see of it
identity.py     AuthenticationConfiguration, AuthorizationConfiguration
keys.py         EncryptionConfiguration and its key management services
serving.py      the serving certificate and the CAs of clients
"""
